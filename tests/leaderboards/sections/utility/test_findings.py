from __future__ import annotations

import pytest

from privtalk.core.records import Control, Estimate
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections import catalogue
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.findings import attackers
from privtalk.leaderboards.sections.guarantee.findings import price_of_privacy
from privtalk.leaderboards.sections.utility import findings as f


@pytest.fixture(scope="module")
def board(runs):
    return build(runs.records, runs.samples)


def answers(finding) -> dict[str, str]:
    return dict(finding.answers)


def test_every_question_is_answered(board):
    questions = [finding.question for finding in catalogue.findings(board)]
    assert questions == [
        "Does training beat the zero-shot backbone on psnr?",
        "Does it hold beyond psnr?",
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


def test_beyond_the_headline_each_family_has_its_say(board):
    assert [m.name for m in f.spokesmen(board)] == [
        "psnr",
        "lpips[talkhead]",
        "fid[talkhead]",
        "identity[talkhead]",
        "jitter_error",
        "mouth_sync",
        "lse_c[talkhead]",
    ]
    said = answers(f.beyond_the_headline(board))
    assert set(said) == {"no DP", "ε = 8", "ε = 2"}
    assert "better in psnr, lpips, fid" in said["no DP"]


def test_a_price_paid_elsewhere_is_named(runs):
    worse = runs.rescored(
        lambda r, s: {"jitter_error": s.scores["jitter_error"] + 0.2} if r.method == "privfedtalk" else {}
    )
    said = answers(f.beyond_the_headline(build(worse.records, worse.samples)))
    clause = next(part for part in said["no DP"].split("; ") if part.startswith("PrivFedTalk"))
    assert clause.endswith(", worse in jitter_error")


def test_many_metrics_by_chance_are_corrected_for(make):
    """Rows without any gain: uncorrected, some of the many intervals are clear of zero."""
    null = {("difftalk", "none"): 0.0} | {(f"m{i}", "none"): 0.0 for i in range(30)}
    runs = make(null, seeds=(0,))
    board = build(runs.records, runs.samples)
    names = [m.name for m in f.spokesmen(board) if m.name != "psnr"]
    bare = sum(row.cells[n].verdict in ("better", "worse") for row in board.methods() for n in names)
    lines = f.beyond_the_headline(board).lines
    assert len(lines) == 30 * len(names)
    assert sum(line.verdict in ("better", "worse") for line in lines) == 0 < bare


def test_one_metric_alone_has_no_beyond(runs):
    def bare(record):
        return record.model_copy(update={"metrics": {"psnr": record.metrics["psnr"]}})

    assert f.beyond_the_headline(build(runs.changed(bare).records, runs.samples)) is None


def test_remarks_that_rows_share_are_one_line(runs):
    noise = runs.rescored(lambda r, s: {"psnr": 1.0} if r.kind == "method" else {})
    lines = catalogue.findings(build(noise.records, noise.samples))[-1].lines
    assert [(line.subject, line.figure) for line in lines] == [
        ("every method", "at noise level on psnr"),
        ("every method", "not above static reference on psnr"),
    ]


def test_no_difference_is_claimed_between_equal_methods(make):
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0, ("fedprox", "none"): 1.0})
    assert answers(f.between_methods(build(runs.records, runs.samples))) == {
        "no DP": "No difference is shown"
    }


def test_a_better_method_is_named(make):
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 2.0, ("fedprox", "none"): 1.0})
    assert answers(f.between_methods(build(runs.records, runs.samples))) == {"no DP": "FedAvg beats FedProx"}


def test_price_is_paired_with_the_same_method_without_dp(board):
    lines = price_of_privacy(board).lines
    assert len(lines) == 6
    expected = board.difference(board.row("fedavg", "eps=2").key, board.row("fedavg").key, "psnr")
    line = next(line for line in lines if line.subject.startswith("FedAvg, ε = 2"))
    assert line.figure.startswith(f"−{abs(expected.value):.2f} dB")


def test_an_attack_at_chance_is_no_proof_of_privacy(board):
    said = answers(attackers(AttackBoard(board))[0])
    assert said["no DP"].startswith("From the released adapter: yes, for every method")
    assert "not excluded" in said["ε = 2"]
    assert "strength not shown" in said["ε = 2"]


def test_failed_controls_warn(runs):
    def spoil(record):
        attacks = {}
        for name, attack in record.attacks.items():
            failed = Control(auc=Estimate(value=0.8, low=0.7, high=0.9), passed=False)
            attacks[name] = attack.model_copy(update={"controls": {"never trained": failed}, "valid": False})
        return record.model_copy(update={"attacks": attacks})

    spoilt = runs.changed(spoil)
    board = build(spoilt.records, spoilt.samples)
    (found,) = attackers(AttackBoard(board))
    assert found.tone == "warning"
    assert "no valid answer for any method" in answers(found)["ε = 8"]
    lines = catalogue.findings(board)[-1].lines
    assert sum("'never trained' is not at chance" in line.figure for line in lines) == 1
    assert any("20 runs of controls up to about 0.01 would by chance" in line.figure for line in lines)


def test_trust_is_earned(board, runs):
    assert catalogue.findings(board)[-1].tone == "plain"
    partial = runs.only(lambda r: r.cell_id != runs.cell("fedprox", "eps=2", 1))
    found = catalogue.findings(build(partial.records, partial.samples))[-1]
    assert found.tone == "warning"
    assert [line.figure for line in found.lines] == ["seed 1 missing"]


def test_uncommitted_code_is_remarked(runs):
    dirty = runs.changed(lambda r: r.model_copy(update={"code": r.code.model_copy(update={"dirty": True})}))
    lines = catalogue.findings(build(dirty.records, dirty.samples))[-1].lines
    assert any("uncommitted changes" in line.figure for line in lines)


def test_references_alone_make_no_claims(runs):
    alone = runs.only(lambda r: r.kind != "method")
    questions = [x.question for x in catalogue.findings(build(alone.records, alone.samples))]
    assert "Which method is best?" not in questions
    assert "What does the guarantee cost?" not in questions
