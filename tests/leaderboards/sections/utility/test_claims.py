"""Claims of papers, put to the test: only what intervals support is affirmed."""

from __future__ import annotations

import pytest

from privtalk.core.display import Claim, ClaimedRow
from privtalk.leaderboards.sections.utility.claims import claims
from tests.leaderboards.sections.efficiency.timed import DISPLAY, ROWS, timed_board, timed_runs


def claimed(row: str, against: str, tier: str = "none", metric: str = "near", rows=ROWS):
    claim = Claim(
        question="Is it so?",
        row=ClaimedRow(row=row),
        against=(ClaimedRow(row=against, tier=tier),),
        metrics=(metric,),
    )
    return claims(timed_board(timed_runs(rows), DISPLAY.model_copy(update={"claims": (claim,)})))


@pytest.mark.parametrize(
    ("row", "against", "tier", "said"),
    [
        ("slow", "small", "none", "yes"),
        ("small", "slow", "none", "no, it is worse"),
        ("slow", "slow", "steps=2", "yes"),
    ],
)
def test_a_claim_is_answered_by_the_paired_difference(row, against, tier, said):
    [found] = claimed(row, against, tier)
    assert found.question == "Is it so?"
    [answer] = found.answers
    assert answer.text.endswith(f": {said}")
    assert len(found.lines) == 1


def test_equal_rows_show_nothing():
    same = {("one", "none"): ROWS["slow", "none"], ("two", "none"): ROWS["slow", "none"]}
    [found] = claimed("one", "two", rows=same)
    assert found.answers[0].text.endswith(": not shown")


def test_a_claim_of_what_is_not_on_the_board_is_left_out():
    assert claimed("slow", "nobody") == []
    assert claimed("nobody", "slow") == []
    assert claimed("slow", "small", metric="nothing") == []
