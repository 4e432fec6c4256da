"""SimA: the norm of one predicted noise (Rao et al., 2509.25003).

The expected output of the denoiser points to a local mean of the training windows nearby; at a member it is short:

    score(x) = - ‖ε̂(x_0, t)‖_4⁴ / D

One query at the clean window, without any noise added.

Shape legend: N windows of F frames, latents C x h x w, D = F·C·h·w.
"""

from __future__ import annotations

from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes, window_means
from privtalk.attacks.membership.pia import POWER

DECLARATION = Declaration(
    name="sima",
    family="membership",
    view="release",
    statistic="minus the 4-norm of the noise predicted at the clean window",
    source="Rao et al. 2025 (2509.25003)",
    footage="exact",
)


def sima(passes: Passes) -> Tensor:
    """float64 [N], at most 0; larger means "member"."""
    return -window_means(passes.predicted("clean", passes.clean, passes.t).abs() ** POWER)
