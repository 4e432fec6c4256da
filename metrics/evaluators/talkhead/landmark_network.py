"""The reader of the 68 iBUG points of a rendered face (`landmark_fitting`).

It sees the face as the identity network does: placed by the outer eye corners of the driving clip alone, so that
what it says of the mouth comes from the pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from privtalk.metrics.evaluators.crops.face_crop import FACE, face_placement, sample, to_frame
from privtalk.metrics.evaluators.crops.face_presence import shows_face
from privtalk.metrics.evaluators.crops.perturbations import standard
from privtalk.metrics.evaluators.talkhead.blocks import trunk
from privtalk.metrics.evaluators.talkhead.storage import CHUNK, FOLDER, load_network, to_images

WIDTHS = (24, 48, 64)
WEIGHTS = FOLDER / "landmarks.safetensors"


class LandmarkNetwork(nn.Module):
    """Crops [N, 3, R, C] in grey levels to points [N, 68, 2] (x, y), in samples from the crop's middle."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = trunk(3, WIDTHS)
        halved = 2 ** len(WIDTHS)
        cells = (FACE.rows // halved) * (FACE.columns // halved)
        self.points = nn.Sequential(nn.Linear(WIDTHS[-1] * cells, 96), nn.SiLU(), nn.Linear(96, 136))

    def forward(self, crops: Tensor) -> Tensor:
        points: Tensor = self.points(self.trunk(standard(crops)).flatten(1))
        return FACE.columns / 4 * points.unflatten(1, (68, 2))


class TalkheadLandmarks:
    """`protocols.LandmarkReader` by a `LandmarkNetwork`."""

    def __init__(self, path: Path = WEIGHTS) -> None:
        self.network = load_network(LandmarkNetwork(), path)

    @torch.inference_mode()
    def __call__(self, frames: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
        """[T, 68, 2] pixels of frames [T, H, W, 3]; `landmarks` say where the eyes are, no more."""
        place = face_placement(landmarks)
        crops = to_images(sample(frames, place, FACE.rows, FACE.columns)).split(CHUNK)
        points = torch.cat([self.network(part) for part in crops]).numpy().astype(np.float64)
        return to_frame(points, place, FACE.rows, FACE.columns)

    def shows_face(self, frames: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> bool:
        """Whether there is a face where the landmarks say."""
        return shows_face(self, frames, landmarks)
