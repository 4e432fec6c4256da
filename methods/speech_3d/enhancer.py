"""DiffusionTalker's enhancer: a contrast between who speaks how, and what the upper face does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TEMPERATURE = 0.2


class Enhancer(nn.Module):
    """InfoNCE of a clip's personalised features and its upper-face motion, against a batch's others (L_pc)."""

    def __init__(self, width: int, channels: int, embedding: int) -> None:
        super().__init__()
        self.features = nn.Linear(width, embedding)
        self.motion = nn.Sequential(nn.Linear(3 * channels, width), nn.SiLU(), nn.Linear(width, embedding))

    def forward(self, personalised: Tensor, codes: Tensor, upper: Tensor) -> Tensor:
        """Returns the loss, a scalar.

        personalised: [N, T, D]. codes: [N, T, C] standardised. upper: [C] 1 for channels of the upper face.
        """
        moved = codes * upper
        pace = moved.diff(dim=1).abs().mean(1)
        summary = torch.cat([moved.mean(1), moved.std(1), pace], -1)
        unit = nn.functional.normalize
        who, what = unit(self.features(personalised.mean(1)), dim=-1), unit(self.motion(summary), dim=-1)
        scores = who @ what.T / TEMPERATURE
        same = torch.arange(len(scores))
        both = nn.functional.cross_entropy(scores, same) + nn.functional.cross_entropy(scores.T, same)
        return both / 2
