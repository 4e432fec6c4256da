"""The 68 iBUG points of generated faces, by an ONNX network of PFLD's interface (Guo et al. 2019).

112 x 112 RGB in 0..1 -> 136 numbers, 68 times x, y over the crop's side. The crop is a square around the face's
box (`face_box`), which the upper face of the driving clip places. T frames [T, H, W, 3] uint8.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from privtalk.metrics.evaluators.crops.face_box import face_boxes
from privtalk.metrics.evaluators.crops.face_presence import shows_face
from privtalk.metrics.evaluators.crops.square_crop import Pixels, extract, from_crop
from privtalk.metrics.evaluators.protocols import Frames, Landmarks
from privtalk.metrics.evaluators.published.onnx_files import one_thread

INPUT = 112
MARGIN = 1.1
"""Side of the crop over the longer side of the face's box."""
POINTS = 68


class OnnxLandmarks:
    """The network, on the CPU."""

    def __init__(self, weights: Path) -> None:
        """weights: the ONNX file. Raises `ValueError` where it is none of this interface."""
        try:
            self._session = onnxruntime.InferenceSession(
                str(weights), one_thread(), providers=["CPUExecutionProvider"]
            )
            self._input = self._session.get_inputs()[0].name
            if not np.isfinite(self._read(np.zeros((INPUT, INPUT, 3), np.uint8))).all():
                raise ValueError("points that are not finite")
        except Exception as error:  # onnxruntime raises many types for files that it cannot read
            raise ValueError(
                f"{weights}: no ONNX network from a {INPUT} px face to {POINTS} points"
            ) from error

    def __call__(self, frames: Frames, landmarks: Landmarks) -> NDArray[np.float64]:
        """[T, 68, 2] pixels; landmarks [T, 68, 2] of the driving clip say where to look."""
        boxes = face_boxes(landmarks)
        found = [
            from_crop(self._read(extract(frame, centre, side, INPUT)), centre, side, 1)
            for frame, centre, side in zip(frames, boxes.centre, MARGIN * boxes.side, strict=True)
        ]
        return np.stack(found)

    def shows_face(self, frames: Frames, landmarks: Landmarks) -> bool:
        """Whether there is a face where the landmarks say."""
        return shows_face(self, frames, landmarks)

    def _read(self, crop: Pixels) -> NDArray[np.float64]:
        """[68, 2] over the crop's side, of a crop [112, 112, 3]."""
        pixels = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / 255
        (answer, *_) = self._session.run(None, {self._input: pixels})
        return np.asarray(answer, np.float64).reshape(POINTS, 2)
