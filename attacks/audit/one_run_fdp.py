"""One-run bound for a whole trade-off curve (Mahloujifar, Melis and Chaudhuri 2025, arXiv 2410.22235).

m canaries by fair coins, r guesses, v of them right (`one_run.Guesses`). With p_i the chance of exactly i right
guesses, let R_j = Σ_{i ≥ j} i/m p_i (a canary is guessed right, and j or more are) and H_j = Σ_{i ≥ j} (r − i)/m p_i
(it is guessed wrong). Turning one coin makes a right guess wrong and takes j right ones to j − 1, so a mechanism with
blow-up function f̄ has R_j ≤ f̄(H_{j−1}). If P[V ≥ v] were as large as τ, both sums would start at v with τ v/m and
τ (r − v)/m, and grow downwards at least as fast as

    H_{j−1} = max(H_j, f̄⁻¹(R_j)),   R_{j−1} = R_j + (j − 1)/(r − j + 1) · (H_{j−1} − H_j)     (algorithm 3, k = 2);

where R_0 + H_0 exceeds r/m, which it is by definition, P[V ≥ v] < τ. For μ-GDP, f̄⁻¹(x) = Φ(Φ⁻¹(x) − μ).
Unlike (ε, δ), the curve also constrains the common outcomes, so that the bound is less loose than `one_run`'s.
"""

from __future__ import annotations

from scipy.special import ndtr, ndtri

from privtalk.attacks.audit.bounds import GAUSSIAN, CertifiedBound, check_delta, check_level, mu_epsilon
from privtalk.attacks.audit.one_run import COINS, Guesses, largest
from privtalk.core.intervals import LEVEL

MOST_MU = 16.0
"""Largest μ that is searched."""


def refuted(guesses: Guesses, mu: float, error: float) -> bool:
    """Whether so many correct guesses have a chance of less than `error` under μ-GDP.

    >>> refuted(Guesses(100, 100, 75), 0.0, 0.05), refuted(Guesses(100, 100, 75), 2.0, 0.05)
    (True, False)
    """
    m, made, correct = guesses
    if not 0 <= correct <= made <= m:
        raise ValueError(f"{correct} correct of {made} guesses of {m} canaries")
    right, wrong = error * correct / m, error * (made - correct) / m
    for count in range(correct - 1, -1, -1):
        more = max(wrong, float(ndtr(ndtri(min(right, 1.0)) - mu)))
        if more == wrong:
            break  # a fixed point: neither sum changes again
        right, wrong = right + count / (made - count) * (more - wrong), more
        if right + wrong > made / m:
            return True
    return right + wrong > made / m


def one_run_fdp_bound(guesses: Guesses, delta: float, level: float = LEVEL) -> CertifiedBound:
    """The largest μ that is refuted at the level, and its ε(δ)."""
    error = 1 - check_level(level)
    check_delta(delta)
    mu = largest(lambda value: refuted(guesses, value, error), MOST_MU)
    return CertifiedBound(
        name="one_run_fdp",
        epsilon=mu_epsilon(mu, delta),
        delta=delta,
        confidence=level,
        n=guesses.made,
        assumption=f"{COINS}; {GAUSSIAN}",
        mu=mu,
    )
