"""A board in two small tables: the figures are the board's, bold says what is clear of zero."""

from __future__ import annotations

import re
from dataclasses import replace

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.summary import summary_lines
from privtalk.leaderboards.summary import summary
from tests.leaderboards.conftest import make_runs
from tests.leaderboards.progressed import personalised, with_alone


def tables(text: str) -> list[list[list[str]]]:
    """Cells of every table, heads first, without the rule."""
    found = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    split = [[re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()] for table in found]
    return [[[cell.strip() for cell in line] for line in [table[0], *table[2:]]] for table in split]


def board_of(runs):
    return build(runs.records, runs.samples)


def test_every_method_has_its_difference_at_every_place(runs):
    board = board_of(runs)
    (heads, *lines), *_ = tables(summary(board))
    places = [board.at(tier) for tier in board.tiers]
    assert heads[1:] == places
    assert {line[0] for line in lines} == {row.label for row in board.methods()}
    metric = board.metric(board.headline)
    for line in lines:
        for place, cell in zip(places, line[1:], strict=True):
            [row] = [r for r in board.methods() if (r.label, r.at) == (line[0], place)]
            shown = row.cells[metric.name]
            value = formats.number(shown.difference.value, metric.digits, signed=True)
            assert cell.replace("*", "").replace("\\", "").startswith(value)
            assert ("**" in cell) == (shown.verdict in ("better", "worse"))


def test_some_differences_are_clear_of_zero_and_some_are_not(make):
    gains = {("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0, ("fedprox", "none"): 0.0}
    (_, *lines), *_ = tables(summary(board_of(make_runs(gains))))
    bold = {line[0]: "**" in line[1] for line in lines}
    assert bold == {"FedAvg": True, "FedProx": False}


def test_personalised_rows_stand_below_what_was_released(make):
    board = board_of(with_alone(personalised(make(seeds=(0,), clients=6))))
    (_, *lines), (heads, *_), *_ = tables(summary(board))
    released = [", personalised in" not in line[0] for line in lines]
    assert released == sorted(released, reverse=True)
    assert set(released) == {True, False}
    assert any("personalised in 64 steps" in head for head in heads)
    assert "Local only, personalised in 64 steps" in summary(board)


def test_a_board_without_a_baseline_says_so(runs):
    text = summary(replace(board_of(runs), baseline=None))
    assert text.endswith("no row was compared with a baseline.\n")
    assert not tables(text)


def test_a_method_that_lacks_a_place_has_a_dash(make):
    gains = {
        ("difftalk", "none"): 0.0,
        ("fedavg", "none"): 1.0,
        ("fedavg", "eps=8"): 0.5,
        ("fedprox", "none"): 0.2,
    }
    (_, *lines), *_ = tables(summary(board_of(make_runs(gains))))
    assert next(line for line in lines if line[0] == "FedProx")[2] == formats.MISSING


def test_the_strongest_attacks_are_those_of_the_board(runs):
    board = board_of(runs)
    heads, *lines = tables(summary(board))[-1]
    assert heads == ["strongest attack", *(board.at(tier) for tier in board.tiers)]
    told = {line[0]: line[1:] for line in lines}
    asked = "Who took part, from the released adapter"
    for line in summary_lines(AttackBoard(board)):
        if line.row is None or line.row.kind != "method" or line.group.view != "release":
            continue
        cell = told[asked][board.tiers.index(line.row.key.tier)]
        assert f"by {line.attack} on {line.row.label}" in cell.replace("\\", "")
        assert ("**" in cell) == line.leaks


def test_a_board_without_attacks_has_two_tables(make):
    runs = make()
    for index, record in enumerate(runs.records):
        runs.records[index] = record.model_copy(update={"attacks": {}})
    assert len(tables(summary(board_of(runs)))) == 2
