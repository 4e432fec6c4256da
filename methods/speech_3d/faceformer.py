"""FaceFormer (CVPR 2022), small: frame after frame, each from all that it made before. Shapes: N clips, T frames."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from privtalk.core.frozen import Frozen
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.layers import distance_bias, periodic_positions
from privtalk.methods.speech_3d.method import MotionShape, SpeakerTable, SpeechToMotion, motion_losses

PERIOD = 25
"""Frames of a period of the position code: a second."""


class FaceFormer(SpeechToMotion):
    """Autoregressive transformer with periodic positions, biased causal attention and aligned speech.

    It runs free in training too, as its released code does: never on true frames. The alignment mask lets a frame see
    the speech of its own moment alone, so that attention to speech is a projection of that moment's features.
    """

    name = "faceformer"
    about = "FaceFormer, small: autoregressive, told who speaks"
    source = "FaceFormer, CVPR 2022: structure after its released code"
    given_speaker = True
    share = 0.5

    def __init__(self, shape: MotionShape, network: SpeechNetwork, options: Frozen) -> None:
        super().__init__(shape, network, options)
        width = network.width
        self.style = SpeakerTable(shape.speakers, width)
        self.enter = nn.Linear(shape.channels, width)
        self.norm, self.last = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mixing, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.aligned = nn.Linear(network.content, width)
        self.wide = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.leave = nn.Linear(width, shape.channels)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def passes(self, frames: int, steps: int) -> int:
        return frames

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        frames, heads = speech.frames, self.network.heads
        style, aligned = self.style(speech.speaker), self.aligned(speech.content)
        positions = periodic_positions(frames, PERIOD, self.network.width)
        bias = distance_bias(frames, heads, causal=True)
        made = [speech.content.new_zeros(len(speech), self.shape.channels)]
        keys: list[Tensor] = []
        values: list[Tensor] = []
        for t in range(frames):
            x = self.enter(made[-1]) + style + positions[t]
            q, k, v = (part.unflatten(-1, (heads, -1)) for part in self.mixing(self.norm(x)).chunk(3, -1))
            keys.append(k)
            values.append(v)
            scores = torch.einsum("nhd,tnhd->nht", q, torch.stack(keys)) / q.shape[-1] ** 0.5
            weights = (scores + bias[:, t, : t + 1]).softmax(-1)
            seen = torch.einsum("nht,tnhd->nhd", weights, torch.stack(values))
            x = x + self.out(seen.flatten(1)) + aligned[:, t]
            x = x + self.wide(self.last(x))
            made.append(self.leave(x))
        return torch.stack(made[1:], 1)

    def losses(
        self, batch: MotionClips, scale: MotionScale, generator: torch.Generator
    ) -> Mapping[str, Tensor]:
        """The weighted squared error of what it makes running free."""
        return motion_losses(self.animate(batch.speech, batch.codes, 1), batch, scale)
