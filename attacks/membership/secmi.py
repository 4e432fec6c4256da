"""SecMI: step-wise error comparing (Duan et al., 2302.01316, equation 9).

A deterministic DDIM step up and back down again returns members closer to where they were:

    x_t  from x_0 by deterministic DDIM reversal
    x̂_t  = ψ(φ(x_t, t), t + k)          φ: t -> t + k,   ψ: t + k -> t
    score(x) = - ‖x̂_t - x_t‖² / D = - (s_t - a_t s_{t+k} / a_{t+k})² ‖ε̂(x_{t+k}, t + k) - ε̂(x_t, t)‖² / D

The second form is an identity: both steps keep the clean image that their noise implies. The paper reverses to t in
strides of k; here it is one stride, x_t = a_t x_0 + s_t ε̂(x_0, 0), whose two passes PIA shares.

Shape legend: N windows of F frames, latents C x h x w, D = F·C·h·w.
"""

from __future__ import annotations

from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.passes import Passes, window_means
from privtalk.attacks.membership.pia import initialised

DECLARATION = Declaration(
    name="secmi",
    family="membership",
    view="release",
    statistic="minus the error of one deterministic step up and back",
    source="Duan et al. 2023 (2302.01316), t-error, one stride to t",
    footage="exact",
)


def secmi(passes: Passes) -> Tensor:
    """float64 [N], at most 0; larger means "member"."""
    t, later = passes.t, passes.t + passes.asked.settings.interval
    start = initialised(passes)
    up = ddim(passes, start, passes.predicted("proximal", start, t), t, later)
    back = ddim(passes, up, passes.predicted("stepped", up, later), later, t)
    return -window_means((back - start).square())


def ddim(passes: Passes, noisy: Tensor, predicted: Tensor, t: int, to: int) -> Tensor:
    """Deterministic DDIM step [N, F, C, h, w] from timestep `t` to `to`, up or down."""
    a, s = passes.rates(t)
    return passes.mix((noisy - s * predicted) / a, predicted, to)
