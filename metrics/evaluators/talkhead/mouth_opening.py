"""Reads how far a mouth is open from the pixels of a frame.

Generated frames have no landmarks, and at 64 px no public detector is accurate enough. A small convolutional
network sees the crop around the mouth (`mouth_crop`), one frame at a time, and gives the inner-lip opening in
eye distances. It is fitted on public people (`mouth_fitting`) and evaluated in NumPy, so that every machine
reads alike.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.evaluators.crops.mouth_crop import crops, placement, standardised

WEIGHTS = Path(__file__).with_name("mouth_opening.npz")
"""The embedded reader, for the embedded corpus."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class MouthReader:
    """Two strided convolutions [out, in, height, width] and two dense layers [out, in], ReLU between them."""

    convolution1: Floats
    bias1: Floats
    convolution2: Floats
    bias2: Floats
    dense3: Floats
    bias3: Floats
    dense4: Floats
    bias4: Floats

    def __call__(
        self,
        frames: NDArray[np.uint8],
        landmarks: NDArray[np.floating],
        at: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """[T] opening in eye distances (0 closed) of frames [T, H, W, 3] with the upper face at `landmarks`.

        Landmarks [T, 68, 2] are those of the driving clip; the movement of its mouth does not enter. Where `at` [T] is
        given they are [S, 68, 2] of the whole clip, of which the frames show these moments.
        """
        place = placement(landmarks)
        return self.read(standardised(crops(frames, place if at is None else place.at(at))))

    def read(self, images: Floats) -> NDArray[np.float64]:
        """[T] opening of standardised crops [T, ROWS, COLUMNS, 3]."""
        hidden = images.transpose(0, 3, 1, 2)
        hidden = _relu(_convolve(hidden, self.convolution1, self.bias1))
        hidden = _relu(_convolve(hidden, self.convolution2, self.bias2))
        hidden = _relu(hidden.reshape(len(images), -1) @ self.dense3.T + self.bias3)
        opening = (hidden @ self.dense4.T + self.bias4)[:, 0]
        return np.maximum(opening, 0).astype(np.float64)

    def save(self, path: Path) -> None:
        """Write the weights as .npz."""
        np.savez_compressed(path, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path | None = None) -> MouthReader:
        """Read weights from `save`; None: the embedded ones."""
        path = WEIGHTS if path is None else path
        names = {field.name for field in fields(cls)}
        try:
            with np.load(path, allow_pickle=False) as stored:
                found = {name: stored[name].astype(np.float32) for name in stored.files}
        except (OSError, ValueError) as error:
            raise ValueError(f"{path}: no mouth reader ({error}); fit one with mouth_fitting.fit") from error
        if set(found) != names:
            raise ValueError(f"{path}: no mouth reader (it must hold {', '.join(sorted(names))})")
        return cls(**found)


STRIDE = 2


def _convolve(images: Floats, kernel: Floats, bias: Floats) -> Floats:
    """Valid convolution of [N, in, H, W] with stride `STRIDE`, as one matrix product."""
    windows = np.lib.stride_tricks.sliding_window_view(images, kernel.shape[2:], axis=(2, 3))
    windows = windows[:, :, ::STRIDE, ::STRIDE]
    result: Floats = np.tensordot(windows, kernel, ((1, 4, 5), (1, 2, 3))) + bias
    return result.transpose(0, 3, 1, 2)


def _relu(values: Floats) -> Floats:
    return np.maximum(values, 0)
