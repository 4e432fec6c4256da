"""A section that is added to the list is shown by every medium; nothing else has to know of it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.table import Table

from privtalk.core.display import PublishedFigures
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.markdown import to_markdown
from privtalk.leaderboards.regression.regression import compare_runs
from privtalk.leaderboards.sections import catalogue
from privtalk.leaderboards.sections.answers import EvidenceLine, answer, finding
from privtalk.leaderboards.sections.section import Section, TerminalBlock
from privtalk.leaderboards.show import show
from privtalk.leaderboards.site.publish import publish


class Planted(Section):
    """A section with something to say in every medium."""

    name, title, template = "planted", "Planted section", "published/section.html.j2"

    def findings(self):
        return [finding("Is it planted?", [answer("", "planted answer")], [])]

    def remarks(self):
        return [EvidenceLine(subject="Planted", figure="planted remark", verdict="warning")]

    def terminal(self, width, *, whole):
        return TerminalBlock([Table("novel table")], ["novel note"]) if whole else TerminalBlock()

    def page(self, place):
        return {"published": PublishedFigures(note="planted page")}

    @classmethod
    def worse(cls, old, fresh, display):
        return ["planted worsening"]


@pytest.fixture
def planted(monkeypatch):
    monkeypatch.setattr(catalogue, "SECTIONS", (*catalogue.SECTIONS, Planted))


def shown(board, *, whole: bool) -> str:
    console = Console(file=io.StringIO(), width=120, color_system=None)
    show(board, console, whole=whole)
    return console.file.getvalue()


def test_the_terminal_shows_it_and_its_finding(planted, attacked_runs):
    board = build(attacked_runs.records, attacked_runs.samples)
    for words in ("novel table", "novel note", "Is it planted?", "Planted answer"):
        assert words in shown(board, whole=True)
    assert "novel table" not in shown(board, whole=False)
    assert "Is it planted?" in to_markdown(board)
    assert "planted remark" in [line.figure for line in catalogue.findings(board)[-1].lines]


def test_the_page_and_comparisons_have_it(planted, make, tmp_path):
    folder = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0}, seeds=(0,), clients=3).write(
        tmp_path / "run"
    )
    text = publish([folder], tmp_path / "site").read_text(encoding="utf-8")
    assert '<a href="#planted">Planted section</a>' in text
    assert "planted page" in text
    found = compare_runs(load([folder]), load([folder]))
    assert sum("planted worsening" in check.text for check in found.checks) == 2


def test_without_it_nobody_speaks_of_it(attacked_runs):
    assert "novel" not in shown(build(attacked_runs.records, attacked_runs.samples), whole=True)


def test_a_section_that_has_nothing_left_to_show_is_not_on_the_page(make, tmp_path):
    """Strips are named, and their files are gone."""
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0}, seeds=(0,), clients=3).changed(
        lambda r: r.model_copy(update={"artifacts": {"frames/c000-u0.png": "artifacts/gone.png"}})
    )
    text = publish([runs.write(tmp_path / "run")], tmp_path / "site").read_text(encoding="utf-8")
    assert "samples" in [section.name for section in catalogue.sections_of(build(runs.records, runs.samples))]
    assert 'id="samples"' not in text
