"""Fits the feature network on posed people: what is where, how the face is posed, its thumbnail, its detail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.metrics.evaluators.crops.perturbations import Wear, worn
from privtalk.metrics.evaluators.talkhead.blocks import initialised
from privtalk.metrics.evaluators.talkhead.feature_network import (
    DIM,
    PLANES,
    SIZE,
    WIDTHS,
    FeatureNetwork,
    TalkheadFrames,
    seen,
)

LABELS = 9
"""Kinds of things that a mask tells apart."""
CONTROLS = 14
THUMBNAIL = 16
CELLS = 4
"""Detail is measured on a grid of 4 x 4 cells, at three scales."""
SCALES = 3
MASK_STAGE = 2


class FeatureConfig(BaseModel):
    """The settings of the loss and the batches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = 64
    masks: float = 0.5
    controls: float = 0.5
    landmarks: float = 1.0
    thumbnail: float = 2.0
    detail: float = 0.5
    wear: Wear = Wear(noise=12.0, blur=0.6)


class FeatureProblem(nn.Module):
    """The network and the heads that it is fitted by; the heads are thrown away after training."""

    def __init__(
        self, frames: NDArray[np.uint8], masks: NDArray[np.uint8], landmarks: NDArray[np.float32],
        controls: NDArray[np.float32], config: FeatureConfig, stream: Callable[..., torch.Generator],
    ) -> None:  # fmt: skip
        """frames: [N, 64, 64, 3]; masks: [N, 64, 64]; landmarks: [N, 68, 2] pixels; controls: [N, 14]."""
        super().__init__()
        self.frames, self.masks = torch.from_numpy(frames), torch.from_numpy(masks)
        self.points = torch.from_numpy(landmarks / SIZE * 2 - 1).float().flatten(1)
        spread = controls.std(0, keepdims=True)
        self.controls = torch.from_numpy((controls - controls.mean(0)) / np.maximum(spread, 1e-3)).float()
        self.config, self.stream = config, stream
        self.network = initialised(FeatureNetwork(), stream("features", "weights"))
        heads = nn.ModuleDict(
            {
                "masks": nn.Conv2d(WIDTHS[MASK_STAGE], LABELS, 1),
                "controls": nn.Linear(DIM, CONTROLS),
                "landmarks": nn.Linear(DIM, 136),
                "thumbnail": nn.Linear(DIM, 3 * THUMBNAIL**2),
                "detail": nn.Linear(DIM, SCALES * CELLS**2),
            }
        )
        self.heads = initialised(heads, stream("features", "heads"))

    def loss(self, step: int) -> Tensor:
        """Sum of the heads' errors on a batch, half of it damaged."""
        draw, config = self.stream("features", "step", step), self.config
        chosen = torch.randint(len(self.frames), (config.batch,), generator=draw)
        images = seen(self.frames[chosen].numpy())
        images = torch.cat([images[::2], worn(images[1::2], draw, config.wear)])
        chosen = torch.cat([chosen[::2], chosen[1::2]])
        layers = self.network.layers(images)
        embedding = self.network.embed(layers[-1].flatten(1))
        labels = self.masks[chosen][:, 2::4, 2::4].long()
        told = {name: head(embedding) for name, head in self.heads.items() if name != "masks"}
        return (
            config.masks * F.cross_entropy(self.heads["masks"](layers[MASK_STAGE]), labels)
            + config.controls * F.smooth_l1_loss(told["controls"], self.controls[chosen])
            + config.landmarks * 20 * F.smooth_l1_loss(told["landmarks"], self.points[chosen])
            + config.thumbnail * 4 * F.mse_loss(told["thumbnail"], thumbnail(images))
            + config.detail * F.mse_loss(told["detail"], detail(images))
        )


def thumbnail(images: Tensor) -> Tensor:
    """[N, 768] frames averaged to 16 x 16, about -1..1."""
    return F.adaptive_avg_pool2d(images / 127.5 - 1, THUMBNAIL).flatten(1)


def detail(images: Tensor) -> Tensor:
    """[N, 48] logarithm of the energy at three scales, an octave apart, in 4 x 4 cells of frames [N, 3, H, W]."""
    levels, x = [], images.mean(1, keepdim=True) / 25
    for _ in range(SCALES):
        smooth = F.avg_pool2d(x, 2)
        band = x - F.interpolate(smooth, x.shape[-2:], mode="bilinear", align_corners=False)
        levels.append(torch.log(F.adaptive_avg_pool2d(band.square(), CELLS) + 1e-3))
        x = smooth
    return torch.cat(levels, 1).flatten(1)


@torch.no_grad()
def calibrate(network: FeatureNetwork, portraits: NDArray[np.uint8], clips: list[NDArray[np.uint8]]) -> None:
    """Set mean and spread by portraits [N, H, W, 3], and principal directions and their usual speed by clips."""
    frames = TalkheadFrames(network)
    network.centre.zero_()
    network.spread.fill_(1)
    network.latest = None
    raw = frames(portraits)
    network.centre.copy_(torch.from_numpy(raw.mean(0)))
    network.spread.copy_(torch.from_numpy(raw.std(0)))
    network.latest = None
    moving = [frames(clip) for clip in clips]
    _, _, directions = np.linalg.svd(
        np.concatenate(moving) - np.concatenate(moving).mean(0), full_matrices=False
    )
    network.planes.copy_(torch.from_numpy(directions[:PLANES]))
    steps = np.concatenate([np.diff(clip, axis=0) for clip in moving]) @ directions[:PLANES].T
    network.motion.copy_(torch.from_numpy(np.sqrt(np.square(steps).mean(0))))
