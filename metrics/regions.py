"""The places of mouth and face, and the mouth's opening, from 68 iBUG landmarks.

Landmarks are [T, 68, 2] (x, y) in pixels, (0, 0) the top-left corner of the top-left pixel.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.inputs import check_points

MOUTH = slice(48, 68)
CORNERS = (48, 54)
"""Outer corners of the mouth."""
INNER_UPPER, INNER_LOWER = (61, 62, 63), (67, 66, 65)
"""Facing points of the inner lips."""
EYES = (36, 45)
"""Outer corners of the eyes."""
MARGIN = 0.25
"""Widening of the mouth's box on each side, relative to its width."""


def mouth_opening(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """[T] inner-lip opening in eye distances (`eye_distance`), 0 closed, about .35 wide open.

    Mean length of the three vertical chords of the inner lips.

    >>> points = np.zeros((1, 68, 2)); points[:, 45, 0] = 20; points[:, 65:68, 1] = 5
    >>> mouth_opening(points)
    array([0.25])
    """
    check_points(landmarks)
    points = landmarks.astype(np.float64)
    chords = points[:, INNER_UPPER] - points[:, INNER_LOWER]
    opening: NDArray[np.float64] = np.linalg.norm(chords, axis=-1).mean(1) / eye_distance(landmarks)
    return opening


def eye_distance(landmarks: NDArray[np.floating]) -> float:
    """Median over the clip of the distance between the outer eye corners, in pixels: a face's size."""
    right, left = (landmarks[:, eye].astype(np.float64) for eye in EYES)
    distance = float(np.median(np.linalg.norm(left - right, axis=-1)))
    if not distance > 0:
        raise Undefined("the landmarks' eye corners coincide")
    return distance


def mouth_region(landmarks: NDArray[np.floating], height: int, width: int) -> NDArray[np.bool_]:
    """[T, H, W] box around each frame's mouth landmarks, widened by `MARGIN`: pixels whose centre is in it.

    >>> points = np.zeros((1, 68, 2)); points[:, 48:68] = 4; points[:, 54] = (8, 6)
    >>> mouth_region(points, 16, 16)[0].sum(0).tolist()
    [0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0]
    """
    check_points(landmarks)
    mouth = landmarks[:, MOUTH]
    low, high = mouth.min(1), mouth.max(1)
    margin = MARGIN * (high - low)[:, :1]
    (left, top), (right, bottom) = (low - margin).T, (high + margin).T
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    across = (columns >= left[:, None]) & (columns < right[:, None])
    down = (rows >= top[:, None]) & (rows < bottom[:, None])
    region: NDArray[np.bool_] = down[:, :, None] & across[:, None, :]
    if not region.any((1, 2)).all():
        raise Undefined("the mouth lies outside the frame")
    return region


def face_region(landmarks: NDArray[np.floating], height: int, width: int) -> NDArray[np.bool_]:
    """[T, H, W] convex hull of each frame's 68 points: pixels whose centre lies inside. No forehead: iBUG has none.

    >>> points = np.zeros((1, 68, 2)); points[0, :4] = [(1, 1), (1, 5), (5, 5), (5, 1)]; points[0, 4:] = 2
    >>> face_region(points, 8, 8)[0].sum(0).tolist()
    [0, 4, 4, 4, 4, 0, 0, 0]
    """
    check_points(landmarks)
    columns, rows = np.arange(width) + 0.5, np.arange(height) + 0.5
    spans = np.stack([hull_spans(points, rows) for points in landmarks])
    left, right = spans[..., :1], spans[..., 1:]
    region: NDArray[np.bool_] = (columns >= left) & (columns < right)
    if not region.any((1, 2)).all():
        raise Undefined("the face lies outside the frame")
    return region


def hull_spans(points: NDArray[np.floating], rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """[R, 2] leftmost and rightmost x of the convex hull of points [N, 2] at heights y = rows; inf, -inf off it.

    >>> hull_spans(np.array([(0, 0), (4, 0), (0, 4)]), np.array([1.0, 5.0])).tolist()
    [[0.0, 3.0], [inf, -inf]]
    """
    corners = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    (x0, y0), (x1, y1) = corners.T[..., None], np.roll(corners, -1, axis=0).T[..., None]
    crossing = (np.minimum(y0, y1) <= rows) & (rows < np.maximum(y0, y1))
    x = x0 + (x1 - x0) * (rows - y0) / np.where(y0 == y1, 1, y1 - y0)
    return np.stack([np.where(crossing, x, np.inf).min(0), np.where(crossing, x, -np.inf).max(0)], axis=-1)
