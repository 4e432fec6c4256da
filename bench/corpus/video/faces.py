"""Faces in pictures: detectors and a 68-point landmark network, run from weights that the user points to.

Nothing is bundled or downloaded: `find_weights` takes a path, an environment variable or a file in the user's
data folder, and else what pip has installed (`face_parts`). Detectors: YuNet (Wu et al. 2023) through OpenCV, or
SCRFD (Guo et al. 2021) through insightface where that is installed. Landmarks: any ONNX network of PFLD's interface
(Guo et al. 2019), run by OpenCV.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.video import face_parts
from privtalk.bench.corpus.video.crop import extract, from_crop
from privtalk.metrics.weights import WeightsError, folder

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]
Role = Literal["detector", "landmarks"]

NAMES: dict[Role, tuple[str, ...]] = {
    "detector": ("det_*.onnx", "*scrfd*.onnx", "*yunet*.onnx"),
    "landmarks": ("*pfld*.onnx", "*68*.onnx"),
}
"""File names looked for in the weights folder, best first."""

SCRFD = ("det_*", "*scrfd*")
"""File names of insightface's detectors; any other detector is read as YuNet."""

COARSE, FINE = 320, 960
"""Longest side at which a picture is searched first, and again where nothing is found."""

PFLD_INPUT = 112
PFLD_MARGIN = 1.1
"""Side of the landmark network's crop over the longer side of the face's box."""


class FaceWeightsError(ValueError):
    """Weights that are missing or cannot be used; the message names the option that sets them."""


class Face(NamedTuple):
    """One detected face, in pixels of the picture."""

    box: Floats
    """[4] x, y, width, height."""
    score: float
    """0..1, higher is surer."""


Detector = Callable[[Pixels], list[Face]]
"""Faces in an RGB picture [H, W, 3]."""


# Weights


def weights_folder() -> Path:
    """Folder in which weights are looked for: where `bench weights` installs them."""
    return folder()


def find_weights(role: Role, path: Path | None = None) -> Path:
    """Path of the weights for a role: the option, else ``PRIVTALK_<ROLE>``, else the weights folder, else pip's.

    The option and the variable may name a part of `face_parts` instead, such as `dlib`.
    """
    variable = f"PRIVTALK_{role.upper()}"
    given = path or (Path(os.environ[variable]) if os.environ.get(variable) else None)
    if given is not None:
        return _given(role, given, variable)
    found = [file for name in NAMES[role] for file in sorted(weights_folder().glob(name))]
    if found:
        return found[0]
    part = _part(role, face_parts.PARTS[role][0])
    if part is None:
        raise FaceWeightsError(
            f"{role} weights are missing: {face_parts.EXTRA}, give --{role} PATH, set {variable}, "
            f"or put {' or '.join(NAMES[role])} into {weights_folder()}"
        )
    return part


def _given(role: Role, given: Path, variable: str) -> Path:
    names, name = face_parts.PARTS[role], str(given)
    if name in names:
        if (part := _part(role, name)) is None:
            raise FaceWeightsError(f"--{role} {name} is not installed: {face_parts.EXTRA}")
        return part
    if not given.is_file():
        raise FaceWeightsError(
            f"{role} weights: no file {given}; set --{role} PATH or {variable}, or name {', '.join(names)}"
        )
    return given


