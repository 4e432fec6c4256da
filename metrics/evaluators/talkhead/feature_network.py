"""The look of a rendered frame: one network whose layers, embedding and its changes over time are compared.

It is fitted (`feature_fitting`) to tell what is where in a frame, how the face is posed, a thumbnail of it and how
much detail there is at each scale, of clean and of damaged frames alike; so its features notice content and damage.
Frames larger than 64 px are averaged down to it, which is part of the definition of these metrics.

Its layers give the perceptual distance of LPIPS (Zhang et al., 2018) with uniform weights, `lpips[talkhead]`; its
embedding the features of `fid[talkhead]` and `kid[talkhead]`; windows of embeddings those of `fvd[talkhead]`.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.metrics.evaluators.crops.perturbations import standard
from privtalk.metrics.evaluators.protocols import PerceptualDistance
from privtalk.metrics.evaluators.talkhead.blocks import Residual, convolution
from privtalk.metrics.evaluators.talkhead.storage import CHUNK, FOLDER, load_network, to_images

SIZE = 64
"""Pixels a side of what the network sees."""
WIDTHS = (16, 32, 48, 64, 96)
"""The widths of its five stages, at 64, 32, 16, 8 and 4 px."""
DIM = 64
PLANES = 16
"""Principal directions of the embedding that video features are made of."""
WEIGHTS = FOLDER / "features.safetensors"


class FeatureNetwork(nn.Module):
    """Frames [N, 3, 64, 64] in grey levels to the maps of five stages and embeddings [N, 64]."""

    centre: Tensor
    spread: Tensor
    planes: Tensor
    motion: Tensor

    def __init__(self) -> None:
        super().__init__()
        first = nn.Sequential(*convolution(3, WIDTHS[0]))
        self.stages = nn.ModuleList([first])
        for inputs, width in pairwise(WIDTHS):
            self.stages.append(nn.Sequential(*convolution(inputs, width, stride=2), Residual(width)))
        cells = (SIZE // 2 ** (len(WIDTHS) - 1)) ** 2
        self.embed = nn.Linear(WIDTHS[-1] * cells, DIM)
        self.register_buffer("centre", torch.zeros(DIM))
        self.register_buffer("spread", torch.ones(DIM))
        self.register_buffer("planes", torch.eye(DIM)[:PLANES])
        self.register_buffer("motion", torch.ones(PLANES))
        self.latest: tuple[NDArray[np.uint8], NDArray[np.float32]] | None = None
        """The frames embedded last, and their embeddings: three kinds of metrics ask for the same ones in turn."""

    def layers(self, frames: Tensor) -> list[Tensor]:
        """Maps [N, width, side, side] of every stage."""
        maps, x = [], standard(frames)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, frames: Tensor) -> Tensor:
        """Embeddings [N, 64], of zero mean and unit spread over the public people."""
        return self.embedded(self.layers(frames)[-1])

    def embedded(self, last: Tensor) -> Tensor:
        """The same from the last stage's maps."""
        standardised: Tensor = (self.embed(last.flatten(1)) - self.centre) / self.spread
        return standardised


class TalkheadPerceptual:
    """`protocols.PerceptualNetwork`."""

    def __init__(self, network: FeatureNetwork) -> None:
        self.network = network

    @torch.inference_mode()
    def __call__(self, generated: NDArray[np.uint8], truth: NDArray[np.uint8]) -> PerceptualDistance:
        """Distances [T] and maps [T, H, W] of two clips [T, H, W, 3]."""
        parts = zip(seen(generated).split(CHUNK), seen(truth).split(CHUNK), strict=True)
        found = [_distance(self.network, a, b, generated.shape[1:3]) for a, b in parts]
        whole, maps, embeddings = (torch.cat(part).numpy() for part in zip(*found, strict=True))
        self.network.latest = (generated, embeddings)
        return PerceptualDistance(whole, maps)


class TalkheadFrames:
    """`protocols.FrameEmbedder`."""

    dim = DIM

    def __init__(self, network: FeatureNetwork) -> None:
        self.network = network

    @torch.inference_mode()
    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """[T, 64] of frames [T, H, W, 3]."""
        if self.network.latest is None or self.network.latest[0] is not frames:
            parts = [self.network(part) for part in seen(frames).split(CHUNK)]
            self.network.latest = (frames, torch.cat(parts).numpy())
        return self.network.latest[1]


class TalkheadVideo:
    """`protocols.VideoEmbedder`: where 16 frames lie in the embedding, and how fast they move there."""

    dim = 2 * PLANES
    window = 16

    def __init__(self, network: FeatureNetwork) -> None:
        self.network = network
        self.frames = TalkheadFrames(network)

    def __call__(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        """[n, 32] of the n windows of 16 frames, each eight frames after the one before."""
        if len(frames) < self.window:
            return np.empty((0, self.dim), np.float32)
        planes = self.frames(frames) @ self.network.planes.numpy().T
        starts = range(0, len(frames) - self.window + 1, self.window // 2)
        return np.stack([self._window(planes[start : start + self.window]) for start in starts])

    def _window(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        speed = np.sqrt(np.square(np.diff(planes, axis=0)).mean(0)) / self.network.motion.numpy()
        return np.concatenate([planes.mean(0), speed])


def load_features(path: Path = WEIGHTS) -> FeatureNetwork:
    """The embedded network, or that of a file."""
    return load_network(FeatureNetwork(), path)


def seen(frames: NDArray[np.uint8]) -> Tensor:
    """[T, 3, 64, 64] frames [T, H, W, 3] as the network sees them: averaged over areas where they are larger."""
    images = to_images(frames)
    return images if images.shape[-2:] == (SIZE, SIZE) else F.interpolate(images, (SIZE, SIZE), mode="area")


def _distance(
    network: FeatureNetwork, generated: Tensor, truth: Tensor, size: tuple[int, ...]
) -> tuple[Tensor, Tensor, Tensor]:
    """Distances [T], their maps [T, H, W], and the generated frames' embeddings [T, 64]."""
    both = network.layers(torch.cat([generated, truth]))
    whole, total = torch.zeros(len(generated)), torch.zeros(len(generated), 1, *size)
    for maps in both:
        a, b = F.normalize(maps, dim=1).chunk(2)
        apart = (a - b).square().sum(1, keepdim=True)
        whole = whole + apart.mean((1, 2, 3))
        total = total + F.interpolate(apart, size, mode="bilinear", align_corners=False)
    return whole, total[:, 0], network.embedded(both[-1][: len(generated)])
