"""Fits the audio-visual encoders: every window of a clip must find its own sound among those of a batch.

Multi-way matching (Chung et al., 2019): the other sounds are those of other clips and, harder, of other times of the
same clip, the nearest a frame away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.metrics.evaluators.crops.mouth_crop import COLUMNS, ROWS
from privtalk.metrics.evaluators.crops.perturbations import Wear, cut, misplacement, worn
from privtalk.metrics.evaluators.talkhead.blocks import initialised
from privtalk.metrics.evaluators.talkhead.storage import to_images
from privtalk.metrics.evaluators.talkhead.sync_network import SyncEncoders, stacked


class SyncConfig(BaseModel):
    """The settings of the loss and the batches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clips: int = 16
    """A batch; each gives all of its windows."""
    sharpness: float = 12.0
    """Initial inverse temperature."""
    level: float = 1.0
    """Standard deviation of a clip's loudness, natural logarithm of power."""
    hiss: float = 0.3
    """Standard deviation of noise on log-mel values."""
    wear: Wear = Wear(shift=0.8, scale=0.05, angle=0.05, noise=5.0)


class SyncProblem(nn.Module):
    """The encoders and their temperature."""

    def __init__(
        self, mouths: NDArray[np.uint8], sounds: NDArray[np.float32], config: SyncConfig,
        stream: Callable[..., torch.Generator],
    ) -> None:  # fmt: skip
        """mouths: [K, T, ROWS + margin, COLUMNS + margin, 3] of K clips; sounds: [K, T - 4, L, M]."""
        super().__init__()
        self.mouths, self.sounds = torch.from_numpy(mouths), torch.from_numpy(sounds)
        self.config, self.stream = config, stream
        self.encoders = initialised(SyncEncoders(), stream("sync", "weights"))
        self.sharpness = nn.Parameter(torch.tensor(config.sharpness).log())

    def loss(self, step: int) -> Tensor:
        """Symmetric cross-entropy of all windows of a batch, over the batch and over the own clip."""
        draw, config = self.stream("sync", "step", step), self.config
        chosen = torch.randperm(len(self.mouths), generator=draw)[: config.clips]
        seen = self._seen(chosen, draw)
        heard = self._heard(chosen, draw)
        scores = self.sharpness.exp() * seen @ heard.T
        own = torch.block_diag(
            *[torch.ones(len(seen) // len(chosen), len(seen) // len(chosen))] * len(chosen)
        )
        within = scores.masked_fill(own == 0, -1e4)
        return matching(scores) + matching(within)

    def _seen(self, chosen: Tensor, draw: torch.Generator) -> Tensor:
        """Embeddings of all windows; a clip's crops are all misplaced and lit alike but for their noise."""
        clips = self.mouths[chosen]
        maps = misplacement(len(chosen), draw, self.config.wear, ROWS, COLUMNS)
        count = clips.shape[1]
        images = cut(to_images(clips.flatten(0, 1).numpy()), maps.repeat_interleave(count, 0), ROWS, COLUMNS)
        strips = images.unflatten(0, (-1, count)).transpose(1, 2).flatten(2, 3)
        lit = worn(strips, draw, self.config.wear).unflatten(2, (count, ROWS)).transpose(1, 2)
        return self.encoders.video(torch.cat([stacked(clip) for clip in lit]))

    def _heard(self, chosen: Tensor, draw: torch.Generator) -> Tensor:
        sounds = self.sounds[chosen]
        level = self.config.level * torch.randn(len(sounds), 1, 1, 1, generator=draw)
        hiss = self.config.hiss * torch.randn(sounds.shape, generator=draw)
        return self.encoders.audio((sounds + level + hiss).flatten(0, 1))


def matching(scores: Tensor) -> Tensor:
    """Cross-entropy of the diagonal of scores [N, N], mean of both directions.

    >>> matching(torch.tensor([[100.0, 0.0], [0.0, 100.0]])).item()
    0.0
    """
    own = torch.arange(len(scores))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2
