"""Samples: strips and videos of a few clips, every row's beside the others'."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.escaping import file_name
from privtalk.leaderboards.sections.samples import media
from privtalk.leaderboards.sections.samples.nearby import side_by_side
from privtalk.leaderboards.sections.section import PagePlace, Section


class Samples(Section):
    """The looks of the rows."""

    name, title, template = "samples", "Samples", "samples/section.html.j2"

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any record names a strip or a video."""
        return media.named(board)

    def page(self, place: PagePlace) -> Mapping[str, Any] | None:
        """Returns the scenes, their files copied into the site; None where no file is left."""
        scenes = _scenes(self.board, place)
        return {"scenes": scenes} if scenes else None


def _scenes(board: Board, place: PagePlace) -> list[dict[str, Any]]:
    """Scenes with their files copied into the site."""
    shown = []
    for scene in media.scenes(board, place.runs.folders):
        base = place.site / "media" / place.slug / file_name(scene.clip)
        base.mkdir(parents=True, exist_ok=True)
        sheet = media.sheet(scene)
        if sheet is not None:
            sheet.save(base / "sheet.png", optimize=True)
        shown.append(
            {
                "clip": scene.clip,
                "seed": scene.seed,
                "sheet": _href(base / "sheet.png", place.site) if sheet is not None else "",
                "takes": [_take(board, take, base, place.site) for take in scene.takes],
                "near": [_near(board, take, base, place.site) for take in side_by_side(board, scene)],
                "videos": any(take.video for take in scene.takes),
            }
        )
    return shown


def _near(board: Board, take: media.Take, base: Path, site: Path) -> dict[str, Any]:
    """One take with its close-up copied."""
    return {
        "label": take.label,
        "tier": take.tier,
        "score": _score(board, take),
        "picture": _copied(take.closeup, base, f"{take.slug}-closeup", site),
        "size": media.dimensions(take.closeup) if take.closeup else None,
    }


def _score(board: Board, take: media.Take) -> str:
    """The headline of a take's clip; empty where there is none."""
    if board.headline is None or take.score is None:
        return ""
    metric = board.metric(board.headline)
    return f"{formats.number(take.score, metric.digits)} {metric.unit}".strip()


def _take(board: Board, take: media.Take, base: Path, site: Path) -> dict[str, Any]:
    """One take with its strip, video and poster copied."""
    score = _score(board, take)
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
