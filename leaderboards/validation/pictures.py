"""Contact sheets: what the distortions look like, and the pairs that identity finds hardest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.rendered.studio import Portraits
from privtalk.bench.media import enlarge, spread
from privtalk.leaderboards.validation.distortions import LADDERS, TIMES, DistortionLevel, distorted
from privtalk.leaderboards.validation.identity import Pairing

Frames = NDArray[np.uint8]
GAP = 6
PAPER = 128
"""Grey between pictures, as good on light as on dark."""
SIDE = 96


def distortions(clip: Clip, frames: int, path: Path) -> None:
    """A row a distortion: the true frame, then the five levels."""
    middle = frames // 2
    rows = []
    for kind, levels in LADDERS.items():
        shown = [clip.frames[middle]]
        shown += [
            distorted(clip.frames, DistortionLevel(kind=kind, level=level), frames, "picture")[middle]
            for level in levels
        ]
        rows.append(shown)
    save(sheet(rows), path)


def versions(clip: Clip, frames: int, path: Path, count: int = 10) -> None:
    """A row a version of time: successive frames."""
    rows = [
        list(distorted(clip.frames, DistortionLevel(kind=kind), frames, "picture")[spread(frames, count)])
        for kind in TIMES
    ]
    save(sheet(rows, 80), path)


def hardest(portraits: Portraits, found: Sequence[Pairing], frames: int, path: Path) -> None:
    """Two columns of pairs, each sitting by two of its frames: one person taken for two, two taken for one."""
    genuine = sheet([_pair(portraits, pair, frames) for pair in found if pair.genuine], 80)
    impostor = sheet([_pair(portraits, pair, frames) for pair in found if not pair.genuine], 80)
    between = np.full((len(genuine), 4 * GAP, 3), PAPER, np.uint8)
    save(np.concatenate([genuine, between, impostor], axis=1), path)


def _pair(portraits: Portraits, pair: Pairing, frames: int) -> list[Frames]:
    return [portraits.frames[row * frames + k] for row in (pair.first, pair.second) for k in (0, frames - 1)]


def sheet(rows: Sequence[Sequence[Frames]], side: int = SIDE) -> Frames:
    """[H, W, 3] pictures [H, W, 3] in rows, with gaps between.

    >>> sheet([[np.zeros((4, 4, 3), np.uint8)] * 2], 4).shape
    (4, 14, 3)
    """
    lines = []
    for row in rows:
        tiles = list(_scaled(np.stack(row), side))
        gap = np.full((side, GAP, 3), PAPER, np.uint8)
        parts = [tiles[0]]
        for tile in tiles[1:]:
            parts += [gap, tile]
        lines += [
            np.concatenate(parts, axis=1),
            np.full((GAP, sum(p.shape[1] for p in parts), 3), PAPER, np.uint8),
        ]
    return np.concatenate(lines[:-1])


def _scaled(frames: Frames, side: int) -> Frames:
    import cv2

    large = enlarge(frames, side)
    if large.shape[1] == side:
        return large
    return np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in large])


def save(picture: Frames, path: Path) -> None:
    """As a PNG."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, format="PNG", optimize=True)
