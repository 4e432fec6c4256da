"""PFAMI: probabilistic fluctuation (Fu et al., 2308.12143, the metric-based variant).

A member sits on a local maximum of the model's density, so that its neighbours are drawn worse than it is:

    score(x) = mean over t of ℓ_t(x') - ℓ_t(x),   x' a crop of x, resized

ℓ_t is the denoising loss; x and x' meet the same noise. The paper averages over ten crops and ten timesteps of
pixels; here it is one crop of latents at one timestep.

Shape legend: N windows of F frames, latents C x h x w.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes

DECLARATION = Declaration(
    name="pfami",
    family="membership",
    view="release",
    statistic="denoising loss of a crop minus that of the window itself",
    source="Fu et al. 2023 (2308.12143), PFAMI-Met",
    footage="exact",
)


def pfami(passes: Passes) -> Tensor:
    """float64 [N]; larger means "member"."""
    t = passes.t
    near = neighbour(passes.clean, passes.asked.settings.crop)
    predicted = passes.predicted("neighbour", passes.mix(near, passes.noise(t), t), t)
    return passes.v_error(predicted, t) - passes.losses(t)


def neighbour(latents: Tensor, crop: float) -> Tensor:
    """Central crop of side `crop` in (0, 1], resized bilinearly; a crop of 1 gives `latents` [N, F, C, h, w] back."""
    flat = latents.flatten(0, 1)
    zoom = torch.tensor([[crop, 0.0, 0.0], [0.0, crop, 0.0]], device=flat.device).expand(len(flat), -1, -1)
    grid = F.affine_grid(zoom, list(flat.shape), align_corners=False)
    near = F.grid_sample(flat, grid, padding_mode="border", align_corners=False)
    return near.view_as(latents)
