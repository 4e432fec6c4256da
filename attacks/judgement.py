"""From an attack on messages to its outcome: evaluation, measures and controls.

Shape legend: K clients, P people (the gallery), N evaluated clients, M strangers, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from privtalk.attacks.controls import LEVEL, PERMUTATIONS, ControlOutcome, judge
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import evaluate_pairs, pair_auc_interval
from privtalk.attacks.outcome import AttackOutcome, MeasureOutcome
from privtalk.attacks.pairs import (
    CandidateFeatures,
    MessageAttack,
    NotApplicable,
    PairLabels,
    Pairs,
    ScoreMatrix,
    Values,
    comparable,
    comparable_sums,
    pairs,
    rank1,
    source,
    unit,
)
from privtalk.attacks.views import ServerRound
from privtalk.core.intervals import Interval
from privtalk.core.streams import Stream


def pair_control(own: Values, strangers: Values) -> ControlOutcome:
    """Whether an AUC over pairs is at chance."""
    return judge(pair_auc_interval(own, strangers, LEVEL))


def wrong_client(found: Pairs) -> ControlOutcome:
    """Each client with the person of the next: who takes part at all must not show in another client's message."""
    return pair_control(*found.scores(np.roll(found.own, -1), found.strangers))


def permuted(found: Pairs, generator: torch.Generator) -> ControlOutcome:
    """AUC when evaluated people and strangers trade places at random: mean and central range of many shuffles."""
    people = np.concatenate([found.own, found.strangers])
    n, values = len(found.own), np.empty(PERMUTATIONS)
    for index in range(PERMUTATIONS):
        order = people[torch.randperm(len(people), generator=generator).numpy()]
        own, strangers = found.scores(order[:n], order[n:])
        values[index] = _pair_auc(own, strangers)
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return judge(
        Interval(value=float(values.mean()), low=float(low), high=float(high), n=len(people), clusters=n)
    )


def _pair_auc(own: Values, strangers: Values) -> float:
    return float((own[:, None] > strangers).mean() + 0.5 * (own[:, None] == strangers).mean())


def silenced(rounds: Sequence[ServerRound]) -> tuple[ServerRound, ...]:
    """The same rounds in which nobody trained: every message is zero."""
    return tuple(replace(r, messages=torch.zeros_like(r.messages)) for r in rounds)


def gaussian(rounds: Sequence[ServerRound], stream: Stream, name: str) -> tuple[ServerRound, ...]:
    """The same rounds with Gaussian messages of the same L2 norms."""

    def drawn(r: ServerRound) -> Tensor:
        generator = stream("attack", name, "control", "gaussian", "round", r.number)
        noise = torch.randn(r.messages.shape, generator=generator, dtype=torch.float32)
        return unit(noise) * r.messages.float().norm(dim=1, keepdim=True)

    return tuple(replace(r, messages=drawn(r)) for r in rounds)


def blind(matrix: ScoreMatrix, data: Values, truth: PairLabels) -> ControlOutcome:
    """A score `data` [P] of the footage alone, equal for all clients."""
    return blind_of(pairs(matrix._replace(values=np.tile(data, (len(matrix.clients), 1))), truth))


def blind_of(found: Pairs) -> ControlOutcome:
    return pair_control(*found.scores(found.own, found.strangers))


def absent(declaration: Declaration, reason: str) -> AttackOutcome:
    """The outcome of an attack that was not possible."""
    nothing = MeasureOutcome(
        estimate=Interval(missing=reason), chance=0.5, unit="rate", about=declaration.statistic
    )
    return AttackOutcome(declaration=declaration, evaluation=None, measures={declaration.headline: nothing})


def judged(
    attack: MessageAttack,
    rounds: Sequence[ServerRound],
    candidates: CandidateFeatures,
    truth: PairLabels,
    stream: Stream,
) -> AttackOutcome:
    """Run an attack and its controls.

    Behind secure aggregation there is no wrong client: the next client's message may be in the same sum.
    """
    name, sums = attack.declaration.name, attack.declaration.view == "sums"
    even = comparable_sums if sums else comparable
    try:
        matrix = even(attack.score(rounds, candidates))
        found = pairs(matrix, truth)
    except NotApplicable as reason:
        return absent(attack.declaration, str(reason))
    without = {"never_trained": silenced(rounds), "gaussian_update": gaussian(rounds, stream, name)}
    controls = {
        key: blind_of(pairs(even(attack.score(blank, candidates)), truth)) for key, blank in without.items()
    }
    controls["blind"] = blind(matrix, candidates.gradients.double().norm(dim=1).numpy(), truth)
    controls["permuted_labels"] = permuted(found, stream("attack", name, "control", "labels"))
    if not sums:
        controls["wrong_client"] = wrong_client(found)
    return AttackOutcome(
        declaration=attack.declaration,
        evaluation=evaluate_pairs(*found.scores(found.own, found.strangers)),
        measures={"rank1": rank1(matrix, truth), "source": source(matrix, truth)},
        controls=controls,
    )
