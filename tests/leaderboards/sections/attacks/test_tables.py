from __future__ import annotations

import io

import pytest
from rich.console import Console

from privtalk.core.records import Control, Estimate
from privtalk.leaderboards import show as terminal
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.audits.section import Audits
from tests.leaderboards.attacked import GAINS, KINDS, audit


@pytest.fixture(scope="module")
def board(attacked_runs):
    return build(attacked_runs.records, attacked_runs.samples)


def printed(board, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    terminal.show(board, console)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_the_whole_attack_set_is_shown_and_nothing_is_cut_off(board, width):
    text = printed(board, width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for name in (*KINDS, *GAINS, "The strongest attacks, ε = 2", "Attacks, References", "Audits"):
        assert name in text


def test_what_is_planted_stands_beside_each_attack(board):
    lines = printed(board).split("Attacks, ε = 2")[1].splitlines()
    cells = {line.split()[0]: line.split() for line in lines if line.strip()}
    assert cells["lira"][1:4] == ["release", "0.95", "±0.03"]
    assert cells["cdi"][1:3] == ["release", "?"]
    assert cells["prior_guided"][1:5] == ["(dB)", "server", "+9.00", "dB"]


def test_the_strongest_is_marked_only_where_it_leaks(board):
    text = printed(board)
    free = text.split("The strongest attacks, no DP")[1].split("The strongest")[0]
    private = text.split("The strongest attacks, ε = 2")[1].split("The strongest")[0]
    assert all("▲" in line for line in free.splitlines() if "[" in line)
    assert "rank-1 rate 0." in free
    release = next(line for line in private.splitlines() if " release " in line)
    server = next(line for line in private.splitlines() if "fedmia" in line)
    assert "▲" not in release
    assert "▲" in server


def test_a_failed_control_hides_the_figure(attacked_runs):
    failed = {"controls": {"x": Control(auc=Estimate(value=0.7), passed=False)}, "valid": False}
    spoilt = attacked_runs.changed(
        lambda r: r.model_copy(
            update={
                "attacks": {
                    n: a.model_copy(update=failed if n == "loss" else {}) for n, a in r.attacks.items()
                }
            }
        )
    )
    text = printed(build(spoilt.records, spoilt.samples)).split("Attacks, no DP")[1]
    line = next(line for line in text.splitlines() if line.split()[:1] == ["loss"])
    assert line.split()[-2:] == ["!", "!"]


def test_audits_are_side_by_side_and_violations_are_said(attacked_runs):
    broken = attacked_runs.changed(
        lambda r: r.model_copy(update={"audits": (audit(r.privacy, certified=5.0),)}) if r.audits else r
    )
    board = build(broken.records, broken.samples)
    text = printed(board)
    lines = [line for line in text.split("Audits: ε at most")[1].splitlines() if "FedAvg" in line]
    private = next(line for line in lines if "ε = 2" in line)
    assert private.split()[-5:] == ["VIOLATED", "1.99", "5.00", "5.00", "1.10"]
    assert "nothing claimed" in next(line for line in lines if "no DP" in line)
    notes = Audits(board).terminal(120, whole=True).notes
    assert any("PLD says ε ≤ 1.99" in note for note in notes)
    assert "* rests on an assumption: gaussian dp: the mechanism is Gaussian" in notes


def test_records_without_attacks_have_guarantees_alone(make):
    bare = make({("difftalk", "none"): 0.0, ("fedavg", "eps=8"): 1.0}, clients=3).changed(
        lambda r: r.model_copy(update={"attacks": {}})
    )
    text = printed(build(bare.records, bare.samples))
    assert "7.99 / 7.99 / none" in text
    assert "Attacks" not in text
