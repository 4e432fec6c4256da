"""Pictures that attacks left: the victim, what was restored of it, and what needs no leak to be drawn."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.board.views import home
from privtalk.leaderboards.escaping import joined_name
from privtalk.leaderboards.sections.attacks.attack_board import figure
from privtalk.leaderboards.sections.samples import media

PREFIX = "gallery/"
TYPES = (".png", ".jpg", ".jpeg")
CAPTION = (
    "Left to right: the victim, the prior alone, the reconstruction, the same from a wrong client’s message."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One row's picture, copied into the site."""

    label: str
    tier: str
    seed: int
    href: str
    size: tuple[int, int] | None
    figure: str
    """The attack's headline on that row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackGallery:
    """All pictures of one attack."""

    attack: str
    pictures: tuple[Picture, ...]


def galleries(board: Board, folders: Mapping[str, Path], site: Path, slug: str) -> list[AttackGallery]:
    """Each attack's pictures, row by row at the first seed that has one; files outside the run folder are left."""
    names = {
        name.removeprefix(PREFIX)
        for row in board.rows
        for record in row.records
        for name in record.artifacts
        if name.startswith(PREFIX)
    }
    ordered = sorted(names, key=lambda name: (name not in board.attacks, name))
    found = [
        AttackGallery(attack=name, pictures=_pictures(board, name, folders, site, slug)) for name in ordered
    ]
    return [gallery for gallery in found if gallery.pictures]


def _pictures(
    board: Board, attack: str, folders: Mapping[str, Path], site: Path, slug: str
) -> tuple[Picture, ...]:
    shown = []
    for row in board.rows:
        for record in row.records:
            relative, folder = record.artifacts.get(f"{PREFIX}{attack}"), folders.get(home(record))
            path = media.inside(folder, relative) if folder is not None and relative else None
            if path is None or path.suffix.lower() not in TYPES or media.dimensions(path) is None:
                continue
            name = f"{joined_name(attack, record.cell_id)}{path.suffix.lower()}"
            target = site / "media" / slug / "gallery" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            result = row.attacks.get(attack)
            shown.append(
                Picture(
                    label=row.label,
                    tier=row.placed,
                    seed=record.seed,
                    href=target.relative_to(site).as_posix(),
                    size=media.dimensions(path),
                    figure=figure(result) if result is not None else "",
                )
            )
            break
    return tuple(shown)
