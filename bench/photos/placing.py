"""The face of a photo at the size that a backbone takes, and a change of it brought back into the photo.

Shapes: a photo of H x W pixels, a face of S x S.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.video.crop import Framing, extract, face_unit, features, frame_face, to_crop
from privtalk.bench.corpus.video.faces import Detector, Landmarker
from privtalk.core.errors import UserError

Pixels = NDArray[np.uint8]
LEAST_FACE = 12.0
"""Pixels between the eyes below which a face cannot be animated either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedFace:
    """The only face of a photo."""

    pixels: Pixels
    """[S, S, 3]."""
    landmarks: NDArray[np.float64]
    """[68, 2] in pixels of the face."""
    centre: NDArray[np.float64]
    """[2] of the square, in pixels of the photo."""
    side: float
    """The square's side in pixels of the photo."""


def place_face(path: Path, photo: Pixels, size: int, detect: Detector, locate: Landmarker) -> PlacedFace:
    """Returns the face of a photo; a `UserError` in one line where there is none, or more than one."""
    found = detect(photo)
    if len(found) != 1:
        what = "no face is found" if not found else f"{len(found)} faces are found"
        raise UserError(f"{path}: {what}; give a photo that shows one face, cropped to it if need be")
    points = locate(photo, found[0].box)
    unit = float(face_unit(features(points)))
    if not np.isfinite(points).all() or unit < LEAST_FACE:
        raise UserError(
            f"{path}: the face is too small ({unit:.0f} pixels between the eyes, {LEAST_FACE:.0f} are needed)"
        )
    framing: Framing = frame_face(points[None], 1.0)
    centre, side = framing.centres[0], float(framing.sides[0])
    return PlacedFace(
        pixels=extract(photo, centre, side, size),
        landmarks=to_crop(points, centre, side, size),
        centre=centre,
        side=side,
    )


def brought_back(photo: Pixels, change: NDArray[np.floating], face: PlacedFace, budget: int | None) -> Pixels:
    """Returns the photo with a change [S, S, 3] of its face, in levels, enlarged to the face's place.

    No colour changes by more than the budget, and nothing outside the face's square changes at all.
    """
    height, width = photo.shape[:2]
    scale = face.side / len(change)
    left, top = face.centre - face.side / 2
    # pixel centres lie at halves on both sides
    into = np.array([[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]], dtype=np.float64)
    flags = cv2.INTER_LINEAR
    spread = cv2.warpAffine(change.astype(np.float32), into, (width, height), flags=flags)
    moved = np.rint(np.asarray(spread))
    if budget is not None:
        moved = moved.clip(-budget, budget)
    inside = np.zeros((height, width, 1), dtype=bool)
    rows = slice(max(round(float(top)), 0), max(round(float(top + face.side)), 0))
    inside[rows, max(round(float(left)), 0) : max(round(float(left + face.side)), 0)] = True
    return np.asarray((photo + np.where(inside, moved, 0)).clip(0, 255), dtype=np.uint8)
