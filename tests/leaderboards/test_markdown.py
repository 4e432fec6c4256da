"""A board as Markdown: all rows, the same figures as the terminal, and no text that becomes markup."""

from __future__ import annotations

import re

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.markdown import markdown_table, to_markdown


def rows(text: str) -> list[list[str]]:
    """Cells of the first table, heads first."""
    table = text[text.index("| row") :].partition("\n\n")[0].splitlines()
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table]


def test_every_row_has_its_tier_its_place_and_its_figures(runs):
    board = build(runs.records, runs.samples)
    heads, rule, *lines = rows(to_markdown(board))
    assert heads[:2] == ["row", "tier"]
    assert len(lines) == len(board.rows)
    assert {len(line) for line in (heads, rule, *lines)} == {len(heads)}
    told = {(line[0].rstrip("*!\\"), line[1]): line for line in lines}
    fedavg = board.row("fedavg", "eps=8")
    estimate = fedavg.cells["psnr"].estimate
    assert told["FedAvg", "ε = 8"][4].startswith(f"{estimate.value:.2f}")


def test_the_whole_has_a_table_a_family(runs):
    board = build(runs.records, runs.samples)
    short, whole = to_markdown(board), to_markdown(board, whole=True)
    assert "#### " not in short
    assert re.findall(r"^#### (.*)$", whole, re.MULTILINE) == [f.capitalize() for f in board.families]


def test_every_finding_and_note_is_there(runs):
    text = to_markdown(build(runs.records, runs.samples))
    assert "**Could an attacker tell who took part?**" in text
    assert "- Mean over clients ± half of the 95 % interval" in text


def test_text_of_records_is_no_markup():
    lines = markdown_table(["a"], [["<b>|*x*"]])
    assert lines[2] == r"| &lt;b&gt;\|\*x\* |"
