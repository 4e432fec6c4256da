"""The protections of a board: who belongs to whom, the worst attacker, and the quadrants."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.protection.protection_board import (
    INTACT,
    SILENCED,
    TALKING,
    ProtectionBoard,
    state,
)
from tests.leaderboards.protected import CONTROL, RESTORED, failing, protected, without


def shown_of(runs) -> ProtectionBoard:
    return ProtectionBoard(build(runs.records, runs.samples))


@pytest.fixture(scope="module")
def shown():
    return shown_of(protected())


def row(shown, method, tier="budget=8"):
    return next(found for found in shown.rows if found.row.key[:2] == (method, tier))


def test_every_row_has_its_own_attackers(shown):
    for found in shown.rows:
        meant = {} if found.row.key.tier == "budget=16" else RESTORED
        assert set(found.attacked) == set(meant)
        own = CONTROL[found.row.key[:2]]
        for name, attacked in found.attacked.items():
            assert attacked.key.method == found.row.key.method
            assert shown.control(attacked).value == pytest.approx(min(own + RESTORED[name], 1.1), abs=0.01)


def test_the_clean_portrait_comes_first_then_budgets_then_the_most_silent(shown):
    told = [found.row.key[:2] for found in shown.rows]
    at_eight = sorted((key for key in CONTROL if key[1] == "budget=8"), key=lambda key: CONTROL[key])
    assert told == [("unprotected", "none"), *at_eight, ("silencer", "budget=16")]
    assert [found.row.key[:2] for found in shown.methods] == told[1:]
    assert [found.row.key[:2] for found in shown.main] == at_eight


def test_attackers_stand_in_the_order_of_their_axis(shown):
    assert shown.attackers == ("jpeg_and_half_size", "diffpure")


def test_the_worst_attacker_is_the_one_who_restores_most(shown):
    name, attacked = shown.worst(row(shown, "silencer"))
    assert (name, attacked) == ("diffpure", row(shown, "silencer").attacked["diffpure"])


def test_nobody_attacks_worse_than_the_photo_as_it_is():
    """A purifier that helps the owner is no attacker to fear."""
    helped = shown_of(protected(restored={"blur": -0.05, "jpeg_75": -0.1}))
    name, attacked = helped.worst(row(helped, "silencer"))
    assert (name, attacked) == ("", row(helped, "silencer").row)


def test_the_worst_is_unknown_where_control_is():
    blind = shown_of(without(protected(), "audio_control"))
    assert blind.worst(row(blind, "silencer")) is None


def test_controls_that_fail_are_named_with_their_seed():
    shown = shown_of(failing(protected(seeds=(0, 1)), "silencer"))
    assert row(shown, "silencer").invalid == (
        "noise of equal I-PSNR, seed 0",
        "noise of equal I-PSNR, seed 1",
    )
    assert row(shown, "mouth_freeze").invalid == ()
    assert row(shown, "unprotected", "none").invalid == ()
    assert [(seed, name) for seed, name, _ in row(shown, "silencer").controls] == [
        (seed, name) for seed in (0, 1) for name in ("noise of equal I-PSNR", "shuffled by blocks")
    ]


def test_a_row_that_keeps_no_budget_says_so(shown):
    assert {found.row.key.method for found in shown.rows if not found.bounded} == {"silencer_latent"}


def test_identity_is_whichever_networks_read_it(shown):
    assert shown.intact(row(shown, "silencer").row).value == pytest.approx(0.97, abs=0.01)
    blind = shown_of(without(protected(), "identity_kept[talkhead]"))
    assert blind.intact(row(blind, "silencer").row).missing


def test_rows_are_near_where_their_portraits_cost_as_much(shown):
    latent = row(shown, "silencer_latent")
    near = {
        within: [f.row.key.tier for f in shown.near(latent, "silencer", within)] for within in (0.5, 1.5, 6)
    }
    assert near == {0.5: [], 1.5: ["budget=8"], 6: ["budget=8", "budget=16"]}


E, FAR = 1e-6, 0.3


@pytest.mark.parametrize(
    ("control", "intact", "word"),
    [
        (SILENCED, INTACT, "silenced"),
        (-0.1, 1.0, "silenced"),
        (SILENCED + E, INTACT, "half silenced"),
        (TALKING - E, INTACT, "half silenced"),
        (TALKING, INTACT, "talking"),
        (1.2, 1.0, "talking"),
        (SILENCED, INTACT - E, "broken"),
        ((SILENCED + TALKING) / 2, FAR, "broken"),
        ((SILENCED + TALKING) / 2 + E, FAR, "talking and broken"),
        (1.0, INTACT - E, "talking and broken"),
        (None, 1.0, "unknown"),
        (0.0, None, "unknown"),
    ],
)
def test_the_borders_of_the_quadrants(control, intact, word):
    assert state(control, intact) == word


@given(st.floats(-2, 2), st.floats(-1, 1))
def test_nothing_is_silenced_that_is_broken(control, intact):
    assert ("broken" in state(control, intact)) == (intact < INTACT)
    assert (state(control, intact) == "silenced") == (intact >= INTACT and control <= SILENCED)
