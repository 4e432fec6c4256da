"""Everything that the canary scores of one run say about ε: certified bounds, and the estimate beside them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike

from privtalk.attacks.audit.bounds import CertifiedBound, clopper_pearson_bound, gaussian_dp_bound, mu_low
from privtalk.attacks.audit.one_run import guesses_by_split, one_run_bound
from privtalk.attacks.audit.one_run_fdp import one_run_fdp_bound
from privtalk.attacks.audit.one_shot import OneShotEstimate, fit, one_shot_estimate
from privtalk.attacks.audit.thresholds import at_delta, threshold_by_split
from privtalk.core.intervals import LEVEL

INDEPENDENT = "scores of one run's canaries are independent given their coins"


class Evidence(NamedTuple):
    """The evidence of scores at one δ."""

    certified: tuple[CertifiedBound, ...]
    estimates: tuple[OneShotEstimate, ...]


def evidence(
    scores: ArrayLike,
    included: ArrayLike,
    generator: torch.Generator,
    *,
    delta: float,
    level: float = LEVEL,
) -> Evidence:
    """From scores [m] of canaries by coins [m]. Thresholds and numbers of guesses are chosen on splits.

    The one-run bounds hold whatever canaries do to each other. The other two count canaries as if each had had a run
    of its own, and say so.
    """
    values, inside = np.asarray(scores, dtype=np.float64), np.asarray(included, dtype=bool)
    members, others = values[inside], values[~inside]
    pure = threshold_by_split(members, others, generator, objective=at_delta(delta), level=level)
    gaussian = threshold_by_split(members, others, generator, objective=mu_low, level=level)
    plain = guesses_by_split(
        values, inside, generator, bound=lambda made: one_run_bound(made, delta, level).epsilon
    )
    curve = guesses_by_split(
        values, inside, generator, bound=lambda made: one_run_fdp_bound(made, delta, level).epsilon
    )
    return Evidence(
        certified=(
            _separate(clopper_pearson_bound(pure.counts, delta, level)),
            _separate(gaussian_dp_bound(gaussian.counts, delta, level)),
            one_run_bound(plain, delta, level),
            one_run_fdp_bound(curve, delta, level),
        ),
        estimates=(one_shot_estimate(fit(members), fit(others), delta, level),),
    )


def _separate(bound: CertifiedBound) -> CertifiedBound:
    parts = [INDEPENDENT, *([bound.assumption] if bound.assumption else [])]
    return replace(bound, assumption="; ".join(parts))
