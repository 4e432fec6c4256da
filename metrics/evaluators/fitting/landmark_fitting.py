"""Fits the landmark network on posed people, and validates it on others."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.metrics.evaluators.crops.face_crop import FACE
from privtalk.metrics.evaluators.crops.perturbations import Wear, cut, misplacement, worn
from privtalk.metrics.evaluators.talkhead.blocks import initialised
from privtalk.metrics.evaluators.talkhead.landmark_network import LandmarkNetwork
from privtalk.metrics.evaluators.talkhead.storage import to_images
from privtalk.metrics.regions import MOUTH


class LandmarkConfig(BaseModel):
    """The settings of the loss and the batches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = 128
    mouth: float = 2.0
    """Weight of the mouth's points relative to the others'."""
    wear: Wear = Wear()


class LandmarkProblem(nn.Module):
    """The network with what it is fitted on."""

    def __init__(
        self, crops: NDArray[np.uint8], points: NDArray[np.float32], config: LandmarkConfig,
        stream: Callable[..., torch.Generator],
    ) -> None:  # fmt: skip
        """crops: [N, R + margin, C + margin, 3]; points: [N, 68, 2] in samples from the crop's middle."""
        super().__init__()
        self.crops, self.points = torch.from_numpy(crops), torch.from_numpy(points)
        self.config, self.stream = config, stream
        self.network = initialised(LandmarkNetwork(), stream("landmarks", "weights"))

    def loss(self, step: int) -> Tensor:
        """Smooth L1 distance in samples, of a batch."""
        draw = self.stream("landmarks", "step", step)
        chosen = torch.randint(len(self.crops), (self.config.batch,), generator=draw)
        maps = misplacement(len(chosen), draw, self.config.wear, FACE.rows, FACE.columns)
        images = cut(to_images(self.crops[chosen].numpy()), maps, FACE.rows, FACE.columns)
        apart = F.smooth_l1_loss(
            self.network(worn(images, draw, self.config.wear)),
            moved(self.points[chosen], maps),
            reduction="none",
        )
        weights = torch.ones(68)
        weights[MOUTH] = self.config.mouth
        return (apart.mean(2) * weights).mean()


def moved(points: Tensor, maps: Tensor) -> Tensor:
    """The places of points [N, 68, 2], in samples from the middle, in the crops that `maps` [N, 2, 3] cut."""
    half = torch.tensor([FACE.columns / 2, FACE.rows / 2])
    offset = points / half - maps[:, None, :, 2]
    return torch.einsum("nij,npj->npi", torch.linalg.inv(maps[:, :, :2]), offset) * half


class LandmarkValidation(NamedTuple):
    """Mean distance from the exact points, in eye distances, over all frames."""

    face: float
    mouth: float
    frames: int


def validate(
    read: NDArray[np.float64], exact: NDArray[np.floating], distance: NDArray[np.floating]
) -> LandmarkValidation:
    """The errors of points [N, 68, 2] in pixels, with the eye distance [N] of each frame."""
    apart = np.linalg.norm(read - exact, axis=-1) / distance[:, None]
    return LandmarkValidation(float(apart.mean()), float(apart[:, MOUTH].mean()), len(read))
