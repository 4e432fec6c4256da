"""An attack of one's own on a released adapter: the best of several guesses, where the loss attack takes their mean."""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes
from privtalk.attacks.membership.registry import ReleaseAttack


def least_loss(passes: Passes) -> Tensor:
    """[N] minus the least denoising loss of each window over the timesteps; larger means "member"."""
    losses = torch.stack([passes.losses(t) for t in passes.asked.settings.timesteps])
    return -losses.min(0).values


ATTACK = ReleaseAttack(
    declaration=Declaration(
        name="least_loss",
        family="membership",
        view="release",
        statistic="minus the least denoising loss over timesteps",
        source="this example, after Yeom et al. 2018 (1709.01604)",
        footage="exact",
    ),
    statistic=least_loss,
)
