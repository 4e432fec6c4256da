"""More sampling steps than the protection was made for."""

from __future__ import annotations

from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

TIMES = 4


class OtherSampler(PortraitAttacker):
    """Four times as many sampling steps, at other noise levels."""

    name = "other_sampler"
    about = f"{TIMES} times as many sampling steps"

    def sampled(self, backbone: Backbone, batch: Batch, portraits: AttackedPortraits) -> Tensor:
        return backbone.generate(batch, portraits.noise, TIMES * portraits.steps)
