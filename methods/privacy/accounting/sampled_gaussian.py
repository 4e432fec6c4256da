"""Client-level (ε, δ) of the sampled Gaussian mechanism over T rounds.

z is the noise in units of the clip C, q the chance (or share) of clients to take part in a round. Poisson sampling is
accounted under adding or removing one client (sensitivity C), a cohort of fixed size under replacing one (2C): see
`privacy_loss`. The published figure is the privacy-loss distribution's (PLD) of dp-accounting; opacus' PRV and the
Rényi accounting of both packages are cross-checks. Gaussian-DP's central limit is never used: it under-reports.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from privtalk.methods.privacy.accounting.gaussian import (
    check,
    gaussian_delta,
    gaussian_epsilon,
)
from privtalk.methods.privacy.accounting.privacy_loss import (
    INTERVAL,
    NEIGHBOURS,
    SENSITIVITY,
    Sampling,
    release_loss,
)

__all__ = [
    "INTERVAL",
    "NEIGHBOURING",
    "Sampling",
    "check",
    "checks",
    "default_delta",
    "epsilon",
    "epsilon_curve",
    "gaussian_delta",
    "gaussian_epsilon",
    "neighbouring",
    "prv_epsilon",
    "quiet",
    "rdp_epsilon",
    "void_delta",
]

NEIGHBOURING = NEIGHBOURS["poisson"]
PRV_UP_TO = 2000.0
"""ε by Rényi accounting beyond which opacus' PRV takes minutes and comes to infinity."""


def neighbouring(sampling: Sampling) -> str:
    """The relation under which a way of sampling is accounted.

    >>> neighbouring("fixed")
    'replace one client'
    """
    if sampling not in NEIGHBOURS:
        raise ValueError(f"sampling is {sampling!r}; valid: {', '.join(NEIGHBOURS)}")
    return NEIGHBOURS[sampling]


def default_delta(clients: int) -> float:
    """δ = N^-1.1, the usual rule for δ below 1/N.

    >>> default_delta(256) < 1 / 256
    True
    """
    if clients < 2:
        raise ValueError(f"{clients} client: client-level privacy needs at least two")
    return clients**-1.1


def void_delta(delta: float, clients: int) -> str | None:
    """Why a guarantee at this δ says nothing of so many clients; None where it does say something.

    At δ of 1/N, publishing one client's data as they are is a guarantee of ε = 0.

    >>> void_delta(0.5, 16), void_delta(0.01, 16)
    ('delta 0.5 is not below 1/N = 0.0625: such a guarantee is void', None)
    """
    if clients < 2:
        return f"{clients} client: client-level privacy needs at least two, such a guarantee is void"
    if delta >= 1 / clients:
        return f"delta {delta:g} is not below 1/N = {1 / clients:.3g}: such a guarantee is void"
    return None


def epsilon(
    noise_multiplier: float, rate: float, rounds: int, delta: float, sampling: Sampling = "poisson"
) -> float:
    """ε by PLD, infinity without noise. An upper bound.

    >>> round(epsilon(1.0, 0.1, 100, 1e-5), 2)
    7.05
    """
    return epsilon_curve(noise_multiplier, rate, [rounds], delta, sampling)[0]


def epsilon_curve(
    noise_multiplier: float,
    rate: float,
    rounds: Sequence[int],
    delta: float,
    sampling: Sampling = "poisson",
) -> list[float]:
    """ε by PLD after each of the given numbers of rounds."""
    for count in rounds:
        check(noise_multiplier, rate, count, delta)
    neighbouring(sampling)
    if noise_multiplier == 0:
        return [math.inf] * len(rounds)
    return [
        float(release_loss(noise_multiplier, rate, count, sampling).get_epsilon_for_delta(delta))
        for count in rounds
    ]


def rdp_epsilon(
    noise_multiplier: float, rate: float, rounds: int, delta: float, sampling: Sampling = "poisson"
) -> float:
    """ε by Rényi accounting; looser than PLD.

    Poisson: Mironov et al. 2019. Fixed size: Wang, Balle and Kasiviswanathan 2019, at sensitivity 2C, which
    dp-accounting does not double by itself.
    """
    check(noise_multiplier, rate, rounds, delta)
    if noise_multiplier == 0:
        return math.inf
    import dp_accounting as dp
    from dp_accounting.rdp import RdpAccountant

    gaussian = dp.GaussianDpEvent(noise_multiplier / SENSITIVITY[sampling])
    relation = dp.NeighboringRelation.ADD_OR_REMOVE_ONE
    event: object = gaussian
    if sampling == "fixed":
        relation = dp.NeighboringRelation.REPLACE_ONE
        event = gaussian if rate == 1 else dp.SampledWithoutReplacementDpEvent(1.0, rate, gaussian)
    elif rate < 1:
        event = dp.PoissonSampledDpEvent(rate, gaussian)
    with quiet():
        accountant = RdpAccountant(neighboring_relation=relation).compose(event, rounds)
        return float(accountant.get_epsilon(delta))


def prv_epsilon(noise_multiplier: float, rate: float, rounds: int, delta: float) -> float:
    """ε by opacus' numerical composition (Gopi et al. 2021), Poisson only."""
    return _opacus("PRVAccountant", noise_multiplier, rate, rounds, delta)


def checks(
    noise_multiplier: float, rate: float, rounds: int, delta: float, sampling: Sampling = "poisson"
) -> dict[str, float]:
    """The same guarantee under the other accountants; without noise there is none to check."""
    if noise_multiplier == 0:
        return {}
    run = (noise_multiplier, rate, rounds, delta)
    bound = rdp_epsilon(*run, sampling)
    found = {"rdp[dp-accounting]": bound}
    if sampling == "poisson" and bound <= PRV_UP_TO:
        found["prv[opacus]"] = prv_epsilon(*run)
    if sampling == "poisson":
        found["rdp[opacus]"] = _opacus("RDPAccountant", *run)
    if rate == 1:
        found["closed form"] = gaussian_epsilon(noise_multiplier / SENSITIVITY[sampling], rounds, delta)
    return found


def _opacus(name: str, noise_multiplier: float, rate: float, rounds: int, delta: float) -> float:
    check(noise_multiplier, rate, rounds, delta)
    if noise_multiplier == 0:
        return math.inf
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # on orders at the end of its range: they loosen a cross-check at most
        from opacus import accountants

        accountant = getattr(accountants, name)()
        accountant.history = [(noise_multiplier, rate, rounds)]
        return float(accountant.get_epsilon(delta))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the Rényi accountant's notes on orders that it leaves out, which loosen a cross-check at most."""
    log = logging.getLogger("absl")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
