"""Sums of messages: groups around every client, nested, and the whole round."""

import pytest
import torch

from privtalk.attacks.aggregation.sums import groups, summed
from tests.attacks.message_world import stream, world


def test_a_sum_of_one_is_the_message():
    rounds = world().rounds
    for before, after in zip(rounds, summed(rounds, 1, stream), strict=True):
        assert torch.equal(before.messages, after.messages)


@pytest.mark.parametrize("n", [None, 16, 1000])
def test_a_whole_round_is_one_sum_for_everybody(n):
    rounds = world().rounds
    for before, after in zip(rounds, summed(rounds, n, stream), strict=True):
        total = before.messages.sum(0).expand_as(after.messages)
        torch.testing.assert_close(after.messages, total, atol=1e-4, rtol=1e-4)


def test_groups_hold_their_own_client_and_others_once():
    for k, group in enumerate(groups(9, 4, stream("groups"))):
        assert group[0] == k
        assert len(set(group)) == 4


def test_groups_are_nested():
    small, large = (groups(9, n, stream("groups")) for n in (3, 5))
    assert all(set(few) < set(many) for few, many in zip(small, large, strict=True))


def test_sums_are_of_the_groups():
    first = world().rounds[0]
    grouping = groups(len(first.cohort), 3, stream("attack", "sums", "round", 0))
    found = summed([first], 3, stream)[0].messages
    for k, group in enumerate(grouping):
        torch.testing.assert_close(found[k], first.messages[list(group)].sum(0))


def test_sums_of_nothing_are_refused_and_empty_rounds_stay_empty():
    with pytest.raises(ValueError, match="need at least 1"):
        groups(3, 0, stream("groups"))
    assert groups(0, None, stream("groups")) == ()
