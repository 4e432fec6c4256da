"""A frame close up: whole, its eyes, its mouth, and where it differs from the true one.

The frame is the one in which the true mouth is widest open, and the crops are at the true landmarks: the same in every
row, so that rows compare side by side.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import Clip
from privtalk.core.files import partial
from privtalk.metrics.regions import MOUTH, mouth_opening

SIDE = 192
"""Side of the frame as shown, in pixels; crops are as wide and half as high."""
EYES = slice(36, 48)
MARGIN = 1.5
"""Width of a crop, as a multiple of the width of its points."""
BRIGHTEST = 96
"""Levels of 255 from which a difference is as bright as the map goes."""
Picture = NDArray[np.uint8]


def write_closeup(path: Path, frames: Picture, truth: Clip) -> None:
    """Writes the close-up of a clip's frames [T, H, W, 3] as a PNG, whole or not at all."""
    from PIL import Image

    with partial(path) as part:
        Image.fromarray(closeup(frames, truth)).save(part, format="PNG")


def closeup(frames: Picture, truth: Clip) -> Picture:
    """[3 `SIDE`, `SIDE`, 3]: frame, eyes, mouth and error map under each other."""
    moment = int(np.argmax(mouth_opening(truth.landmarks)))
    frame, points = frames[moment], truth.landmarks[moment]
    parts = [
        scaled(frame, SIDE, SIDE),
        scaled(crop(frame, points[EYES]), SIDE, SIDE // 2),
        scaled(crop(frame, points[MOUTH]), SIDE, SIDE // 2),
        scaled(error_map(frame, truth.frames[moment]), SIDE, SIDE),
    ]
    return np.concatenate(parts)


def crop(frame: Picture, points: NDArray[np.float32]) -> Picture:
    """The box around some points, `MARGIN` times as wide as they are and half as high, moved into the frame."""
    height, width = frame.shape[:2]
    low, high = points.min(0), points.max(0)
    wide = int(min(max(round(MARGIN * float(high[0] - low[0])), 8), width, 2 * height)) // 2 * 2
    tall = wide // 2
    middle = (low + high) / 2
    left = int(np.clip(round(float(middle[0]) - wide / 2), 0, width - wide))
    top = int(np.clip(round(float(middle[1]) - tall / 2), 0, height - tall))
    return frame[top : top + tall, left : left + wide]


def error_map(frame: Picture, true: Picture) -> Picture:
    """The mean absolute difference over colours, black where there is none and lighter the larger it is.

    >>> bool(error_map(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 3), np.uint8)).max() < 8)
    True
    """
    apart = np.abs(frame.astype(np.int16) - true).mean(-1)
    levels = np.clip(apart * (255 / BRIGHTEST), 0, 255).astype(np.uint8)
    mapped: Picture = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1].astype(np.uint8)
    return np.ascontiguousarray(mapped)


def scaled(picture: Picture, width: int, height: int) -> Picture:
    """A picture at a size, bicubic."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.uint8)
