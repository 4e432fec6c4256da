"""Speed and size in every medium: every figure in its column, dashes where nothing was taken, texts as text."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from privtalk.core.display import Display
from privtalk.core.run_folder import RunPlan, write_plan
from privtalk.leaderboards.markdown import to_markdown
from privtalk.leaderboards.sections.efficiency.efficiency_board import EfficiencyBoard
from privtalk.leaderboards.sections.efficiency.section import COLUMNS, Efficiency, cells
from privtalk.leaderboards.show import show
from privtalk.leaderboards.site.publish import publish
from tests.leaderboards.sections.efficiency.timed import (
    ROWS,
    Timed,
    block,
    labelled,
    record,
    timed_board,
    timed_runs,
)

HOSTILE = "<script>alert(1)</script> | [red]{{ 7 * 7 }} `*"


@pytest.fixture(scope="module")
def board():
    return timed_board()


def printed(board, *, whole=True):
    screen = io.StringIO()
    show(board, Console(file=screen, width=220), whole=whole)
    return screen.getvalue()


def without_fields():
    """A board of blocks of before there was a reference, with one speed each."""
    runs = timed_runs(times=False)
    return timed_board(
        runs.changed(
            lambda found: found.model_copy(
                update={
                    "efficiency": found.efficiency
                    and found.efficiency.model_copy(update={"speeds": found.efficiency.speeds[:1]})
                }
            )
        )
    )


def test_every_cell_is_in_its_column(board):
    told = dict(zip(COLUMNS, cells(EfficiencyBoard(board).rows[0]), strict=True))
    assert told == {
        "frames/s": "100",
        "frames/s\n2 threads": "-",
        "frames/s\nno audio": "200",
        "times the\nreference": "1.00",
        "passes": "16",
        "M MACs\na frame": "16.0",
        "weights\nneeded,\nM": "1.50",
        "weights\nall,\nM": "2.00",
        "weights\ntrained,\nM": "1.00",
        "MB\non disk": "2.00",
    }


def test_markdown_has_a_line_a_timed_row(board):
    lines = [line for line in Efficiency(board).markdown() if line.startswith("|")]
    assert len(lines) == 2 + 5
    assert {line.count("|") for line in lines} == {1 + 3 + len(COLUMNS)}
    assert lines[0].startswith("| row | near mm | mid mm | frames/s | frames/s 2 threads |")
    assert next(line for line in lines if line.startswith("| small |")).endswith("| 0.100 |")


def test_the_terminal_shows_the_table_of_the_whole_board_alone(board):
    assert "speed and size" in printed(board)
    assert "speed and size" not in printed(board, whole=False)
    short = Efficiency(board).terminal(80, whole=False)
    assert (list(short.tables), list(short.notes)) == ([], [])
    assert len(list(Efficiency(board).terminal(80, whole=True).tables)) > 1


def test_the_note_says_how_speeds_were_taken(board):
    assert Efficiency(board).note == (
        "one clip of 250 frames at a time, on one thread where nothing else is said; the reference, slow, was run turn "
        "by turn with each row"
    )
    assert "means over 2 seeds" in Efficiency(timed_board(timed_runs(seeds=(0, 1)))).note


def test_missing_fields_are_dashes():
    board = without_fields()
    told = dict(zip(COLUMNS, cells(EfficiencyBoard(board).rows[0]), strict=True))
    assert (told["times the\nreference"], told["frames/s\nno audio"]) == ("-", "-")
    assert "reference" not in Efficiency(board).note
    assert "nan" not in printed(board).lower()
    assert "times slow" not in to_markdown(board)


def test_a_row_without_any_speed_keeps_its_size(tmp_path):
    runs = timed_runs()
    silent = block(Timed(2.0, 1.0, 100_000, 2), None).model_copy(update={"speeds": ()})
    runs.add(*record("silent", "none", Timed(2.0, 1.0), silent))
    board = timed_board(runs)
    assert "not timed; 0.10 MB" in "".join(line.figure for line in Efficiency(board).findings()[0].lines)
    drawn = published(runs, tmp_path)
    assert "silent" not in {row["label"] for row in drawn["speed"]}
    assert "silent" in {row["label"] for row in drawn["megabytes"]}


def published(runs, tmp_path):
    """The data of the charts of a published board, by their field."""
    publish([runs.write(tmp_path / "run")], tmp_path / "site")
    charts = tmp_path / "site" / "charts" / "index"
    return {
        field: json.loads((charts / f"efficiency-{field}.json").read_text(encoding="utf-8"))
        for field in ("speed", "megabytes")
    }


def test_the_page_has_the_section_its_charts_and_its_table(tmp_path):
    drawn = published(timed_runs(), tmp_path)
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert '<section id="efficiency">' in text
    for words in ("Quality against speed", "Quality against size", "weights<br>needed,<br>M"):
        assert words in text
    assert '<abbr title="not taken">-</abbr>' in text
    assert {len(rows) for rows in drawn.values()} == {5}


def test_a_board_without_a_headline_shows_the_table_alone():
    none = timed_board(
        timed_runs().changed(lambda found: found.model_copy(update={"metrics": {}})), Display()
    )
    assert none.headline is None
    section = Efficiency(none)
    assert section.shown.metrics == ()
    assert section.shown.front(lambda timed: timed.megabytes) == ()
    assert "speed and size" in printed(none)
    assert len([line for line in section.markdown() if line.startswith("|")]) == 2 + len(ROWS) - 2


def test_hostile_labels_are_shown_as_text(tmp_path):
    runs = timed_runs()
    board = timed_board(runs, labelled(HOSTILE))
    assert HOSTILE in printed(board)
    lines = [line for line in Efficiency(board).markdown() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {1 + 3 + len(COLUMNS)}
    assert not any("<script" in line for line in lines)
    folder = runs.write(tmp_path / "run")
    plan = RunPlan(task="timed", suite="timed", preset="small", settings={}, display=labelled(HOSTILE))
    write_plan(folder, plan)
    publish([folder], tmp_path / "site")
    text = (tmp_path / "site" / "index.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    for chart in (tmp_path / "site" / "charts").rglob("efficiency-*.svg"):
        assert "<script" not in chart.read_text(encoding="utf-8")


@pytest.mark.parametrize("number", [0, -1, 10**60, -1e99, 5e-324, 1e-300, 0.5])
def test_odd_numbers_take_nothing_down(tmp_path, number):
    def odd(found):
        if found.efficiency is None or found.row != "slow":
            return found
        speeds = tuple(
            s.model_copy(update={"frames_per_second": float(number)}) for s in found.efficiency.speeds
        )
        counts = dict.fromkeys(("parameters", "needed", "trainable", "bytes_on_disk", "passes"), int(number))
        more = {"speeds": speeds, "times_reference": float(number), "macs_per_frame": float(number)}
        return found.model_copy(update={"efficiency": found.efficiency.model_copy(update=counts | more)})

    runs = timed_runs().changed(odd)
    assert "speed and size" in printed(timed_board(runs))
    drawn = published(runs, tmp_path)
    assert "small" in {row["label"] for row in drawn["speed"]}
