from __future__ import annotations

import pytest

from privtalk.bench.records import Control, Estimate
from privtalk.leaderboards import findings as f
from privtalk.leaderboards.board import build


@pytest.fixture(scope="module")
def board(runs):
    return build(runs.records, runs.samples)


def answers(finding) -> dict[str, str]:
    return dict(finding.answers)


def test_every_question_is_answered(board):
    questions = [finding.question for finding in f.findings(board)]
    assert questions == [
        "Does training beat the zero-shot backbone on psnr?",
        "Which method is best?",
        "What does the guarantee cost?",
        "Could an attacker tell who took part?",
        "Can the numbers be trusted?",
    ]


def test_claims_follow_the_intervals(board):
    said = answers(f.against_baseline(board))
    for tier, label in (("none", "no DP"), ("eps=2", "ε = 2")):
        for row in board.methods(tier):
            clear = row.cells["psnr"].difference.low > 0
            part = next(p for p in said[label].split("; ") if row.label in p)
            assert (" beat" in part) == clear


def test_no_difference_is_claimed_between_equal_methods(make):
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0, ("fedprox", "none"): 1.0})
    assert answers(f.between_methods(build(runs.records, runs.samples))) == {
        "no DP": "No difference is shown"
    }


def test_a_better_method_is_named(make):
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 2.0, ("fedprox", "none"): 1.0})
    assert answers(f.between_methods(build(runs.records, runs.samples))) == {"no DP": "FedAvg beats FedProx"}


def test_price_is_paired_with_the_same_method_without_dp(board):
    lines = f.price_of_privacy(board).lines
    assert len(lines) == 6
    expected = board.difference(board.row("fedavg", "eps=2").key, board.row("fedavg").key, "psnr")
    line = next(line for line in lines if line.subject.startswith("FedAvg, ε = 2"))
    assert line.figure.startswith(f"−{abs(expected.value):.2f} dB")


def test_an_attack_at_chance_is_no_proof_of_privacy(board):
    said = answers(f.attacker(board))
    assert said["no DP"].startswith("Yes, for")
    assert "not excluded" in said["ε = 2"]


def test_failed_controls_warn(runs):
    def spoil(record):
        attacks = {}
        for name, attack in record.attacks.items():
            failed = Control(auc=Estimate(value=0.8, low=0.7, high=0.9), passed=False)
            attacks[name] = attack.model_copy(update={"controls": {"never trained": failed}, "valid": False})
        return record.model_copy(update={"attacks": attacks})

    spoilt = runs.changed(spoil)
    board = build(spoilt.records, spoilt.samples)
    assert f.attacker(board).tone == "warning"
    assert "no valid answer" in answers(f.attacker(board))["ε = 8"].lower()
    assert any("'never trained' is not at chance" in line.figure for line in f.validity(board).lines)


def test_trust_is_earned(board, runs):
    assert f.validity(board).tone == "plain"
    partial = runs.only(lambda r: r.cell_id != "fedprox-eps2-1")
    found = f.validity(build(partial.records, partial.samples))
    assert found.tone == "warning"
    assert [line.figure for line in found.lines] == ["seed 1 missing"]


def test_uncommitted_code_is_remarked(runs):
    dirty = runs.changed(lambda r: r.model_copy(update={"code": r.code.model_copy(update={"dirty": True})}))
    lines = f.validity(build(dirty.records, dirty.samples)).lines
    assert any("uncommitted changes" in line.figure for line in lines)


def test_references_alone_make_no_claims(runs):
    alone = runs.only(lambda r: r.kind != "method")
    questions = [x.question for x in f.findings(build(alone.records, alone.samples))]
    assert "Which method is best?" not in questions
    assert "What does the guarantee cost?" not in questions
