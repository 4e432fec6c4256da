"""What a client can subtract, match and find from the adapters it was sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch

from privtalk.attacks.controls import CHANCE
from privtalk.attacks.membership.malicious_client import attack_client, gaussian_steps, matched, steps
from privtalk.attacks.membership.release import aim
from privtalk.attacks.views import ClientView, ReleaseView
from privtalk.core.seeds import torch_stream

STREAM = partial(torch_stream, 11)


@dataclass
class Own:
    index: int = 7


def client(backbone, received, released):
    return ClientView(backbone=backbone, own=Own(), received=received, released=released)


@pytest.fixture(scope="module")
def target(backbone, initial, person):
    fresh = tuple([person(i, footage="fresh") for i in group] for group in (range(6), range(6, 30)))
    return aim(ReleaseView(backbone=backbone, adapter=initial), STREAM, fresh=fresh, names=["user_inference"])


@pytest.fixture(scope="module")
def outcomes(backbone, initial, planted, target):
    """The client was sent the start and what training had come to half-way."""
    start, end = initial.flatten()[0], planted.flatten()[0]
    view = client(backbone, {0: start, 3: (start + end) / 2}, end)
    return attack_client(view, target, STREAM)


def test_steps_are_what_others_did():
    view = client(None, {4: torch.tensor([3.0, 0]), 1: torch.tensor([1.0, 0])}, torch.tensor([3.0, 5]))
    assert steps(view, {}).tolist() == [[2, 0], [0, 5]]
    assert steps(view, {4: torch.tensor([0.0, 1])}).tolist() == [[2, 0], [0, 4]]


def test_a_client_that_did_everything_itself_sees_nobody():
    moves = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    seen = torch.cat([torch.zeros(1, 5), moves.cumsum(0)])
    view = client(None, {r: seen[r] for r in range(3)}, seen[3])
    np.testing.assert_allclose(steps(view, dict(enumerate(moves))), 0, atol=1e-6)


def test_a_client_that_did_everything_itself_sees_nobody_in_a_mean_either():
    """The release is the mean of the adapters after each of three rounds."""
    moves = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    seen = torch.cat([torch.zeros(1, 5), moves.cumsum(0)])
    view = client(None, {r: seen[r] for r in range(3)}, seen[1:].mean(0))
    view = replace(view, parts={r: (3 - r) / 3 for r in range(3)})
    np.testing.assert_allclose(steps(view, dict(enumerate(moves))), 0, atol=1e-6)


def test_steps_need_rounds_of_the_client():
    with pytest.raises(ValueError, match="client 7 took part in no round"):
        steps(client(None, {}, torch.zeros(2)), {})
    with pytest.raises(ValueError, match="a part in round 2"):
        steps(client(None, {1: torch.zeros(2)}, torch.zeros(2)), {2: torch.zeros(2)})


def test_matching_is_the_mean_cosine_with_what_is_a_persons_own():
    gradients = torch.tensor([[1.0, 5], [-1, 5], [0, 5]])
    moves = torch.tensor([[-2.0, 0], [0, 3]])
    np.testing.assert_allclose(matched(moves, gradients), [0.5, -0.5, 0])
    np.testing.assert_array_equal(matched(0 * moves, gradients), 0)


def test_gaussian_steps_are_as_long():
    moves = torch.tensor([[3.0, 4, 0], [0, 0, 1]])
    random = gaussian_steps(moves, torch.Generator().manual_seed(0))
    torch.testing.assert_close(random.norm(dim=1), moves.norm(dim=1))
    assert not torch.equal(random, moves)


@pytest.mark.parametrize("name", ["malicious_client", "malicious_client_loss"])
def test_planted_members_are_found(outcomes, name):
    assert outcomes[name].evaluation.auc.low > CHANCE
    assert outcomes[name].valid, outcomes[name].controls
    assert outcomes[name].declaration.view == "client"


def test_the_clients_own_part_is_not_taken_for_somebody_elses(backbone, initial, planted, target):
    """The client did all the steps itself: once subtracted, nobody is found."""
    start, end = initial.flatten()[0], planted.flatten()[0]
    outcomes = attack_client(client(backbone, {0: start}, end), target, STREAM, own={0: end - start})
    for outcome in outcomes.values():
        assert outcome.evaluation.auc.low <= CHANCE <= outcome.evaluation.auc.high


def test_fresh_footage_is_needed(backbone, initial, target):
    view = client(backbone, {0: initial.flatten()[0]}, initial.flatten()[0])
    with pytest.raises(ValueError, match="holds fresh footage"):
        attack_client(view, replace(target, scenes={}), STREAM)
