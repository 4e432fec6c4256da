"""Several photos of a victim, all of them protected: the one that speaks most is taken.

Shapes: N portraits, S photos of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.method import mean_square
from privtalk.methods.protection.mouth import mouth_map

MOMENTS = 4
"""Moments of the attacker's own speech by which it sees how much a photo speaks."""


class SeveralPhotos(PortraitAttacker):
    """Animates every photo with some of its own speech, and takes the one whose mouth the speech moves most.

    It needs no clean photo and no truth: only what it is going to say.
    """

    name = "several_photos"
    about = "of several protected photos of a victim, the one whose mouth the speech moves most"
    adaptive = True
    photos = 2

    def prepared(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> AttackedPortraits:
        options = [portraits, *portraits.others]
        moments = torch.stack(
            [torch.randperm(portraits.audio.shape[1], generator=g)[:MOMENTS] for g in generators]
        )
        moved = torch.stack([self._moved(option.at(moments), backbone) for option in options])
        best = moved.argmax(0)
        every = torch.arange(len(portraits))
        return replace(
            portraits,
            photos=torch.stack([option.photos for option in options])[best, every],
            landmarks=torch.stack([option.landmarks for option in options])[best, every],
            others=(),
        )

    def _moved(self, portraits: AttackedPortraits, backbone: Backbone) -> Tensor:
        """[N] how far the speech moves the mouth, with everything else held at the photo's own."""
        still = portraits.landmarks[:, None].expand_as(portraits.moved)
        frames = self.animate(backbone, replace(portraits, moved=still)).float().movedim(-1, -3) / 127.5
        where = mouth_map(portraits.landmarks, frames.shape[-1])
        return mean_square((frames - frames.mean(1, keepdim=True)) * where[:, None].sqrt())
