"""Whether a segment shows a face that speaks: it is seen, it moves, and often enough.

A photograph with a voice under it, a frozen call or a slide show are to a film what digital silence is to a sound.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import FPS

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

LEAST_RATE = 10
"""Pictures a second, to the nearest whole one, below which lips cannot be read."""

SAME = 0.1
"""Mean change of the face (of 255) up to which a picture repeats the last one: what a codec adds to a repeat."""

STILL = 0.2
"""Movement in a second, over the face's contrast, under which it stands still.

Photographs, noise, low bit rates and slow zooms included, stay under it in most seconds (.01 to .13); faces that
speak do not (.46 and up on real clips, whose calmest single second has .17).
"""

STILL_LEVELS = 6.0
"""The same in levels of 255, whichever is less."""

SIDE, EDGE, BORDER, CELLS = 64, 8, 5, 12
"""Pixels of the compared picture, of the edges left out of it before and after alignment; cells a side."""


class Fault(NamedTuple):
    """Why a segment is left out."""

    why: str
    """For the balance, after "3.0 s"."""
    reason: str
    """For a film of which nothing else is left."""


def fault(pictures: Pixels, seen: NDArray[np.bool_], fresh: int) -> Fault | None:
    """The fault of a segment [T, S, S, 3] whose face is seen in these frames; `fresh` of them are no repeats."""
    if not moves(pictures):
        return Fault(
            "in which the picture does not move", "the picture does not move: a photograph, or a frozen film"
        )
    rate = fresh / len(pictures) * FPS
    if round(rate) < LEAST_RATE:
        return Fault(
            "with too few different pictures",
            f"too slow: {rate:.0f} different pictures a second, at least {LEAST_RATE} are needed to see lips move",
        )
    if seen.mean() < 0.5:
        return Fault("with the face mostly unseen", "the face is seen in fewer than half of the pictures")
    return None


def repeats(picture: Pixels, last: Pixels | None, box: NDArray[np.float64]) -> bool:
    """Whether a picture shows the face in `box` (x, y, width, height) as the last one did."""
    if last is None or picture is last:
        return last is not None
    left, top = np.maximum(box[:2], 0).astype(int)
    right, bottom = np.ceil(box[:2] + box[2:]).astype(int)
    face = (slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1)))
    change = cv2.absdiff(picture[face], last[face])
    return change is not None and float(np.mean(change)) <= SAME


def moves(pictures: Pixels) -> bool:
    """Whether the face moves within itself in at least half of the seconds of a steady crop [T, S, S, 3]."""
    grey = np.stack([_grey(picture) for picture in pictures[::2]])
    inner = slice(EDGE + BORDER, -EDGE - BORDER)
    least = min(STILL_LEVELS, STILL * float(grey.mean(0)[inner, inner].std()))
    seconds = np.array_split(grey, max(1, round(len(pictures) / FPS)))
    return 2 * sum(_movement(second) > least for second in seconds) >= len(seconds)


def _grey(picture: Pixels) -> Floats:
    """[64, 64] levels, freed of noise."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA) if len(grey) != SIDE else grey
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.0), np.float32)


def _movement(grey: Floats) -> float:
    """Levels by which the liveliest cells of a face change, however the picture as a whole pans, zooms or fades."""
    middle = grey[len(grey) // 2]
    cells = np.stack([_cells(_aligned(picture, middle)) for picture in grey])
    cells -= cells.mean((1, 2), keepdims=True)
    spread = cells.std((1, 2), keepdims=True)
    cells *= spread[len(grey) // 2] / np.maximum(spread, 1e-3)
    return float(np.percentile(np.ptp(cells, axis=0), 98))


def _aligned(picture: Floats, like: Floats) -> Floats:
    """A picture without its edges, laid on another by an affine map; as it is where none is found."""
    inner = slice(EDGE, -EDGE)
    moved, still = picture[inner, inner], like[inner, inner]
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 1e-4)
    start, everywhere = np.eye(2, 3, dtype=np.float32), np.full(still.shape, 255, np.uint8)
    try:
        _, found = cv2.findTransformECC(still, moved, start, cv2.MOTION_AFFINE, stop, everywhere, 1)
    except cv2.error:
        return moved
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(moved, found, moved.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(laid, np.float32)


def _cells(picture: Floats) -> Floats:
    inner = picture[BORDER:-BORDER, BORDER:-BORDER]
    return np.asarray(cv2.resize(inner, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)
