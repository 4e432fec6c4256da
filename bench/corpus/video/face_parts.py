"""Face detectors and landmarks that come with pip, so that nobody has to find ONNX files first.

dlib (King 2009): a frontal detector (HOG and a linear classifier), a CNN detector (max-margin object detection), and
68 points. Weights are found without importing the package that holds nothing but them. A detector answers in the boxes
that YuNet draws, forehead to chin, so that parts can be mixed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.video.crop import extract, from_crop
from privtalk.metrics.weights import CATALOGUE, WeightsError, packages, verify

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]

COARSE, FINE = 320, 960
"""Longest side at which a picture is searched first, and again where nothing is found."""
ENLARGED = 2.0
"""By how much a small picture is enlarged at most, as dlib's detectors see no face below 80 pixels."""
USUAL = 0.6
"""The score that stands for a detector's own threshold."""
WIDE = 0.75
"""Width of a face's box over its height, for detectors that draw squares."""
HOG_SQUARE, CNN_SQUARE = (0.79, 0.05), (0.77, 0.0)
"""Side of the square that a detector draws, and how far it lies below the middle of the face's box, both over the box's
height; medians of seven real videos against YuNet's boxes."""

EXTRA = "python3 -m pip install 'privtalk-bench[faces]'"


class FoundFace(NamedTuple):
    """One detected face: box [4] (x, y, width, height) in pixels of the picture, and score 0..1."""

    box: Floats
    score: float


PartDetector = Callable[[Pixels], list[FoundFace]]
PartLandmarker = Callable[[Pixels, Floats], Floats]

PARTS: dict[str, tuple[str, ...]] = {"detector": ("dlib", "dlib-cnn"), "landmarks": ("dlib",)}
"""Role -> the names that an option takes in a path's place; the first is used where no weights are found."""


# Where they lie


def part_path(role: str, name: str) -> Path | None:
    """Returns the file or folder that holds the weights of a part, or None where its package is not installed.

    The frontal detector's weights are compiled into dlib's library. Raises a `WeightsError` for damaged weights.

    >>> part_path("landmarks", "no such part") is None
    True
    """
    if name not in PARTS[role]:
        return None
    library = _module("_dlib_pybind11")
    if library is None or (role, name) == ("detector", "dlib"):
        return library
    weights = "dlib-68" if role == "landmarks" else "dlib-cnn"
    package = CATALOGUE[weights].package
    if package is None or packages.locate(package) is None:
        return None
    return verify(weights, in_package=True).path


def _module(name: str) -> Path | None:
    """The file of a top-level module, which is not run."""
    found = importlib.util.find_spec(name)
    return Path(found.origin) if found is not None and found.origin else None


# Detectors


def open_detector(path: Path, score: float) -> PartDetector | None:
    """Returns the detector whose weights these are; None where they are none of this module's.

    path: see `part_path`; faces under `score` (0..1, `USUAL` being a detector's own threshold) are left out. Raises a
    `WeightsError` for weights that cannot be read, and an `ImportError` where the package is missing.
    """
    if path.name.startswith("_dlib_pybind11"):
        return _hog(score)
    return _cnn(path, score) if path.suffix == ".dat" else None


def _hog(score: float) -> PartDetector:
    import dlib

    network = dlib.get_frontal_face_detector()

    def search(picture: Pixels) -> list[tuple[Floats, float]]:
        boxes, margins, _ = network.run(picture, 0, _margin(score))
        return [(_edges(box), margin) for box, margin in zip(boxes, margins, strict=True)]

    return _twice(search, lambda edges, margin: _from_square(edges, margin, *HOG_SQUARE))


def _cnn(path: Path, score: float) -> PartDetector:
    import dlib

    try:
        network = dlib.cnn_face_detection_model_v1(str(path))
    except RuntimeError as error:
        raise WeightsError(f"--detector {path}: not a CNN detector of dlib") from error

    def search(picture: Pixels) -> list[tuple[Floats, float]]:
        found = [(_edges(one.rect), float(one.confidence)) for one in network(picture, 0)]
        return [(edges, margin) for edges, margin in found if margin >= _margin(score)]

    return _twice(search, lambda edges, margin: _from_square(edges, margin, *CNN_SQUARE))


def _twice(
    search: Callable[[Pixels], list[tuple[Floats, float]]], face: Callable[[Floats, float], FoundFace]
) -> PartDetector:
    """A detector that searches a picture coarsely, and finely where it finds nothing."""

    def at(picture: Pixels, longest: int) -> list[FoundFace]:
        scale = min(ENLARGED, longest / max(picture.shape[:2]))
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=smooth)
        return [face(edges / scale, sure) for edges, sure in search(np.ascontiguousarray(small))]

    def detect(picture: Pixels) -> list[FoundFace]:
        found = at(picture, COARSE)
        return found or (at(picture, FINE) if ENLARGED * max(picture.shape[:2]) > COARSE else [])

    return detect


def _edges(box: Any) -> Floats:
    """[4] x0, y0, x1, y1 of dlib's rectangle, which holds its last pixel."""
    return np.array([box.left(), box.top(), box.right() + 1, box.bottom() + 1], np.float64)


def _from_square(edges: Floats, margin: float, side: float, lowered: float) -> FoundFace:
    """The face that a detector drew a square around.

    >>> found = _from_square(np.array([0.0, 0, 79, 79]), 0.0, 0.79, 0.05)
    >>> found.box.round(6).tolist(), round(found.score, 6)
    ([2.0, -15.5, 75.0, 100.0], 0.6)
    """
    height = float(edges[3] - edges[1]) / side
    size = np.array([WIDE, 1.0]) * height
    centre = (edges[:2] + edges[2:]) / 2 - np.array([0.0, lowered * height])
    return FoundFace(np.append(centre - size / 2, size), float(1 / (1 + np.exp(-margin - _logit(USUAL)))))


def _margin(score: float) -> float:
    """The distance from a detector's own threshold that a score stands for.

    >>> _margin(0.6)
    0.0
    """
    return _logit(score) - _logit(USUAL)


def _logit(share: float) -> float:
    return float(np.log(share / (1 - share)))


# Landmarks


def open_landmarker(path: Path) -> PartLandmarker | None:
    """Returns the reader of 68 points whose weights these are; None where they are none of dlib's.

    Raises a `WeightsError` for weights that cannot be read, and an `ImportError` where dlib is missing.
    """
    if path.suffix != ".dat":
        return None
    from privtalk.metrics.evaluators.published.dlib_faces import INPUT, MARGIN, DlibLandmarks

    try:
        reader = DlibLandmarks(path)
    except ValueError as error:
        raise WeightsError(f"--landmarks {error}") from error

    def locate(picture: Pixels, box: Floats) -> Floats:
        centre, side = box[:2] + box[2:] / 2, MARGIN * float(box[2:].max())
        square = extract(picture, centre, side, INPUT)
        return from_crop(reader.points(square, float(box[3]) / side * INPUT), centre, side, INPUT)

    return locate
