from __future__ import annotations

import pytest

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections import catalogue
from privtalk.leaderboards.sections.audits.findings import AUDIT_QUESTION
from privtalk.leaderboards.sections.audits.section import Audits
from tests.leaderboards.attacked import audit


@pytest.fixture(scope="module")
def board(attacked_runs):
    return build(attacked_runs.records, attacked_runs.samples)


def audit_finding(board):
    (found,) = Audits(board).findings()
    return found


def audited(runs, change):
    return runs.changed(
        lambda r: r.model_copy(update={"audits": (change(r),)}) if r.attacks and r.tier != "none" else r
    )


def test_audits_that_hold_are_reported_after_the_attacks(board):
    found = audit_finding(board)
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
    found = audit_finding(build(broken.records, broken.samples))
    assert found.tone == "error"
    assert found.lines[0].figure == "said by the audit"


def test_audits_that_were_not_run_are_not_a_pass(attacked_runs):
    none = attacked_runs.changed(
        lambda r: r.model_copy(
            update={"audits": tuple(a.model_copy(update={"missing": "no"}) for a in r.audits)}
        )
    )
    found = audit_finding(build(none.records, none.samples))
    assert found.answers[0].text == "Not measured: none of 14 audits was run."


def test_nothing_is_said_of_audits_where_there_are_none(runs):
    board = build(runs.records, runs.samples)
    assert not Audits.present(board)
    assert AUDIT_QUESTION not in [found.question for found in catalogue.findings(board)]
