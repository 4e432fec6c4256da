"""One face followed over time, from what a detector sees frame by frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.video.faces import Face

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

OVERLAP = 0.3
"""Intersection over union above which two boxes in succession are one face."""

PATIENCE = 0.4
"""Seconds for which a face may go unseen and still be the same."""

CUT = 0.16
"""Mean absolute change of a small grey picture (of full scale) that is taken for a cut to another shot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceTrack:
    """A face from frame `start` on, n frames without a hole."""

    start: int
    boxes: Floats
    """[n, 4] x, y, width, height in pixels; linear between sightings."""
    seen: NDArray[np.bool_]
    """[n] whether the detector saw it in that frame."""

    def __len__(self) -> int:
        return len(self.boxes)

    @property
    def weight(self) -> float:
        """Summed height over the frames in which it was seen: large and lasting faces come first."""
        return float(self.boxes[self.seen, 3].sum())


@dataclass(slots=True)
class _Open:
    """A track that may still grow."""

    frames: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)


def link(faces: Iterable[tuple[list[Face], bool]], fps: float) -> list[FaceTrack]:
    """Tracks of a shot sequence; per frame the faces seen and whether a new shot begins with it.

    A face joins the track whose last box it overlaps most; a track ends at a cut or `PATIENCE` unseen.
    """
    running: list[_Open] = []
    ended: list[_Open] = []
    for number, (seen, cut) in enumerate(faces):
        late = [track for track in running if cut or number - track.frames[-1] > PATIENCE * fps]
        ended += late
        running = [track for track in running if track not in late]
        for face in sorted(seen, key=lambda face: -face.score):
            _join(running, number, face)
    return [_close(track) for track in ended + running]


def _join(running: list[_Open], number: int, face: Face) -> None:
    free = [track for track in running if track.frames[-1] < number]
    best = max(free, key=lambda track: overlap(track.faces[-1].box, face.box), default=None)
    if best is None or overlap(best.faces[-1].box, face.box) < OVERLAP:
        best = _Open()
        running.append(best)
    best.frames.append(number)
    best.faces.append(face)


def _close(track: _Open) -> FaceTrack:
    start, length = track.frames[0], track.frames[-1] - track.frames[0] + 1
    at = np.array(track.frames) - start
    seen = np.zeros(length, bool)
    seen[at] = True
    rows = np.array([face.box for face in track.faces])
    boxes = np.stack([np.interp(np.arange(length), at, column) for column in rows.T], axis=1)
    return FaceTrack(start=start, boxes=boxes, seen=seen)


def overlap(a: Floats, b: Floats) -> float:
    """Intersection over union of two boxes (x, y, width, height).

    >>> overlap(np.array([0, 0, 2, 2.0]), np.array([1, 0, 2, 2.0]))
    0.3333333333333333
    """
    corner = np.minimum(a[:2] + a[2:], b[:2] + b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(corner, 0)))
    return common / float(a[2] * a[3] + b[2] * b[3] - common)


def thumbnail(picture: Pixels) -> NDArray[np.float32]:
    """[16, 16] grey, 0..1: enough of a picture to notice a cut."""
    small = cv2.resize(picture, (16, 16), interpolation=cv2.INTER_AREA)
    return np.asarray(small.mean(-1) / 255, np.float32)


def is_cut(before: NDArray[np.float32] | None, now: NDArray[np.float32]) -> bool:
    """Whether the shot changes between two thumbnails."""
    return before is not None and float(np.abs(before - now).mean()) > CUT
