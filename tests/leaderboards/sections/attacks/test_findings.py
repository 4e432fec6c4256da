from __future__ import annotations

import pytest

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.findings import attackers


@pytest.fixture(scope="module")
def board(attacked_runs):
    return build(attacked_runs.records, attacked_runs.samples)


@pytest.fixture(scope="module")
def by_question(board):
    return {found.question: dict(found.answers) for found in attackers(AttackBoard(board))}


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
