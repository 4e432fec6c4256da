"""PIAN: PIA with the initial noise normalised (Kong et al., 2305.18355, equation 9).

    ε̄_0 = √(2/π) ε_0 / mean|ε_0|,   ε_0 = ε̂(x_0, 0)
    score(x) = - ‖ε̄_0 - ε̂(a_t x_0 + s_t ε̄_0, t)‖_4⁴ / D

√(2/π) is the mean of |z| of a standard normal z: the noise is given the size that the network is trained on.

Shape legend: N windows of F frames, latents C x h x w, D = F·C·h·w.
"""

from __future__ import annotations

import math

from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes
from privtalk.attacks.membership.pia import proximal_error

DECLARATION = Declaration(
    name="pian",
    family="membership",
    view="release",
    statistic="PIA with the initial noise scaled to that of a standard normal",
    source="Kong et al. 2024 (2305.18355), PIAN",
    footage="exact",
)


def pian(passes: Passes) -> Tensor:
    """float64 [N], at most 0; larger means "member"."""
    seen = normalised(passes.predicted("clean", passes.clean, 0))
    start = passes.mix(passes.clean, seen, passes.t)
    return proximal_error(seen, passes.predicted("normalised", start, passes.t))


def normalised(noise: Tensor) -> Tensor:
    """`noise` [N, F, C, h, w] with mean absolute value √(2/π) in every window."""
    size = noise.abs().mean(dim=tuple(range(1, noise.ndim)), keepdim=True)
    return noise * (math.sqrt(2 / math.pi) / size)
