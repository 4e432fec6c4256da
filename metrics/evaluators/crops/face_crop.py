"""Crops of a face from frames: a grid of samples placed by landmarks, bilinear.

T frames of H x W pixels; a crop has R rows and C columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.regions import EYES, eye_distance

Points = NDArray[np.floating]


class Placement(NamedTuple):
    """Crops in a clip."""

    centre: NDArray[np.float64]
    """[T, 2] middle (x, y) in pixels."""
    axis: NDArray[np.float64]
    """[T, 2] unit vector (x, y) along the eyes, the direction of a crop's columns."""
    pitch: NDArray[np.float64]
    """[T] pixels between neighbouring samples."""

    def at(self, moments: NDArray[np.int64]) -> Placement:
        """The crops at some moments."""
        return Placement(*(part[moments] for part in self))


class CropGrid(NamedTuple):
    """Size of a crop, and where it lies: all of it relative to the eyes, so that no mouth moves it."""

    rows: int
    columns: int
    pitch: float
    """Distance between neighbouring samples, in eye distances."""
    below: float
    """The distance of its middle below the middle of the eyes, in eye distances."""


FACE = CropGrid(rows=56, columns=48, pitch=1 / 26, below=0.35)
"""Brow to chin and from ear to ear."""


def eye_axis(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """[T, 2] unit vectors along the outer eye corners of landmarks [T, 68, 2]."""
    eyes = points[:, EYES[1]] - points[:, EYES[0]]
    axis: NDArray[np.float64] = eyes / np.maximum(np.linalg.norm(eyes, axis=-1, keepdims=True), 1e-9)
    return axis


def across_and_down(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """[T, 2] the unit vectors of a crop's rows, given those of its columns."""
    return np.stack([-axis[:, 1], axis[:, 0]], -1)


def face_placement(landmarks: Points, grid: CropGrid = FACE) -> Placement:
    """Crops of a clip with landmarks [T, 68, 2] in pixels, of which only the outer eye corners are used."""
    points = landmarks.astype(np.float64)
    axis, distance = eye_axis(points), eye_distance(landmarks)
    middle = points[:, EYES].mean(1) + grid.below * distance * across_and_down(axis)
    return Placement(middle, axis, np.full(len(points), grid.pitch * distance))


def sample(frames: NDArray[np.uint8], place: Placement, rows: int, columns: int) -> NDArray[np.float32]:
    """[T, R, C, 3] in grey levels 0..255, bilinear; pixels beyond the edge repeat it.

    Large faces are averaged in whole blocks first, so that no detail is aliased.
    """
    block = max(1, int(place.pitch.min() + 0.5))
    if block > 1:
        frames, place = _shrunk(frames, place, block)
    x, y = _samples(place, rows, columns)
    return _bilinear(frames, x - 0.5, y - 0.5)


def face_crops(frames: NDArray[np.uint8], landmarks: Points, grid: CropGrid = FACE) -> NDArray[np.float32]:
    """[T, R, C, 3] faces of frames [T, H, W, 3] in grey levels, brought upright and to one size."""
    return sample(frames, face_placement(landmarks, grid), grid.rows, grid.columns)


def to_frame(points: NDArray[np.float64], place: Placement, rows: int, columns: int) -> NDArray[np.float64]:
    """Points [T, P, 2] (x, y) of crops, in samples from their middle, in pixels of the frames."""
    down = across_and_down(place.axis)
    scaled = points * place.pitch[:, None, None]
    turned = scaled[..., :1] * place.axis[:, None] + scaled[..., 1:] * down[:, None]
    moved: NDArray[np.float64] = turned + place.centre[:, None]
    return moved


def to_crop(points: NDArray[np.float64], place: Placement) -> NDArray[np.float64]:
    """The inverse of `to_frame`."""
    offset = points - place.centre[:, None]
    down = across_and_down(place.axis)
    x, y = (offset * place.axis[:, None]).sum(-1), (offset * down[:, None]).sum(-1)
    return np.stack([x, y], -1) / place.pitch[:, None, None]


def _samples(place: Placement, rows: int, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x and y [T, R, C] of every sample, in pixels."""
    right = (np.arange(columns) - (columns - 1) / 2) * place.pitch[:, None]
    down = (np.arange(rows) - (rows - 1) / 2) * place.pitch[:, None]
    (cx, cy), (ax, ay) = place.centre.T[:, :, None, None], place.axis.T[:, :, None, None]
    return cx + right[:, None] * ax - down[..., None] * ay, cy + right[:, None] * ay + down[..., None] * ax


def _bilinear(
    frames: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    height, width = frames.shape[1:3]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left = np.minimum(x.astype(np.int64), width - 2)
    top = np.minimum(y.astype(np.int64), height - 2)
    u, v = ((x - left)[..., None]).astype(np.float32), ((y - top)[..., None]).astype(np.float32)
    t = np.arange(len(frames))[:, None, None]
    upper = frames[t, top, left] * (1 - u) + frames[t, top, left + 1] * u
    lower = frames[t, top + 1, left] * (1 - u) + frames[t, top + 1, left + 1] * u
    sampled: NDArray[np.float32] = upper * (1 - v) + lower * v
    return sampled


def _shrunk(frames: NDArray[np.uint8], place: Placement, block: int) -> tuple[NDArray[np.uint8], Placement]:
    """Frames averaged over blocks of `block` x `block` pixels (the rest is cut), and their placement."""
    count, height, width = len(frames), frames.shape[1] // block, frames.shape[2] // block
    whole = frames[:, : height * block, : width * block]
    means = whole.reshape(count, height, block, width, block, 3).mean((2, 4), dtype=np.float32)
    return np.rint(means).astype(np.uint8), place._replace(
        centre=place.centre / block, pitch=place.pitch / block
    )
