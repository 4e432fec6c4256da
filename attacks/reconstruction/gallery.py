"""How near a reconstruction is to the victim, and how much nearer than what the attacker believed anyway.

    gain_k = PSNR(truth_k, made_k) - PSNR(truth_k, prior)          dB, > 0 where the message gave something away

A reconstruction that is only a plausible face gains nothing: the prior's mean is the best guess in mean squares. Two
checks stand beside it: the same attack on a wrong client's message must not gain, and among all victims the truth
must be told better than by chance (AUC of gains at one's own truth against the others').

Shape legend: V victims, F true frames each, images H x W.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.controls import LEVEL as CONTROL_LEVEL
from privtalk.attacks.controls import ControlOutcome, judge
from privtalk.attacks.evaluation import pair_auc_interval
from privtalk.core.intervals import LEVEL, Interval
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.psnr import psnr
from privtalk.metrics.ssim import ssim, ssim_map

Frames = NDArray[np.uint8]
Likeness = Callable[[Frames, Frames], Mapping[str, float]]
"""(true frames, made frames), uint8 [F, H, W, 3] both -> values by name, such as LPIPS or identity similarity."""
Values = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Pictures of an attack, to be looked at. uint8 all."""

    clients: tuple[int, ...]
    """V client numbers."""
    victim: Tensor
    """[V, H, W, 3] the first true frame."""
    prior: Tensor
    """[H, W, 3] what the attacker would draw without a message."""
    reconstruction: Mapping[str, Tensor] = field(default_factory=dict)
    """Attack -> [V, H, W, 3]."""
    wrong_client: Mapping[str, Tensor] = field(default_factory=dict)
    """Attack -> [V, H, W, 3] made of another client's message."""

    def with_attack(self, name: str, pictures: Tensor) -> Gallery:
        """With an attack's pictures [N, H, W, 3] of victims, then of wrong clients."""
        v = len(self.clients)
        return replace(
            self,
            reconstruction={**self.reconstruction, name: pictures[:v]},
            wrong_client={**self.wrong_client, name: pictures[v : 2 * v]},
        )


def likeness(truth: Frames, made: Frames, measure: Likeness | None = None) -> dict[str, float]:
    """PSNR (dB), SSIM where frames are large enough for it, and what `measure` gives, of frames [F, H, W, 3]."""
    values = {"psnr": psnr(made, truth)}
    with suppress(Undefined):
        values["ssim"] = ssim(ssim_map(made, truth))
    return values | (dict(measure(truth, made)) if measure is not None else {})


def gains(truth: Tensor, made: Tensor, prior: Tensor, measure: Likeness | None = None) -> dict[str, Values]:
    """Name -> [V] likeness of `made` [V, H, W, 3] to each victim's frames [V, F, H, W, 3], less that of `prior`."""
    found: dict[str, list[float]] = {}
    for true, one in zip(truth, made, strict=True):
        mine = likeness(true.numpy(), _like(one, true), measure)
        base = likeness(true.numpy(), _like(prior, true), measure)
        for name, value in mine.items():
            found.setdefault(name, []).append(value - base[name])
    return {name: np.array(values) for name, values in found.items()}


def cross_gains(truth: Tensor, made: Tensor, prior: Tensor) -> Values:
    """[V, V] PSNR gain of reconstruction k at the frames of victim j, in dB."""
    base = [psnr(_like(prior, true), true.numpy()) for true in truth]
    rows = [
        [psnr(_like(one, true), true.numpy()) - b for true, b in zip(truth, base, strict=True)]
        for one in made
    ]
    return np.array(rows)


def _like(image: Tensor, frames: Tensor) -> Frames:
    return np.ascontiguousarray(image.expand(frames.shape).numpy())


def told_apart(cross: Values, level: float = LEVEL) -> Interval:
    """AUC of each reconstruction's gain at its own victim against the others', chance .5, of `cross_gains` [V, V]."""
    n = len(cross)
    if n < 2:
        return Interval(missing="needs two victims")
    others = cross[~np.eye(n, dtype=bool)].reshape(n, n - 1)
    return pair_auc_interval(np.diagonal(cross).copy(), others, level)


def wrong_client_control(cross: Values) -> ControlOutcome:
    """Reconstructions of wrong clients' messages must not tell the victims apart."""
    return judge(told_apart(cross, CONTROL_LEVEL))
