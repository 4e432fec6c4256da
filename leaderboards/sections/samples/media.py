"""Strips and videos for people to look at: found among the records' artifacts, and arranged, never made anew.

A record names its artifacts ``frames/<client>-<clip>.png`` (a strip of frames), ``clips/<client>-<clip>.mp4`` and
``closeups/<client>-<clip>.png``. A folder before that, as in ``truth/frames/...``, makes them a row of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from privtalk.core.records import Record
from privtalk.leaderboards.board.model import Board, BoardRow, RowKey
from privtalk.leaderboards.board.views import home
from privtalk.leaderboards.escaping import file_name, joined_name

SHOWN = 3
"""Clips on a page."""
_NAME = re.compile(
    r"^(?:(?P<row>[\w.-]+)/)?(?P<kind>frames|clips|closeups)/(?P<clip>[^/]+)\.(?P<type>png|mp4|webm|gif)$"
)
KINDS = {"frames": "strip", "clips": "video", "closeups": "closeup"}
"""Folder of an artifact -> the field of a take."""
_LABELS = 190
_INK, _MUTED, _PAPER = (31, 35, 40), (99, 108, 118), (255, 255, 255)


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """One row's version of a clip."""

    label: str
    tier: str
    """Privacy tier as shown; empty for rows that have none."""
    slug: str
    """Name for files."""
    strip: Path | None = None
    video: Path | None = None
    closeup: Path | None = None
    """A frame close up, as the task draws it."""
    score: float | None = None
    """Headline metric of this clip."""
    key: RowKey | None = None
    """The row; None for one that is no row of the board, such as the truth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownClip:
    """One clip as every row has it, the truth first."""

    clip: str
    """``<client>-<clip>``."""
    seed: int
    takes: tuple[Take, ...]


def named(board: Board) -> bool:
    """Whether any record names a strip or a video."""
    return any(_media(record) for row in board.rows for record in row.records)


def scenes(board: Board, folders: Mapping[str, Path], count: int = SHOWN) -> tuple[ShownClip, ...]:
    """Clips to show, each at the first seed that has artifacts.

    Those are chosen that most rows have, then by the baseline's score, evenly from its worst to its best: by
    rule, not by eye.
    """
    found: dict[tuple[str, int], list[Take]] = {}
    seed = next((s for s in board.seeds if any(_media(r) for r in _records(board, s))), None)
    for row in sorted(board.rows, key=lambda row: _showing_order(board, row)):
        for record in row.records:
            if record.seed == seed and home(record) in folders:
                for clip, takes in _takes(board, row, record, folders[home(record)]).items():
                    known = found.setdefault((clip, record.seed), [])
                    known += [take for take in takes if take.slug not in {k.slug for k in known}]
    chosen = _chosen(board, found, count)
    return tuple(ShownClip(clip=c, seed=s, takes=tuple(_truth_first(found[c, s]))) for c, s in chosen)


def sheet(scene: ShownClip, size: int = 96) -> Image.Image | None:
    """All strips of a scene under each other, labelled, as one picture; None where there is none."""
    strips = [(take, opened) for take in scene.takes if take.strip and (opened := _opened(take.strip, size))]
    if not strips:
        return None
    width = _LABELS + max(strip.width for _, strip in strips) + 12
    picture = Image.new("RGB", (width, (size + 6) * len(strips) + 6), _PAPER)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(14)
    for index, (take, strip) in enumerate(strips):
        top = 6 + index * (size + 6)
        draw.text((12, top + size // 2 - 18), take.label, fill=_INK, font=font)
        draw.text((12, top + size // 2 + 2), take.tier.replace("ε", "eps"), fill=_MUTED, font=font)
        picture.paste(strip, (_LABELS, top))
    return picture


def poster(strip: Path) -> Image.Image | None:
    """First frame of a strip of square frames."""
    opened = _opened(strip, None)
    return None if opened is None else opened.crop((0, 0, min(opened.height, opened.width), opened.height))


def dimensions(picture: Path) -> tuple[int, int] | None:
    """Width and height, without reading the pixels."""
    try:
        with Image.open(picture) as image:
            return image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _takes(board: Board, row: BoardRow, record: Record, folder: Path) -> dict[str, list[Take]]:
    """Takes of one record by clip; artifacts that lie outside the run folder or are absent are left out."""
    files: dict[tuple[str, str], dict[str, Path]] = {}
    for name, relative in record.artifacts.items():
        match = _NAME.match(name)
        path = inside(folder, relative)
        if match and path is not None:
            kind = KINDS[match["kind"]]
            files.setdefault((match["clip"], match["row"] or ""), {})[kind] = path
    takes: dict[str, list[Take]] = {}
    for (clip, own), paths in files.items():
        takes.setdefault(clip, []).append(
            Take(
                label=board.display.row_label(own) if own else row.label,
                tier="" if own else row.placed,
                slug=file_name(own)
                if own
                else joined_name(*(part.replace("=", "") for part in row.key if part)),
                key=None if own else row.key,
                score=None if own else _score(board, row, record.seed, clip),
                strip=paths.get("strip"),
                video=paths.get("video"),
                closeup=paths.get("closeup"),
            )
        )
    return takes


def inside(folder: Path, relative: str) -> Path | None:
    """The file, if it exists and lies in the folder."""
    try:
        root, path = folder.resolve(), (folder / relative).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError, RuntimeError):  # a name too long, one with a null byte, links in a circle
        return None


def _chosen(
    board: Board, found: Mapping[tuple[str, int], Sequence[Take]], count: int
) -> list[tuple[str, int]]:
    most = max((len(takes) for takes in found.values()), default=0)
    full = sorted(key for key, takes in found.items() if len(takes) == most)
    base = next((row for row in board.rows if row.key == board.baseline), None)
    if base is not None:
        full.sort(key=lambda key: (_score(board, base, key[1], key[0]) or 0.0, key))
    if len(full) <= count:
        return full
    return [full[round(step * (len(full) - 1) / max(count - 1, 1))] for step in range(count)]


def _score(board: Board, row: BoardRow, seed: int, clip: str) -> float | None:
    """Headline metric of one clip, by its artifact's name."""
    if board.headline is None:
        return None
    scores = board.scores[row.key].get(board.headline, {})
    return next(
        (v for (s, client, name), v in scores.items() if s == seed and f"{client}-{name}" == clip), None
    )


def _truth_first(takes: Sequence[Take]) -> list[Take]:
    return sorted(takes, key=lambda take: take.slug != "truth")


def _showing_order(board: Board, row: BoardRow) -> tuple[Any, ...]:
    """References before methods; within the first, ceilings, then floors, then the rest."""
    order = {"ceiling": 0, "floor": 1, "reference": 2, "method": 3}
    return (row.kind == "method", order[row.kind], board.display.at_order(row.key.tier), row.label)


def _records(board: Board, seed: int) -> list[Record]:
    return [record for row in board.rows for record in row.records if record.seed == seed]


def _media(record: Record) -> bool:
    return any(_NAME.match(name) for name in record.artifacts)


def _opened(path: Path, height: int | None) -> Image.Image | None:
    """A picture as RGB, scaled to a height; None for what is no picture."""
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
    if height is None or picture.height == height:
        return picture
    width = max(round(picture.width * height / picture.height), 1)
    return picture.resize((width, height), Image.Resampling.BICUBIC)
