"""One board as an HTML page: a loop over its sections, and the files that the page links to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from privtalk.leaderboards import formats
from privtalk.leaderboards import sections as rooms
from privtalk.leaderboards.board.loading import Runs
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import board_rows
from privtalk.leaderboards.charts.files import write_table
from privtalk.leaderboards.sections.catalogue import findings, sections_of
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section
from privtalk.leaderboards.sections.trust import missing_sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """A board's page."""

    href: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PagePart:
    """A section on the page."""

    section: Section
    figures: Figures
    own: Mapping[str, Any]
    """The values that its template is given beside the board."""


def write(
    board: Board, runs: Runs, site: Path, link: PageLink, links: Sequence[PageLink], validation_href: str = ""
) -> None:
    """Write the page, its charts, media and downloads."""
    slug = Path(link.href).stem
    write_table(board_rows(board), site / "data" / slug)
    place = PagePlace(runs, site, slug, validation_href)
    sections = sections_of(board)
    context: dict[str, Any] = {
        "board": board,
        "boards": links,
        "page": {
            "title": link.title,
            "href": link.href,
            "facts": _facts(board),
            "seeds": f"seeds {formats.listing([str(s) for s in board.seeds])}",
            "csv": f"data/{slug}.csv",
            "json": f"data/{slug}.json",
            "records": len(board.recorded),
        },
        "findings": findings(board, sections),
        "parts": [
            PagePart(section=section, figures=section.figures(place), own=own)
            for section in sections
            if section.template and (own := section.page(place)) is not None
        ],
        "validation": validation_href,
        "lost": missing_sentence(board),
        "f": formats,
    }
    page = _environment().get_template("board.html.j2").render(context)
    (site / link.href).write_text(page, encoding="utf-8")


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([Path(__file__).parent / "templates", Path(rooms.__path__[0])]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _facts(board: Board) -> str:
    """One line under the title."""
    records = [record for row in board.rows for record in row.records]
    keys = {key for scores in board.scores.values() for values in scores.values() for key in values}
    clips = {key[1:] for key in keys}
    days = sorted({record.started[:10] for record in records})
    codes = sorted({formats.code_name(record.code) for record in records})
    seeds = _count(len(board.seeds), "seed")
    return (
        f"{len(board.rows)} rows, {seeds}, {len(clips)} test clips of {len(board.clients)} clients. "
        f"Run {days[0] if len(days) == 1 else f'{days[0]} to {days[-1]}'} with {formats.listing(codes)}."
    )


def _count(number: int, what: str) -> str:
    """
    >>> _count(1, "seed"), _count(2, "seed")
    ('1 seed', '2 seeds')
    """
    return f"{number} {what}{'' if number == 1 else 's'}"
