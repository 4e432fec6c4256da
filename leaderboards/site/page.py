"""One board as an HTML page: what the template is given, and the files that the page links to."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from privtalk.core.records import Privacy, Record
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.floors import flagged
from privtalk.leaderboards.board.loading import Runs
from privtalk.leaderboards.board.model import Board, Row
from privtalk.leaderboards.charts.data import board_rows
from privtalk.leaderboards.charts.files import write_table
from privtalk.leaderboards.escaping import file_name
from privtalk.leaderboards.sections.attacks import page as attack_page
from privtalk.leaderboards.sections.samples import media
from privtalk.leaderboards.sections.tradeoff import figures
from privtalk.leaderboards.sections.utility import grids
from privtalk.leaderboards.sections.utility.findings import findings, missing_sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A board's page."""

    href: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A record on the page."""

    label: str
    tier: str
    record: Record
    total: float
    residual: float | None
    """Share of the mean product of factors that averaging them lost, mean over rounds; None where not recorded."""
    record_href: str
    samples_href: str


def write(
    board: Board, runs: Runs, site: Path, link: Link, links: Sequence[Link], validation_href: str = ""
) -> None:
    """Write the page, its charts, media and downloads."""
    slug = Path(link.href).stem
    write_table(board_rows(board), site / "data" / slug)
    own = _runs(board, runs, site)
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
        },
        "findings": findings(board),
        "groups": _groups(board),
        "overview": grids.overview(board),
        "families": grids.families(board),
        "headers": grids.headers(board, runs.validation),
        "validation": validation_href,
        "lost": missing_sentence(board),
        "incomplete": [row for row in board.rows if row.incomplete],
        "flagged": flagged(board.rows),
        "figures": figures.draw_all(board, site, slug),
        "attacks": attack_page.section(board, runs.folders, site, slug),
        "audits": attack_page.audits(board),
        "audit_notes": attack_page.audit_notes(board),
        "guarantees": _guarantees(board),
        "scenes": _scenes(board, runs, site, slug),
        "conditions": _conditions(board),
        "runs": own,
        "stages": list(dict.fromkeys(stage for run in own for stage in run.record.timings)),
        "published": board.display.published,
        "f": formats,
    }
    page = _environment().get_template("board.html.j2").render(context)
    (site / link.href).write_text(page, encoding="utf-8")


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _facts(board: Board) -> str:
    """One line under the title."""
    records = [record for row in board.rows for record in row.records]
    keys = {key for scores in board.scores.values() for values in scores.values() for key in values}
    clients, clips = {key[1] for key in keys}, {key[1:] for key in keys}
    days = sorted({record.started[:10] for record in records})
    codes = sorted({code_name(record) for record in records})
    return (
        f"{len(board.rows)} rows, {len(board.seeds)} seeds, {len(clips)} test clips of {len(clients)} clients. "
        f"Run {days[0] if len(days) == 1 else f'{days[0]} to {days[-1]}'} with {formats.listing(codes)}."
    )


def code_name(record: Record) -> str:
    """Version, commit and dirtiness of the code behind a record."""
    code = record.code
    commit = f", commit {code.commit[:10]}" if code.commit else ""
    return f"version {code.version}{commit}{', uncommitted changes' if code.dirty else ''}"


def _groups(board: Board) -> list[tuple[str, str, list[Row]]]:
    """(title, note, rows) of the table: references, then each tier."""
    groups = [("References", "floors, ceilings and orientation; not placed", board.references())]
    for tier in board.tiers:
        rows = board.methods(tier)
        note = "no guarantee" if not any(row.privacy.guarantee for row in rows) else ""
        groups.append((board.at(tier), note, rows))
    return [group for group in groups if group[2]]


def _guarantees(board: Board) -> list[tuple[str, str, Privacy]]:
    """(rows, tier, privacy), methods with the same guarantee on one line."""
    merged: dict[tuple[str, str], tuple[list[str], Privacy]] = {}
    for row in board.methods():
        key = (row.key.tier, row.privacy.model_dump_json())
        merged.setdefault(key, ([], row.privacy))[0].append(row.label)
    return [
        (formats.listing(labels), board.at(tier), privacy) for (tier, _), (labels, privacy) in merged.items()
    ]


def _conditions(board: Board) -> list[tuple[str, list[str]]]:
    """(name, distinct values) over all records."""
    records = [record for row in board.rows for record in row.records]
    names = dict.fromkeys(key for record in records for key in record.environment)
    return [
        ("suite, preset", [f"{board.suite}, {board.preset}"]),
        ("seeds", [formats.listing([str(seed) for seed in board.seeds])]),
        ("code", sorted({code_name(record) for record in records})),
        *((name, sorted({r.environment.get(name, "not recorded") for r in records})) for name in names),
        ("time, all runs", [formats.duration(sum(sum(r.timings.values()) for r in records))]),
        ("peak memory", [formats.size(max(r.peak_memory_mib for r in records) * 2**20)]),
    ]


def _runs(board: Board, runs: Runs, site: Path) -> list[Run]:
    """Records of the board, each written out with its samples."""
    shown = []
    for row in board.rows:
        for record in row.records:
            name = file_name(record.cell_id)
            samples = runs.samples.get(record.cell_id, [])
            lines = "".join(sample.model_dump_json() + "\n" for sample in samples)
            _written(site / "data" / "records" / f"{name}.json", record.model_dump_json(indent=1) + "\n")
            if samples:
                _written(site / "data" / "samples" / f"{name}.jsonl", lines)
            shown.append(
                Run(
                    label=row.label,
                    tier=row.placed,
                    record=record,
                    total=sum(record.timings.values()),
                    residual=_residual(record),
                    record_href=f"data/records/{name}.json",
                    samples_href=f"data/samples/{name}.jsonl" if samples else "",
                )
            )
    return shown


def _residual(record: Record) -> float | None:
    known = [value for value in record.training.get("residual", []) if value is not None]
    return sum(known) / len(known) if known else None


def _scenes(board: Board, runs: Runs, site: Path, slug: str) -> list[dict[str, Any]]:
    """Scenes with their files copied into the site."""
    shown = []
    for scene in media.scenes(board, runs.folders):
        base = site / "media" / slug / file_name(scene.clip)
        base.mkdir(parents=True, exist_ok=True)
        sheet = media.sheet(scene)
        if sheet is not None:
            sheet.save(base / "sheet.png", optimize=True)
        shown.append(
            {
                "clip": scene.clip,
                "seed": scene.seed,
                "sheet": _href(base / "sheet.png", site) if sheet is not None else "",
                "takes": [_take(board, take, base, site) for take in scene.takes],
                "videos": any(take.video for take in scene.takes),
            }
        )
    return shown


def _take(board: Board, take: media.Take, base: Path, site: Path) -> dict[str, Any]:
    """One take with its strip, video and poster copied."""
    digits = board.metric(board.headline).digits if board.headline else 2
    unit = board.metric(board.headline).unit if board.headline else ""
    score = f"{formats.number(take.score, digits)} {unit}".strip() if take.score is not None else ""
    files = {
        kind: _copied(path, base, take.slug, site)
        for kind, path in (("strip", take.strip), ("video", take.video))
    }
    first = media.poster(take.strip) if take.strip and take.video else None
    poster = base / f"{take.slug}-poster.png"
    if first is not None:
        first.save(poster, optimize=True)
    return {
        "label": take.label,
        "tier": take.tier,
        "score": score,
        "poster": _href(poster, site) if first is not None else "",
        "size": media.dimensions(take.strip) if take.strip else None,
        **files,
    }


def _copied(path: Path | None, base: Path, slug: str, site: Path) -> str:
    if path is None:
        return ""
    target = base / f"{slug}{path.suffix}"
    shutil.copyfile(path, target)
    return _href(target, site)


def _href(path: Path, site: Path) -> str:
    return path.relative_to(site).as_posix()


def _written(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