def _part(role: Role, name: str) -> Path | None:
    try:
        return face_parts.part_path(role, name)
    except WeightsError as error:
        raise FaceWeightsError(str(error)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """OpenCV 5 warns on the console about a target that nobody asked for; keep its errors only."""
    logging = cv2.utils.logging
    level = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        logging.setLogLevel(level)


# Detection


def load_detector(path: Path, score: float = 0.6) -> Detector:
    """A detector from its weights; faces under `score` are left out."""
    if any(path.match(f"{name}.onnx") for name in SCRFD):
        return _scrfd(path, score)
    with _in_one_line("detector", path):
        part = face_parts.open_detector(path, score)
    if part is None:
        return _yunet(path, score)
    return lambda picture: [Face(*found) for found in part(picture)]


@contextmanager
def _in_one_line(role: Role, path: Path) -> Iterator[None]:
    """A block in which a part is opened: what it lacks becomes a `FaceWeightsError`."""
    try:
        yield
    except WeightsError as error:
        raise FaceWeightsError(str(error)) from error
    except ImportError as error:
        raise FaceWeightsError(
            f"--{role} {path.name} needs {error.name or error}: {face_parts.EXTRA}"
        ) from error


def _yunet(path: Path, score: float) -> Detector:
    try:
        with _quiet():
            network = cv2.FaceDetectorYN.create(str(path), "", (COARSE, COARSE), score)
            network.detect(np.zeros((COARSE, COARSE, 3), np.uint8))
    except cv2.error as error:
        raise FaceWeightsError(f"--detector {path}: not a YuNet model ({error.err or error})") from error

    def search(picture: Pixels, longest: int) -> list[Face]:
        scale = min(1.0, longest / max(picture.shape[:2]))
        small = (
            picture
            if scale == 1
            else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        )
        network.setInputSize((small.shape[1], small.shape[0]))
        _, rows = network.detect(np.ascontiguousarray(small[..., ::-1]))
        return [] if rows is None else [_face(row.astype(np.float64), scale) for row in rows]

    def detect(picture: Pixels) -> list[Face]:
        found = search(picture, COARSE)
        return found or (search(picture, FINE) if max(picture.shape[:2]) > COARSE else [])

    return detect


def _face(row: Floats, scale: float) -> Face:
    """A row of YuNet: box, five points (coarse, hence unused), score, on a picture shrunk by `scale`."""
    return Face(row[:4] / scale, float(row[14]))


def _scrfd(path: Path, score: float) -> Detector:
    try:
        from insightface import model_zoo
    except ImportError as error:
        raise FaceWeightsError(
            f"--detector {path.name} needs insightface: python3 -m pip install 'privtalk-bench[faces]'"
        ) from error
    network = model_zoo.get_model(str(path))
    if network is None or not hasattr(network, "detect"):
        raise FaceWeightsError(f"--detector {path}: insightface does not know it as a detector")
    network.prepare(ctx_id=-1, input_size=(640, 640), det_thresh=score)

    def detect(picture: Pixels) -> list[Face]:
        boxes, _ = network.detect(np.ascontiguousarray(picture[..., ::-1]))
        return [_corners(box) for box in boxes]

    return detect


def _corners(row: Floats) -> Face:
    """A row of SCRFD: corners x0, y0, x1, y1, and a score."""
    x0, y0, x1, y1, score = (float(value) for value in row)
    return Face(np.array([x0, y0, x1 - x0, y1 - y0]), score)


# Landmarks

Landmarker = Callable[[Pixels, Floats], Floats]
"""68 iBUG points [68, 2] in pixels, of the face in a box (x, y, width, height) of an RGB picture."""


def load_landmarker(path: Path) -> Landmarker:
    """The landmark network: 112 x 112 RGB in 0..1 -> 136 numbers, 68 times x, y over the crop's side; or dlib's."""
    with _in_one_line("landmarks", path):
        part = face_parts.open_landmarker(path)
    if part is not None:
        return part
    try:
        with _quiet():
            network = cv2.dnn.readNetFromONNX(str(path))
            _forward(network, np.zeros((PFLD_INPUT, PFLD_INPUT, 3), np.uint8))
    except (cv2.error, ValueError) as error:
        raise FaceWeightsError(
            f"--landmarks {path}: not a network from a {PFLD_INPUT} px face to 68 points"
        ) from error

    def locate(picture: Pixels, box: Floats) -> Floats:
        centre, side = box[:2] + box[2:] / 2, PFLD_MARGIN * float(box[2:].max())
        return from_crop(_forward(network, extract(picture, centre, side, PFLD_INPUT)), centre, side, 1)

    return locate


def _forward(network: Any, crop: Pixels) -> Floats:
    """[68, 2] in units of the crop's side; a ValueError where the network gives another number of points."""
    network.setInput(np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / 255)
    return np.asarray(network.forward(), np.float64).reshape(68, 2)
