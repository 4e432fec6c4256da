"""Faces by dlib (King 2009): a recogniser, the 68 iBUG points, and whether there is a face at all.

A face is cut out as a square around its box (`face_box`), which the upper face of the driving clip places, and
enlarged to `INPUT` pixels, as dlib counts points in whole pixels. T frames [T, H, W, 3] uint8 RGB, landmarks
[T, 68, 2] of the driving clip in pixels.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Any

import dlib
import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.evaluators.crops.face_box import FaceBoxes, face_boxes
from privtalk.metrics.evaluators.crops.square_crop import Pixels, extract, from_crop, to_crop
from privtalk.metrics.evaluators.protocols import Floats, Frames, Landmarks

INPUT = 320
"""Pixels a side of the square that is looked at."""
MARGIN = 1.9
"""The square's side over the longer side of the face's box."""
CHIP, PADDING = 150, 0.25
"""Pixels a side of an aligned face, and what is left around its mean shape; the recogniser was trained with them."""
BATCH = 16
"""Faces read at once."""
LOWERED, SIDE = 0.05, 0.79
"""The square that dlib's own detector draws and its points are read from: how far below the middle of the face's box,
and its side, both over the box's height; medians of seven real videos against YuNet's boxes."""
LOOKED_AT = 8
"""Frames of a clip that are searched for a face, evenly spaced."""


class DlibIdentity:
    """The recogniser, on the CPU; one thread at a time."""

    def __init__(self, weights: Path) -> None:
        """weights: dlib's recogniser (ResNet-29). Raises `ValueError` for another file."""
        self._network = _opened(dlib.face_recognition_model_v1, weights, "face recogniser")
        self._lock = Lock()

    def __call__(self, frames: Frames, landmarks: Landmarks) -> Floats:
        """[T, 128] descriptors, to be compared by their Euclidean distance; their lengths differ (about 1.35)."""
        chips = [self._chip(*face) for face in zip(frames, *_squares(landmarks), landmarks, strict=True)]
        with self._lock:
            parts = [
                np.array(self._network.compute_face_descriptor(chips[start : start + BATCH]), np.float32)
                for start in range(0, len(chips), BATCH)
            ]
        return np.concatenate(parts)

    def _chip(
        self, frame: Pixels, centre: NDArray[np.float64], side: float, points: NDArray[np.floating]
    ) -> Pixels:
        """[150, 150, 3] the aligned face."""
        square = extract(frame, centre, side, INPUT)
        placed = to_crop(points.astype(np.float64), centre, side, INPUT)
        whole = [dlib.point(int(x), int(y)) for x, y in (placed - 0.5).round()]  # its pixel centres are whole
        shape = dlib.full_object_detection(dlib.rectangle(0, 0, INPUT, INPUT), whole)
        chip: Pixels = dlib.get_face_chip(square, shape, size=CHIP, padding=PADDING)
        return chip


class DlibLandmarks:
    """The 68 points, by an ensemble of regression trees (Kazemi & Sullivan 2014)."""

    def __init__(self, weights: Path) -> None:
        """weights: dlib's shape predictor of 68 points. Raises `ValueError` for another file."""
        self._predictor = _opened(dlib.shape_predictor, weights, "shape predictor")
        if len(self.points(np.zeros((INPUT, INPUT, 3), np.uint8), INPUT / 2)) != 68:
            raise ValueError(f"{weights}: no shape predictor of 68 points")
        self._detector = dlib.get_frontal_face_detector()

    def __call__(self, frames: Frames, landmarks: Landmarks) -> NDArray[np.float64]:
        """[T, 68, 2] pixels; landmarks say where to look."""
        boxes = face_boxes(landmarks)
        heights = boxes.size[:, 1]
        found = []
        for frame, centre, side, height in zip(frames, *_around(boxes), heights, strict=True):
            points = self.points(extract(frame, centre, side, INPUT), height / side * INPUT)
            found.append(from_crop(points, centre, side, INPUT))
        return np.stack(found)

    def shows_face(self, frames: Frames, landmarks: Landmarks) -> bool:
        """Whether dlib's frontal detector finds a face in most frames where the landmarks say."""
        chosen = np.unique(np.linspace(0, len(frames) - 1, min(LOOKED_AT, len(frames))).round().astype(int))
        faces = zip(frames[chosen], *_squares(landmarks[chosen]), strict=True)
        found = [len(self._detector(extract(frame, centre, side, INPUT), 0)) for frame, centre, side in faces]
        return float(np.mean(np.array(found) > 0)) > 0.5

    def points(self, square: Pixels, height: float) -> NDArray[np.float64]:
        """[n, 2] points in a square picture with a box of `height` pixels in its middle."""
        return read_points(self._predictor, square, np.full(2, INPUT / 2), height)


def read_points(
    predictor: Any, picture: Pixels, centre: NDArray[np.float64], height: float
) -> NDArray[np.float64]:
    """[n, 2] points in pixels that a shape predictor finds in a face whose box has this centre and height, pixels."""
    half = SIDE * height / 2
    x, y = float(centre[0]), float(centre[1]) + LOWERED * height
    edges = (round(value) for value in (x - half, y - half, x + half, y + half))
    shape = predictor(picture, dlib.rectangle(*edges))
    return np.array([(point.x, point.y) for point in shape.parts()], np.float64) + 0.5


def _opened(kind: Any, weights: Path, what: str) -> Any:
    try:
        return kind(str(weights))
    except RuntimeError as error:
        raise ValueError(f"{weights}: no {what} of dlib") from error


def _squares(landmarks: Landmarks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[T, 2] centres and [T] sides of the squares that are looked at."""
    return _around(face_boxes(landmarks))


def _around(boxes: FaceBoxes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return boxes.centre, MARGIN * boxes.side
