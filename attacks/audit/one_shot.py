"""One-shot estimate of ε from canary scores (Andrew et al. 2023, arXiv 2302.03098): an estimate, never a bound.

A normal is fitted to the scores of canaries that were in, another to those of canaries that were not (algorithm 1 of
the paper knows the latter: cosines of random unit vectors are N(0, 1/d)), and ε̂ is the ε at which the two normals
are (ε, δ)-indistinguishable, in the worse of both directions. Nothing bounds what other tests than the score's could
tell, and nothing says that the tails are normal, on which ε at a small δ depends. The interval covers the error of
the four fitted numbers alone (delta method).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr, ndtri

from privtalk.attacks.audit.bounds import check_delta, check_level
from privtalk.core.intervals import LEVEL

MOST = 700.0
"""Largest ε that is told apart from infinity: e^ε is finite."""
STEP = 1e-4
"""Relative step of numerical derivatives."""


@dataclass(frozen=True, kw_only=True)
class Normal:
    """A normal distribution, and from how many scores it was fitted."""

    mean: float
    deviation: float
    n: int | None = None
    """None: known, not fitted."""

    def __post_init__(self) -> None:
        if not (self.deviation > 0 and math.isfinite(self.mean) and math.isfinite(self.deviation)):
            raise ValueError(f"normal({self.mean}, {self.deviation}): finite, with a positive deviation")


@dataclass(frozen=True, kw_only=True)
class OneShotEstimate:
    """ε is about `epsilon`. No guarantee: never compared with the accountant's, only shown beside it."""

    name: str
    epsilon: float
    low: float
    high: float
    delta: float
    confidence: float
    n: int
    assumption: str


def fit(scores: ArrayLike) -> Normal:
    """Mean and standard deviation (n − 1) of scores [n].

    >>> fit([0.0, 2.0, 4.0])
    Normal(mean=2.0, deviation=2.0, n=3)
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"scores {values.shape}: a list of at least two is needed")
    return Normal(mean=float(values.mean()), deviation=float(values.std(ddof=1)), n=len(values))


def random_cosines(dim: int) -> Normal:
    """Cosine of a fixed vector and a random unit vector in d dimensions, in the limit of many: N(0, 1/d)."""
    return Normal(mean=0.0, deviation=dim**-0.5)


def one_shot_estimate(inside: Normal, outside: Normal, delta: float, level: float = LEVEL) -> OneShotEstimate:
    """ε̂ of the scores' two normals, with an interval for the error of their fit; at most `MOST`, which stands for all
    that lies beyond it.
    """
    check_delta(delta)
    z = float(ndtri((1 + check_level(level)) / 2))
    value = min(pair_epsilon(inside, outside, delta), MOST)
    half = z * _error(inside, outside, delta) if value < MOST else 0.0
    return OneShotEstimate(
        name="one_shot",
        epsilon=value,
        low=max(value - half, 0.0) if math.isfinite(half) else 0.0,
        high=min(value + half, MOST) if math.isfinite(half) else MOST,
        delta=delta,
        confidence=level,
        n=sum(normal.n or 0 for normal in (inside, outside)),
        assumption="scores are normal in both worlds, and no other test tells more; the interval is of the fit alone",
    )


def pair_epsilon(p: Normal, q: Normal, delta: float) -> float:
    """Least ε with δ(P ‖ Q) and δ(Q ‖ P) at most δ; infinite beyond `MOST`.

    >>> one = Normal(mean=1.0, deviation=1.0), Normal(mean=0.0, deviation=1.0)
    >>> round(pair_epsilon(*one, 1e-5), 4)
    4.3772
    """

    def excess(epsilon: float) -> float:
        return max(hockey_stick(p, q, epsilon), hockey_stick(q, p, epsilon)) - delta

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, MOST, xtol=1e-10)) if excess(MOST) < 0 else math.inf


def hockey_stick(p: Normal, q: Normal, epsilon: float) -> float:
    """δ(ε) = ∫ max(p − e^ε q, 0): P(A) − e^ε Q(A) on A = {ln p/q > ε}, between or beyond the roots of a quadratic.

    Equal deviations give one root and Balle and Wang's closed form.
    """
    a = 0.5 * (q.deviation**-2 - p.deviation**-2)
    b = p.mean / p.deviation**2 - q.mean / q.deviation**2
    c = 0.5 * ((q.mean / q.deviation) ** 2 - (p.mean / p.deviation) ** 2)
    c += math.log(q.deviation / p.deviation) - epsilon
    pieces = [_mass(p, q, epsilon, *piece) for piece in _positive(a, b, c)]
    return min(max(math.fsum(pieces), 0.0), 1.0)


def _positive(a: float, b: float, c: float) -> list[tuple[float, float]]:
    """Intervals on which a x² + b x + c > 0."""
    if abs(a) * 1e12 <= b * b / max(abs(c), 1.0):
        if b == 0:
            return [(-math.inf, math.inf)] if c > 0 else []
        root = -c / b
        return [(root, math.inf)] if b > 0 else [(-math.inf, root)]
    square = b * b - 4 * a * c
    if square <= 0:
        return [(-math.inf, math.inf)] if a > 0 else []
    far = -0.5 * (b + math.copysign(math.sqrt(square), b))
    low, high = sorted((far / a, c / far))
    return [(-math.inf, low), (high, math.inf)] if a > 0 else [(low, high)]


def _mass(p: Normal, q: Normal, epsilon: float, low: float, high: float) -> float:
    """P − e^ε Q of an interval."""
    return _interval(p, low, high, 0.0) - _interval(q, low, high, epsilon)


def _interval(normal: Normal, low: float, high: float, epsilon: float) -> float:
    """e^ε times the chance of (low, high), in the tail in which its digits are kept."""
    first, last = (low - normal.mean) / normal.deviation, (high - normal.mean) / normal.deviation
    if first + last > 0:
        first, last = -last, -first
    if epsilon == 0:
        return float(ndtr(last) - ndtr(first))
    return math.exp(min(epsilon + log_ndtr(last), MOST)) - math.exp(min(epsilon + log_ndtr(first), MOST))


def _error(inside: Normal, outside: Normal, delta: float) -> float:
    """Standard error of ε̂: a fitted mean has variance s²/n, a fitted deviation s²/(2(n − 1))."""
    total = 0.0
    for side in (inside, outside):
        if side.n is None:
            continue
        step = STEP * side.deviation
        for field, variance in (("mean", 1 / side.n), ("deviation", 1 / (2 * (side.n - 1)))):
            values = []
            for sign in (1, -1):
                moved = Normal(
                    mean=side.mean + sign * step * (field == "mean"),
                    deviation=side.deviation + sign * step * (field == "deviation"),
                )
                pair = (moved, outside) if side is inside else (inside, moved)
                values.append(pair_epsilon(*pair, delta))
            total += ((values[0] - values[1]) / (2 * step)) ** 2 * variance * side.deviation**2
    return math.sqrt(total)
