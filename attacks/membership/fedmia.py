"""FedMIA: the updates of all other clients as the null (Zhu et al., "FedMIA: an effective membership inference attack
exploiting all-for-one principle in federated learning", 2402.06289).

A person is on one client, so that the cosines of all the other clients' updates with that person's gradient are draws
from the null. With their mean μ_rkp and deviation s_rkp, client k left out, the one-tailed test of a round is

    p_rkp = P(N(μ_rkp, s_rkp²) >= c_rkp),    score(k, p) = -ln P(χ²_2R >= -2 Σ_r ln p_rkp)    over k's R rounds

Rounds are combined by Fisher's method, under which clients of few and of many rounds have one null distribution,
Exp(1). This is our choice, as clients take part in some rounds only.

Shape legend: K clients of a cohort, P people, R rounds of a client, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp, xlogy
from scipy.stats import norm
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.update_cosine import cosines
from privtalk.attacks.pairs import (
    CandidateFeatures,
    MessageAttack,
    NotApplicable,
    ScoreMatrix,
    Values,
    over_rounds,
)
from privtalk.attacks.views import ServerRound

LEAST = 4
"""Clients in a cohort below which the others' Gaussian cannot be fitted; such rounds are left out."""


def left_out_z(values: Values) -> Values:
    """[K, P] each value [K, P] in standard deviations of the other rows' Gaussian; 0 where those do not spread.

    >>> left_out_z(np.array([[0.0], [2.0], [1.0], [4.0]]))[3].round(6).tolist()
    [3.0]
    """
    n = len(values) - 1
    shifted = values - values.mean(0)
    mean = -shifted / n
    variance = ((shifted**2).sum(0) - shifted**2 - n * mean**2) / (n - 1)
    spread = np.sqrt(np.maximum(variance, 0))
    return np.where(spread > 1e-12, (shifted - mean) / np.maximum(spread, 1e-12), 0.0)


def fisher(total: Values, count: NDArray[np.int64]) -> Values:
    """[K, P] -ln P(χ²_2R >= 2 x) of sums x [K, P] of R [K, 1] terms -ln p, at least 0.

    P = e^-x Σ_{i<R} x^i / i!, whose logarithm does not underflow.

    >>> fisher(np.array([[3.0], [3.0]]), np.array([[1], [2]])).round(4).tolist()
    [[3.0], [1.6137]]
    """
    i = np.arange(int(count.max()))
    terms = xlogy(i, total[..., None]) - gammaln(i + 1)
    return np.asarray(total - logsumexp(terms, axis=-1, b=(i < count[..., None])))


def surprise(messages: Tensor, gradients: Tensor) -> Tensor:
    """float64 [K, P], at least 0: -ln p of each client's cosine against the other clients'."""
    z = left_out_z(cosines(messages, gradients).double().numpy())
    return torch.from_numpy(-norm.logsf(z))


def fedmia(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores of every client that took part with every person; larger means "this person"."""
    usable = [r for r in rounds if len(r.cohort) >= LEAST]
    if not usable:
        raise NotApplicable(f"no cohort has {LEAST} clients, of whom the others would be the null")
    means = over_rounds(usable, lambda r: surprise(r.messages, candidates.gradients))
    counts = np.array([sum(client in r.cohort for r in usable) for client in means.clients])[:, None]
    return means._replace(values=fisher(counts * means.values, counts))


ATTACK = MessageAttack(
    declaration=Declaration(
        name="fedmia",
        family="membership",
        view="server",
        statistic="-ln p of the update's cosine against the Gaussian of all other clients', over rounds",
        source="Zhu et al. 2025, 2402.06289",
    ),
    score=fedmia,
)
