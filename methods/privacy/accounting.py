"""Client-level (ε, δ) of the Poisson-subsampled Gaussian mechanism over T rounds.

Neighbours differ by adding or removing one client. z is the noise in units of the sensitivity, q the chance of a
client to take part in a round. The published figure is the privacy-loss distribution's (PLD) of dp-accounting; Rényi
accounting and, where opacus is installed, its PRV are cross-checks. Gaussian-DP's central limit is never used: it
under-reports.
"""

from __future__ import annotations

import importlib.util
import math

from scipy.optimize import brentq
from scipy.stats import norm

NEIGHBOURING = "add or remove one client"
INTERVAL = 1e-3
"""Width of the PLD's bins. Rounding is pessimistic: ε is an upper bound, here by less than 1e-4 at usual settings."""


def default_delta(clients: int) -> float:
    """δ = N^-1.1, the usual rule for δ below 1/N.

    >>> default_delta(256) < 1 / 256
    True
    """
    if clients < 2:
        raise ValueError(f"{clients} client: client-level privacy needs at least two")
    return clients**-1.1


def epsilon(noise_multiplier: float, rate: float, rounds: int, delta: float) -> float:
    """ε by PLD, infinity without noise. An upper bound.

    >>> round(epsilon(1.0, 0.1, 100, 1e-5), 2)
    7.05
    """
    _check(noise_multiplier, rate, rounds, delta)
    if noise_multiplier == 0:
        return math.inf
    from dp_accounting import NeighboringRelation
    from dp_accounting.pld import PLDAccountant

    accountant = PLDAccountant(NeighboringRelation.ADD_OR_REMOVE_ONE, value_discretization_interval=INTERVAL)
    return float(accountant.compose(_event(noise_multiplier, rate), rounds).get_epsilon(delta))


def rdp_epsilon(noise_multiplier: float, rate: float, rounds: int, delta: float) -> float:
    """ε by Rényi accounting (Mironov et al. 2019); looser than PLD."""
    _check(noise_multiplier, rate, rounds, delta)
    if noise_multiplier == 0:
        return math.inf
    from dp_accounting.rdp import RdpAccountant

    return float(RdpAccountant().compose(_event(noise_multiplier, rate), rounds).get_epsilon(delta))


def prv_epsilon(noise_multiplier: float, rate: float, rounds: int, delta: float) -> float | None:
    """ε by opacus' numerical composition (Gopi et al. 2021); None where opacus is not installed."""
    _check(noise_multiplier, rate, rounds, delta)
    if noise_multiplier == 0:
        return math.inf
    if importlib.util.find_spec("opacus") is None:
        return None
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [(noise_multiplier, rate, rounds)]
    return float(accountant.get_epsilon(delta))


def checks(noise_multiplier: float, rate: float, rounds: int, delta: float) -> dict[str, float]:
    """The same guarantee under the other accountants at hand; without noise there is none to check."""
    if noise_multiplier == 0:
        return {}
    found = {
        "rdp[dp-accounting]": rdp_epsilon(noise_multiplier, rate, rounds, delta),
        "prv[opacus]": prv_epsilon(noise_multiplier, rate, rounds, delta),
    }
    return {name: value for name, value in found.items() if value is not None}


def gaussian_delta(noise_multiplier: float, rounds: int, eps: float) -> float:
    """δ(ε) of T Gaussian mechanisms without sampling (Balle and Wang 2018, theorem 8), exact.

    T mechanisms at z are one at z / √T; with μ = √T / z, δ = Φ(μ/2 − ε/μ) − e^ε Φ(−μ/2 − ε/μ).
    """
    mu = math.sqrt(rounds) / noise_multiplier
    return float(norm.cdf(mu / 2 - eps / mu) - math.exp(eps + norm.logcdf(-mu / 2 - eps / mu)))


def gaussian_epsilon(noise_multiplier: float, rounds: int, delta: float) -> float:
    """Exact ε without sampling (q = 1): the root of `gaussian_delta`.

    >>> round(gaussian_epsilon(1.0, 10, 1e-5), 4)
    17.8566
    """
    _check(noise_multiplier, 1.0, rounds, delta)
    if gaussian_delta(noise_multiplier, rounds, 0.0) <= delta:
        return 0.0
    high = 1.0
    while gaussian_delta(noise_multiplier, rounds, high) > delta:
        high *= 2
    return float(
        brentq(lambda eps: gaussian_delta(noise_multiplier, rounds, eps) - delta, 0.0, high, xtol=1e-10)
    )


def _event(noise_multiplier: float, rate: float) -> object:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent

    gaussian = GaussianDpEvent(noise_multiplier)
    return gaussian if rate == 1 else PoissonSampledDpEvent(rate, gaussian)


def _check(noise_multiplier: float, rate: float, rounds: int, delta: float) -> None:
    if not (noise_multiplier >= 0 and math.isfinite(noise_multiplier)):
        raise ValueError(f"noise multiplier is {noise_multiplier}, it must be finite and not negative")
    if not 0 < rate <= 1:
        raise ValueError(f"rate is {rate}, it must lie in (0, 1]")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds}, it must be at least 1")
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta}, it must lie in (0, 1)")
