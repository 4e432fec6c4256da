from __future__ import annotations

from dataclasses import replace

import pytest

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.findings import attackers
from privtalk.leaderboards.sections.attacks.personal import ASKED, stolen
from tests.leaderboards.attacked import Kind, membership


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


# ---- personal adapters that leak


def leaked(row, **how):
    """The row's attacks, with those on stolen adapters of its own."""
    kinds = {
        "weights_to_identity": Kind("identity", "personal", (how["who"],) * 3, None),
        "clip_in_personal": Kind("membership", "personal", (how["clip"],) * 3, None, "exact"),
        "others_in_personal": Kind("membership", "personal", (how["others"],) * 3, None),
    }
    return {name: membership(name, kind, kind.auc[0], 0, row.method) for name, kind in kinds.items()}


@pytest.fixture(scope="module")
def told(attacked_runs):
    """Answers where federated rows tell whose adapter it is and of its clips, and what is alone tells as much."""
    how = {"who": 0.95, "clip": 0.9, "others": 0.5}
    records = [
        r.model_copy(
            update={"attacks": {**{k: a for k, a in r.attacks.items() if k not in ASKED}, **leaked(r, **how)}}
        )
        for r in attacked_runs.records
        if r.method in ("fedavg", "local_only", "difftalk")
    ]
    board = AttackBoard(build(records, attacked_runs.samples))
    [found] = stolen(board)
    return board, dict(found.answers), found


def test_a_stolen_adapter_has_a_question_of_its_own(told):
    board, answers, found = told
    assert found.question == "What does a stolen personal adapter tell?"
    parts = answers["ε = 8"].split("; ")
    assert parts[0].startswith("Whose it is: yes, for FedAvg, most by weights_to_identity (rank-1 rate ")
    assert parts[1].startswith("whether a clip was in it: yes, for FedAvg, most by clip_in_personal (AUC ")
    assert parts[2].startswith("which other clients took part: not shown for FedAvg by others_in_personal")
    assert all("personal adapters that leak" not in " ".join(map(str, f.answers)) for f in attackers(board))


def test_without_stolen_adapters_there_is_no_such_question(board):
    assert stolen(AttackBoard(board)) == []


def test_a_stolen_adapter_whose_control_failed_is_not_believed(told):
    board, _, _ = told
    row = board.board.row("fedavg", "eps=8")
    broken = replace(row.attacks["clip_in_personal"], valid=False, verdict="invalid")
    rows = [
        replace(r, attacks={**r.attacks, "clip_in_personal": broken}) if r.key == row.key else r
        for r in board.board.rows
    ]
    [found] = stolen(AttackBoard(replace(board.board, rows=tuple(rows))))
    assert found.tone == "warning"
    assert "whether a clip was in it: no valid answer for FedAvg" in dict(found.answers)["ε = 8"]
