"""Speech encoders: the large one, frozen once it hears visemes, and a student's small one.

The published systems start from networks that were trained on thousands of hours of speech (wav2vec 2.0, HuBERT,
WavLM) and mostly leave them frozen. Here the large encoder learns the visemes of public voices first, and is frozen.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from privtalk.methods.speech_3d.data import UNKNOWN
from privtalk.methods.speech_3d.layers import FrameStem, TemporalBlock

MELS = 32
DILATIONS = (1, 2, 4, 1, 2, 4)


class ContentEncoder(nn.Module):
    """The large encoder: dilated convolutions over half a second on both sides, and a head that names visemes."""

    def __init__(self, width: int, visemes: int) -> None:
        super().__init__()
        self.stem = FrameStem(MELS, width)
        self.blocks = nn.ModuleList([TemporalBlock(width, dilation) for dilation in DILATIONS])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, visemes)

    def forward(self, mel: Tensor) -> Tensor:
        """Returns content features [N, T, D] of spectrograms [N, 4 T, M]."""
        x: Tensor = self.stem(mel)
        for block in self.blocks:
            x = block(x)
        found: Tensor = self.norm(x)
        return found

    def loss(self, mel: Tensor, visemes: Tensor) -> Tensor:
        """Returns the cross-entropy of visemes [N, T], those that are known."""
        scores = self.head(self(mel)).transpose(1, 2)
        return nn.functional.cross_entropy(scores, visemes, ignore_index=UNKNOWN)

    @torch.no_grad()
    def accuracy(self, mel: Tensor, visemes: Tensor) -> float:
        """Returns the share of frames whose viseme is named right."""
        known = visemes != UNKNOWN
        return float((self.head(self(mel)).argmax(-1) == visemes)[known].float().mean())


class SmallEncoder(nn.Module):
    """A student's own encoder, trained with it: its features are held to the large one's (L_ae)."""

    def __init__(self, width: int, content: int) -> None:
        super().__init__()
        self.stem = FrameStem(MELS, width)
        self.blocks = nn.ModuleList([TemporalBlock(width, dilation) for dilation in (1, 2, 4, 1)])
        self.out = nn.Linear(width, content)

    def forward(self, mel: Tensor) -> Tensor:
        """Returns content features [N, T, D] of spectrograms [N, 4 T, M]."""
        x: Tensor = self.stem(mel)
        for block in self.blocks:
            x = block(x)
        out: Tensor = self.out(x)
        return out

    def loss(self, mel: Tensor, content: Tensor) -> Tensor:
        """Returns the mean squared distance to the large encoder's features [N, T, D] (L_ae)."""
        return (self(mel) - content).square().mean()
