"""PIA: proximal initialisation (Kong et al., 2305.18355, equation 8).

The noise that the network sees in the clean image takes the place of random noise; a member's is predicted again more
faithfully:

    ε_0 = ε̂(x_0, 0)
    score(x) = - ‖ε_0 - ε̂(a_t x_0 + s_t ε_0, t)‖_4⁴ / D

Shape legend: N windows of F frames, latents C x h x w, D = F·C·h·w.
"""

from __future__ import annotations

from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes, window_means

POWER = 4
"""The paper's norm, chosen there on CIFAR-10."""

DECLARATION = Declaration(
    name="pia",
    family="membership",
    view="release",
    statistic="minus the 4-norm between the noise seen in the clean window and the noise predicted from it",
    source="Kong et al. 2024 (2305.18355), PIA",
    footage="exact",
)


def pia(passes: Passes) -> Tensor:
    """float64 [N], at most 0; larger means "member"."""
    seen = passes.predicted("clean", passes.clean, 0)
    again = passes.predicted("proximal", initialised(passes), passes.t)
    return proximal_error(seen, again)


def initialised(passes: Passes) -> Tensor:
    """x_t [N, F, C, h, w] = a_t x_0 + s_t ε̂(x_0, 0)."""
    return passes.mix(passes.clean, passes.predicted("clean", passes.clean, 0), passes.t)


def proximal_error(seen: Tensor, again: Tensor) -> Tensor:
    """[N] minus the mean of |seen - again|⁴."""
    return -window_means((seen - again).abs() ** POWER)
