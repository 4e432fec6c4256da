"""Loss attack: members are drawn with less error (Yeom et al., 1709.01604; for diffusion models Matsumoto et al.,
2302.03262).

    score(x) = - mean over t of ‖v̂(x_t, t) - v‖² / D,   x_t = a_t x_0 + s_t ε

with v the training target, which for a fixed t is the published ε-error over a_t². The record-level counterpart of user
inference: it asks about the very clips of a member's device.

Shape legend: N windows, S timesteps, D numbers of a window.
"""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes

DECLARATION = Declaration(
    name="loss",
    family="membership",
    view="release",
    statistic="minus the denoising loss, mean over timesteps",
    source="Yeom et al. 2018 (1709.01604); Matsumoto et al. 2023 (2302.03262)",
    footage="exact",
)


def loss(passes: Passes) -> Tensor:
    """float64 [N], at most 0; larger means "member"."""
    return -torch.stack([passes.losses(t) for t in passes.asked.settings.timesteps]).mean(0)
