"""The section in every medium: for protections alone, whole where figures are missing, loud where a control is."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from privtalk.core.display import Display
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.markdown import to_markdown
from privtalk.leaderboards.sections.catalogue import findings, sections_of, worse
from privtalk.leaderboards.sections.protection.section import Protections
from privtalk.leaderboards.show import show
from privtalk.leaderboards.site.publish import publish
from tests.leaderboards.protected import CONTROL, block, failing, protected, without

BLIND = ("identity_kept[talkhead]", "face_shift[talkhead]", "still_psnr")
"""The metrics of intactness."""
VARIED = {
    "whole": protected,
    "without intactness": lambda: without(protected(), *BLIND),
    "without control": lambda: without(protected(), "audio_control"),
    "without attackers": lambda: protected(restored={}),
}


def board_of(runs):
    return build(runs.records, runs.samples)


@pytest.fixture(scope="module")
def board():
    return board_of(protected())


def printed(board):
    screen = io.StringIO()
    show(board, Console(file=screen, width=200), whole=True)
    return screen.getvalue()


def test_it_stands_on_boards_of_protections_alone(board, runs):
    assert "protection" in {section.name for section in sections_of(board)}
    plain = board_of(runs)
    assert not Protections.present(plain)
    assert "protection" not in {section.name for section in sections_of(plain)}
    clean = protected({("unprotected", "none"): 1.0})
    assert not Protections.present(board_of(clean))


def test_it_comes_first(board):
    assert sections_of(board)[0].name == "protection"
    assert findings(board)[0].question == "Does a protection silence the portrait?"


def test_a_control_that_failed_is_a_remark_and_no_finding_is_sound():
    section = Protections(board_of(failing(protected(), "silencer")))
    assert [(line.subject, line.figure, line.verdict) for line in section.remarks()] == [
        (f"Silencer I, {at}", "control failed: noise of equal I-PSNR, seed 0", "invalid")
        for at in ("8/255", "16/255")
    ]
    last = findings(section.board)[-1]
    assert last.tone == "warning"
    assert section.sound not in last.answers[0].text


def test_controls_that_hold_are_told(board):
    assert Protections(board).remarks() == []
    assert Protections.sound in findings(replace(board, seeds=(0, 1)))[-1].answers[0].text


@pytest.fixture
def record():
    runs = protected({("silencer", "budget=8"): 0.4})
    return runs.records[0]


def test_a_control_that_fails_now_is_worse(record):
    now = record.model_copy(update={"protection": block("budget=8", fails=True)})
    said = "control 'noise of equal I-PSNR' held and fails now"
    assert Protections.worse(record, now, Display()) == [said]
    assert said in worse(record, now, Display())
    assert Protections.worse(now, record, Display()) == []
    assert Protections.worse(now, now, Display()) == []
    assert Protections.worse(record, record, Display()) == []


def test_a_control_that_is_new_or_only_shown_is_not_worse(record):
    fails = record.model_copy(update={"protection": block("budget=8", fails=True)})
    unprotected = record.model_copy(update={"protection": None})
    assert Protections.worse(unprotected, fails, Display()) == []
    assert Protections.worse(record, unprotected, Display()) == []
    shown = block("budget=8")
    checks = {n: c.model_copy(update={"decides": False, "passed": False}) for n, c in shown.controls.items()}
    lost = record.model_copy(update={"protection": shown.model_copy(update={"controls": checks})})
    assert Protections.worse(record, lost, Display()) == []


def test_markdown_has_a_line_a_row(board):
    lines, by = tables(board)
    assert len(lines) == 2 + len(CONTROL)
    assert {line.count("|") for line in lines} == {7}
    mine = next(line for line in lines if line.startswith("| Silencer I | 8/255"))
    assert "0.40 [" in mine
    assert "0.90 [" in mine
    assert "diffpure | 0.97 | 34.0 |" in mine
    unattacked = next(line for line in lines if line.startswith("| Silencer I | 16/255"))
    assert "| - | 0.97 | 28.5 |" in unattacked

    assert [line.split(" | ")[0] for line in by] == [
        "| by",
        "|---|---|---|---|---|---|---|",
        "| direct",
        "| jpeg and half size",
        "| diffpure",
    ]
    assert by[0].split(" | ")[1:3] == ["Unprotected", "Audio swap (end to end)"]
    assert by[-1] == "| diffpure | 1.10 | 0.60 | 0.70 | 0.80 | 0.90 | 1.10 |"


def tables(board):
    """The tables of the section's Markdown, by their lines."""
    text = "\n".join(Protections(board).markdown())
    return [part.split("\n") for part in text.strip().split("\n\n")]


def test_without_attackers_there_is_one_table():
    assert len(tables(board_of(protected(restored={})))) == 1


def test_markdown_shows_what_is_missing_as_missing():
    lines, _ = tables(board_of(without(protected(), *BLIND)))
    assert next(line for line in lines if "Silencer I |" in line).endswith("diffpure | - | 34.0 |")


def test_the_terminal_shows_who_restores_whom(board):
    text = printed(board)
    assert "audio control retained, by attacker" in text
    direct, clean_photo = (0.1, 0.2, 0.3, 0.4, 0.99), 1.0
    for name, more in (("direct", 0.0), ("jpeg and half size", 0.2), ("diffpure", 0.5)):
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{name} "))
        left = [f"{min(control + more, 1.1) if more else control:.2f}" for control in (clean_photo, *direct)]
        assert line.split()[-6:] == left
    assert "diffpure: what diffpure does" in text
    short = Protections(board).terminal(80, whole=False)
    assert (list(short.tables), list(short.notes)) == ([], [])


def test_attackers_are_explained_once_each(board):
    assert Protections(board).abouts == {
        name: f"what {name} does" for name in ("jpeg_and_half_size", "diffpure")
    }


@pytest.mark.parametrize("kind", VARIED)
def test_every_medium_but_the_page_shows_whatever_is_there(kind):
    board = board_of(VARIED[kind]())
    assert "Silencer I" in printed(board)
    text = to_markdown(board, whole=True)
    assert "Silencer I" in text
    assert "nan" not in text.lower()


@pytest.mark.parametrize("kind", ["whole", "without intactness"])
def test_the_page_has_the_section_its_charts_and_its_controls(tmp_path, kind):
    runs = failing(VARIED[kind](), "mouth_freeze")
    index = publish([runs.write(tmp_path / "run")], tmp_path / "site")
    text = index.read_text(encoding="utf-8")
    assert '<section id="protection">' in text
    assert "Who is silenced, and who restores the mouth" in text
    for words in ("Who restores the mouth", "Protection against what it costs the portrait", "unbounded"):
        assert words in text
    assert text.count(">invalid</abbr>") == 1
    assert 'title="noise of equal I-PSNR, seed 0"' in text
    assert text.count(">fails</td>") == 1
    assert text.count(">holds</td>") == len(CONTROL) - 2
    assert text.count(">shown</td>") == len(CONTROL) - 1
    assert "jpeg and half size: what jpeg_and_half_size does" in text
    assert ("half silenced" in text) == (kind == "whole")
    [data] = (tmp_path / "site" / "charts").rglob("protection-quadrants.json")
    drawn = json.loads(data.read_text(encoding="utf-8"))
    assert len(drawn) == (len(CONTROL) if kind == "whole" else 0)
