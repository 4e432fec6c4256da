from __future__ import annotations

import pytest

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections import catalogue
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.findings import attackers
from privtalk.leaderboards.sections.audits.findings import AUDIT_QUESTION
from tests.leaderboards.attacked import audit


@pytest.fixture(scope="module")
def board(attacked_runs):
    return build(attacked_runs.records, attacked_runs.samples)


@pytest.fixture(scope="module")
def by_question(board):
    return {found.question: dict(found.answers) for found in attackers(AttackBoard(board))}


def audited(runs, change):
    return runs.changed(
        lambda r: r.model_copy(update={"audits": (change(r),)}) if r.attacks and r.tier != "none" else r
    )


def test_there_is_a_question_for_each_family(by_question):
    assert list(by_question) == [
        "Could an attacker tell who took part?",
        "Could an attacker tell who is behind a message?",
        "Could an attacker restore what a client trained on?",
        "Could an attacker tell who is in a sum?",
    ]
    assert all(set(said) == {"no DP", "ε = 8", "ε = 2"} for said in by_question.values())


def test_views_are_answered_apart(by_question):
    """What the server sees must not hide that the release is quiet."""
    said = by_question["Could an attacker tell who took part?"]["ε = 2"].split("; ")
    assert [part.split(":")[0] for part in said] == [
        "From the released adapter",
        "from successive globals",
        "from each client’s message",
    ]
    assert "not shown for any method by 17 attacks" in said[0]
    assert "yes, for every method, most by fedmia" in said[2]


def test_chance_is_qualified_by_strength(by_question):
    said = by_question["Could an attacker tell who took part?"]["ε = 2"].split("; ")
    assert "(14 find what is planted, 1 blind even to that, strength not shown for 2)" in said[0]
    assert "malicious_client (finds what is planted)" in said[1]


def test_what_is_not_excluded_widens_with_the_number_of_attacks(board, by_question):
    highs = [
        row.attacks[n].auc.high
        for row in board.methods("eps=2")
        for n in row.attacks
        if row.attacks[n].view == "release"
    ]
    text = by_question["Could an attacker tell who took part?"]["ε = 2"].split("; ")[0]
    bound = float(text.split("AUC up to ")[1].split(" ")[0])
    assert bound > max(highs)


def test_decibels_are_written_as_such(by_question):
    said = by_question["Could an attacker restore what a client trained on?"]
    assert "prior_guided" in said["no DP"]
    assert "PSNR gain +3.1" in said["no DP"]
    assert "dB not excluded" in said["ε = 2"]


def test_audits_that_hold_are_reported_after_the_attacks(board):
    found = leak_findings.audited(board)
    assert found.tone == "plain"
    assert found.answers[0].text.startswith("No: none of 14 audits")
    questions = [x.question for x in catalogue.findings(board)]
    assert questions.index(found.question) == len(questions) - 2


def test_a_violation_comes_first_and_is_loud(attacked_runs):
    broken = audited(
        attacked_runs, lambda r: audit(r.privacy, certified=5.0 if r.method == "fedavg" else 0.4)
    )
    board = build(broken.records, broken.samples)
    first = catalogue.findings(board)[0]
    assert (first.question, first.tone) == (AUDIT_QUESTION, "error")
    assert first.answers[0].text.startswith("YES: 2 of 14 audits")
    assert {line.subject for line in first.lines} == {
        "FedAvg, ε = 2, seed 0: sums",
        "FedAvg, ε = 2, seed 1: sums",
    }
    assert all("ε ≥ 5" in line.figure and "PLD says ε ≤ 1.99" in line.figure for line in first.lines)


def test_a_recorded_violation_counts_even_if_the_figures_do_not_show_it(attacked_runs):
    broken = audited(attacked_runs, lambda r: audit(r.privacy, violations=("said by the audit",)))
    found = leak_findings.audited(build(broken.records, broken.samples))
    assert found.tone == "error"
    assert found.lines[0].figure == "said by the audit"


def test_audits_that_were_not_run_are_not_a_pass(attacked_runs):
    none = attacked_runs.changed(
        lambda r: r.model_copy(
            update={"audits": tuple(a.model_copy(update={"missing": "no"}) for a in r.audits)}
        )
    )
    found = leak_findings.audited(build(none.records, none.samples))
    assert found.answers[0].text == "Not measured: none of 14 audits was run."


def test_nothing_is_said_of_audits_where_there_are_none(runs):
    assert leak_findings.audited(build(runs.records, runs.samples)) is None
