"""Identity of faces: ArcFace (Deng et al. 2019) through the package `insightface`.

Faces are aligned by a similarity from five points to ArcFace's template; unaligned faces mean nothing to it.
T frames [T, H, W, 3] uint8 RGB, landmarks [T, 68, 2] of the driving clip in pixels.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from insightface.model_zoo import get_model
from insightface.utils import face_align
from numpy.typing import NDArray

from privtalk.metrics.evaluators.protocols import Floats, Frames, Landmarks
from privtalk.metrics.evaluators.published.onnx_files import one_thread

BATCH = 32
"""Faces read at once."""
EYES = (slice(36, 42), slice(42, 48))
"""Left and right in the picture."""
NOSE_TIP, CORNERS = 30, (48, 54)


class ArcFace:
    """The network, on the CPU."""

    def __init__(self, weights: Path) -> None:
        """weights: an ONNX recogniser (square input of at least 112, one output). Raises `ValueError` for others."""
        try:
            network = get_model(str(weights), providers=["CPUExecutionProvider"], sess_options=one_thread())
        except Exception as error:  # onnx and onnxruntime raise many types for files they cannot read
            raise ValueError(f"{weights}: no ONNX network of insightface ({type(error).__name__})") from error
        if getattr(network, "taskname", None) != "recognition":
            raise ValueError(f"{weights}: insightface does not know it as a face recogniser")
        self._network = network
        self._size = int(network.input_size[0])

    def __call__(self, frames: Frames, landmarks: Landmarks) -> Floats:
        """[T, D] unit vectors."""
        aligned = [self._aligned(frame, points) for frame, points in zip(frames, landmarks, strict=True)]
        parts = [
            self._network.get_feat(aligned[start : start + BATCH]) for start in range(0, len(aligned), BATCH)
        ]
        features = np.concatenate(parts).astype(np.float32)
        unit: Floats = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
        return unit

    def _aligned(self, frame: NDArray[np.uint8], points: NDArray[np.floating]) -> NDArray[np.uint8]:
        """[S, S, 3] BGR, the order that the package's pictures have."""
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="`estimate` is deprecated"
            )  # scikit-image to insightface
            face: NDArray[np.uint8] = face_align.norm_crop(frame[..., ::-1], five_points(points), self._size)
        return face


def five_points(landmarks: NDArray[np.floating]) -> Floats:
    """[5, 2] eyes, nose tip and mouth corners of landmarks [68, 2], as OpenCV counts: pixel centres are whole.

    >>> points = np.zeros((68, 2)); points[30] = (8.5, 9.5); points[54] = (3, 4)
    >>> five_points(points)[2:].tolist()
    [[8.0, 9.0], [-0.5, -0.5], [2.5, 3.5]]
    """
    eyes = [landmarks[eye].mean(0) for eye in EYES]
    points = np.stack([*eyes, landmarks[NOSE_TIP], *landmarks[list(CORNERS)]])
    return (points - 0.5).astype(np.float32)
