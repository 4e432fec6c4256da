from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from privtalk.core.records import Control, Estimate
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.attacks import attack_board
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.summary import strength_lines, summary_lines, targets
from tests.leaderboards.attacked import GAINS, KINDS, auc_estimate, membership


@pytest.fixture(scope="module")
def board(attacked_runs):
    return build(attacked_runs.records, attacked_runs.samples)


@pytest.fixture(scope="module")
def attacks(board):
    return AttackBoard(board)


def edited(runs, edit, method="fedavg"):
    """The same runs with the attacks of one method's records changed."""
    return runs.changed(
        lambda r: (
            r.model_copy(update={"attacks": {n: edit(n, a) for n, a in r.attacks.items()}})
            if r.method == method
            else r
        )
    )


def test_attacks_are_grouped_by_family_and_view(attacks):
    groups = attacks.groups
    assert [(g.family, g.view) for g in groups] == [
        ("membership", "release"),
        ("membership", "client"),
        ("membership", "server"),
        ("identity", "server"),
        ("reconstruction", "server"),
        ("aggregation", "sums"),
    ]
    assert sorted(n for g in groups for n in g.attacks) == sorted([*KINDS, *GAINS])


def test_the_spokesman_of_a_group_is_the_one_that_gains_most_for_sure(attacks):
    spoken = {(g.family, g.view): attacks.spokesman(g) for g in attacks.groups}
    assert spoken["membership", "server"] == "fedmia"
    assert spoken["membership", "release"] == "user_inference"
    assert spoken["reconstruction", "server"] is None  # without a ROC


def test_an_invalid_attack_speaks_for_nobody(attacked_runs):
    failed = Control(auc=Estimate(value=0.7, low=0.6, high=0.8), passed=False)
    spoilt = attacked_runs
    for method in ("fedavg", "privfedtalk"):
        spoilt = edited(
            spoilt,
            lambda n, a: (
                a.model_copy(update={"controls": {"x": failed}, "valid": False}) if n == "fedmia" else a
            ),
            method,
        )
    board = build(spoilt.records, spoilt.samples)
    attacks = AttackBoard(board)
    server = next(g for g in attacks.groups if (g.family, g.view) == ("membership", "server"))
    assert attacks.spokesman(server) == "update_cosine"
    (line,) = [x for x in summary_lines(attacks) if x.group == server and x.tier == "no DP"]
    assert (line.attack, line.census.invalid) == ("update_cosine", ("fedmia",))
    assert not attack_board.corrected(board.methods(), ["fedmia"])


def test_many_attacks_at_chance_do_not_add_up_to_a_leak(make):
    """Sixty attacks on noise: alone some are clear of chance, corrected none."""
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0}, seeds=(0,), clients=3)
    spread = ndtri((np.arange(60) + 0.5) / 60)  # what 60 draws of a standard normal look like
    draws = 1 / (1 + np.exp(-0.112 * spread))

    def noisy(record):
        base = membership("loss", KINDS["loss"], 0.5, 0, "fedavg")
        attacks = {
            f"a{i}": base.model_copy(update={"auc": auc_estimate(float(x), 96)}) for i, x in enumerate(draws)
        }
        return record.model_copy(update={"attacks": attacks}) if record.method == "fedavg" else record

    noise = runs.changed(noisy)
    board = build(noise.records, noise.samples)
    row = board.row("fedavg")
    assert sum(a.verdict == "above chance" for a in row.attacks.values()) > 0
    attacks = AttackBoard(board)
    assert not any(attacks.leaks(row, n) for n in board.attacks)


def test_every_tier_and_group_has_a_line_and_the_tally_is_complete(attacks):
    lines = summary_lines(attacks)
    assert len(lines) == 4 * len(attacks.groups)
    for line in lines:
        told = [*line.census.above, *line.census.chance, *line.census.invalid, *line.census.missing]
        assert sorted(told) == sorted(line.group.attacks)
        assert line.leaks == (line.attack in line.census.above)
    assert lines[-1].tier == "References"


def test_strength_stands_beside_each_attack_at_chance(attacks):
    lines = {line.attack: line for line in strength_lines(attacks, "membership")}
    assert set(lines) == {n for n, kind in KINDS.items() if kind.family == "membership"}
    assert lines["lira"].text.startswith("finds what is planted with AUC 0.95")
    assert "(adapters of one person each, 16 steps)" in lines["lira"].text
    assert "ε = 2: 2 of 2 rows" in lines["lira"].at_chance
    assert lines["clid"].text.startswith("does not find even what is planted")
    assert lines["cdi"].text == "strength not shown"
    assert lines["fedmia"].at_chance == ""


def test_powers_count_every_attack_once(board, attacks):
    rows = board.methods("eps=2")
    sorted_ = attack_board.powers(rows, attacks.attacks_of("membership"))
    assert sorted_["not found"] == ["clid"]
    assert sorted(sorted_["unknown"]) == ["cdi", "pfami"]
    assert sum(map(len, sorted_.values())) == len(attacks.attacks_of("membership"))


def test_targets_are_those_that_any_attack_states(board):
    assert targets(board) == [0.1, 0.01, 0.001]
