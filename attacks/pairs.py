"""Attacks that pair messages with people: from scores of (client, person) to an `Outcome`.

Every such attack is a score matrix S [K, P], "how strongly do client k's messages say that person p's footage is on
it". It is judged on the pairs (client, its own person) against (client, stranger), strangers being people who took no
part:

    AUC    = P(S[k, own(k)] > S[k, q])       over clients k and strangers q, ties half
    rank-1 = P(argmax_p S[k, p] = own(k))  re-identification; chance 1 / P
    source = P(argmax_k S[k, p] = owner(p))  source inference (Hu et al., 2310.00222); chance 1 / K

Shape legend: K clients, P people (the gallery), N evaluated clients, M strangers, d numbers of an adapter, E width of a
condition token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.declaration import Attack
from privtalk.attacks.outcome import MeasureOutcome
from privtalk.attacks.views import Bank, ServerRound
from privtalk.core.intervals import clopper_pearson

Values = NDArray[np.float64]


class NotApplicable(ValueError):
    """The channel that an attack reads does not exist in this run; the message is the reason a record gives."""


@dataclass(frozen=True, kw_only=True)
class PairLabels:
    """Labels. Evaluations read them; attacks never do."""

    own: Mapping[int, int]
    """Client number -> index of its person among `Knowledge.people`, of the clients that are evaluated."""
    strangers: tuple[int, ...]
    """Indices of people who took no part."""
    attributes: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    """Client number -> attribute -> its person's value, such as `{3: {"glasses": "round"}}`."""

    def __post_init__(self) -> None:
        if both := set(self.own.values()) & set(self.strangers):
            raise ValueError(f"people {sorted(both)} are both clients' and strangers; strangers took no part")


@dataclass(frozen=True, kw_only=True)
class CandidateFeatures:
    """The attacker's reading of everybody's footage, once for all attacks."""

    gradients: Tensor
    """float32 [P, d]: of each person's denoising loss by the adapter."""
    tokens: Tensor
    """float32 [P, E]: each person's identity token, as cross-attention receives it."""
    template: Bank
    """Bank of one, whose layers say what the d numbers of a message mean."""


class ScoreMatrix(NamedTuple):
    """Scores of pairs; larger means "this person"."""

    clients: tuple[int, ...]
    """Client numbers of the rows."""
    values: Values
    """[K, P]."""

    def row(self, client: int) -> int:
        return self.clients.index(client)


Score = Callable[[Sequence[ServerRound], CandidateFeatures], ScoreMatrix]


@dataclass(frozen=True, kw_only=True)
class MessageAttack(Attack):
    """An attack on messages; a pure function of them and of what the attacker makes of the people."""

    score: Score


def over_rounds(rounds: Sequence[ServerRound], score: Callable[[ServerRound], Tensor]) -> ScoreMatrix:
    """Mean over the rounds that a client took part in of `score(round)` [cohort, P]."""
    clients = sorted({client for r in rounds for client in r.cohort})
    row = {client: index for index, client in enumerate(clients)}
    parts = [(list(map(row.__getitem__, r.cohort)), score(r).double().numpy()) for r in rounds if r.cohort]
    if not parts:
        raise NotApplicable("no client took part in any round")
    total, count = np.zeros((len(clients), parts[0][1].shape[1])), np.zeros((len(clients), 1))
    for rows, values in parts:
        total[rows] += values
        count[rows] += 1
    return ScoreMatrix(tuple(clients), total / count)


def unit(x: Tensor) -> Tensor:
    """Rows [N, d] scaled to length 1; zero rows stay zero."""
    return x / x.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)


def centred(x: Tensor) -> Tensor:
    """Rows [N, d] less their mean; a single row stays as it is."""
    return x - x.mean(0) if len(x) > 1 else x


def comparable(matrix: ScoreMatrix) -> ScoreMatrix:
    """Scores less each person's median over clients: how likely a face is for everybody says nothing of one client.

    The median, and not the mean, because the owner's own score does not move it.
    """
    return matrix._replace(values=matrix.values - np.median(matrix.values, axis=0))


def comparable_sums(matrix: ScoreMatrix) -> ScoreMatrix:
    """`comparable`, but for sums that are one and the same for all clients, of which nothing would be left.

    That is a whole round's where everybody takes part in every round.
    """
    differ = np.ptp(matrix.values, axis=0).max() > 1e-5 * np.abs(matrix.values).max()
    return comparable(matrix) if differ else matrix


class Pairs(NamedTuple):
    """The evaluated part of a matrix."""

    values: Values
    """[N, P] rows of the evaluated clients."""
    own: NDArray[np.int64]
    """[N] own person of each."""
    strangers: NDArray[np.int64]
    """[M]."""

    def scores(self, own: NDArray[np.int64], strangers: NDArray[np.int64]) -> tuple[Values, Values]:
        """([N] of each client with the person in `own`, [N, M] with `strangers`)."""
        return self.values[np.arange(len(own)), own], self.values[:, strangers]


def pairs(matrix: ScoreMatrix, truth: PairLabels) -> Pairs:
    """Rows of the clients whose person is known and who took part."""
    evaluated = [client for client in matrix.clients if client in truth.own]
    if len(evaluated) < 2 or len(truth.strangers) < 2:
        raise NotApplicable(
            f"{len(evaluated)} of the evaluated clients took part, beside {len(truth.strangers)} strangers; "
            "pairs need two of each"
        )
    rows = [matrix.row(client) for client in evaluated]
    own = np.array([truth.own[client] for client in evaluated])
    return Pairs(matrix.values[rows], own, np.array(truth.strangers))


def rank1(matrix: ScoreMatrix, truth: PairLabels) -> MeasureOutcome:
    """Re-identification: the one person of the gallery who scores highest with a client is its own; a tie misses."""
    found = pairs(matrix, truth)
    best = _unique_argmax(found.values)
    return MeasureOutcome(
        estimate=clopper_pearson(int((best == found.own).sum()), len(best)),
        chance=1 / found.values.shape[1],
        unit="rate",
        about=f"of clients' persons named first in a gallery of {found.values.shape[1]}",
    )


def source(matrix: ScoreMatrix, truth: PairLabels) -> MeasureOutcome:
    """Source inference: the one client that scores highest with a person is its own; a tie misses.

    Rows are standardised over the gallery first, so that a client whose scores spread widely does not win everybody.
    """
    spread = matrix.values.std(1, keepdims=True)
    scaled = (matrix.values - matrix.values.mean(1, keepdims=True)) / np.where(spread > 0, spread, 1)
    best = _unique_argmax(scaled.T)
    owners = [(matrix.row(c), truth.own[c]) for c in matrix.clients if c in truth.own]
    return MeasureOutcome(
        estimate=clopper_pearson(sum(int(best[p] == k) for k, p in owners), len(owners)),
        chance=1 / len(matrix.clients),
        unit="rate",
        about=f"of persons whose client is named first of {len(matrix.clients)}",
    )


def _unique_argmax(rows: Values) -> NDArray[np.int64]:
    """[N] place of each row's maximum, -1 where it is not unique."""
    best = rows.argmax(1)
    tied = (rows == rows.max(1, keepdims=True)).sum(1) > 1
    return np.where(tied, -1, best)
