"""Everything a server can try: attacks on each client's messages, and on their sums.

What is costly, people's gradients, is computed once (`candidates`) and read by all attacks.

Shape legend: K clients, P people, d numbers of an adapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from privtalk.attacks.aggregation import distinguishing, span_on_sums
from privtalk.attacks.aggregation.sums import summed
from privtalk.attacks.controls import CHANCE
from privtalk.attacks.evaluation import pair_auc_interval
from privtalk.attacks.identity import (
    attribute_inference,
    condition_extraction,
    span,
    subspace,
)
from privtalk.attacks.identity.tokens import identity_tokens
from privtalk.attacks.judgement import absent, judged
from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.membership import fedmia, gradient_difference, source_inference, update_cosine
from privtalk.attacks.outcome import AttackOutcome, MeasureOutcome
from privtalk.attacks.pairs import (
    CandidateFeatures,
    MessageAttack,
    NotApplicable,
    PairLabels,
    comparable_sums,
    pairs,
)
from privtalk.attacks.probing import Probes, Suspect, person_gradients, probes
from privtalk.attacks.views import Bank, FrozenBackbone, ServerRound, ServerView
from privtalk.core.intervals import Interval
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch

MESSAGE_ATTACKS: dict[str, MessageAttack] = {
    "update_cosine": update_cosine.ATTACK,
    "gradient_difference": gradient_difference.ATTACK,
    "fedmia": fedmia.ATTACK,
    "span": span.ATTACK,
    "subspace": subspace.ATTACK,
    "condition_extraction": condition_extraction.ATTACK,
}
SUM_ATTACKS: dict[str, MessageAttack] = {
    "distinguishing": distinguishing.ATTACK,
    "span_on_sums": span_on_sums.ATTACK,
}
"""Both hold what the project has; `attacks.catalogue.register` adds to them."""
CURVE = "auc by clients in the sum"


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """How much an attacker on messages spends."""

    timesteps: tuple[int, ...] = (300,)
    draws: int = 1
    rounds: int = 16
    """The last so many are read, which bounds what many rounds of many clients cost."""
    frames: int = 2
    """The frames of each window, from its first, for gradients; at most what people have."""
    loss_frames: int = 1
    """The same for losses under local models."""
    loss_clients: int = 12
    """Local models in source inference."""
    loss_strangers: int = 4
    sums: tuple[int, ...] = (1, 2, 5, 10, 20)
    """Sizes of sums on the curve, beside a whole round."""
    attributes: tuple[str, ...] = ("glasses", "beard", "skin", "hair", "accent")


DEFAULT = ServerSettings()


def shortened(person: Batch, frames: int) -> Batch:
    """The first `frames` frames of each window."""
    return replace(
        person,
        latents=person.latents[:, :frames],
        audio=person.audio[:, :frames],
        landmarks=person.landmarks[:, :frames],
        masked=None if person.masked is None else person.masked[:, :frames],
    )


def candidates(
    backbone: FrozenBackbone, adapter: Bank, knowledge: Knowledge, settings: ServerSettings = DEFAULT
) -> CandidateFeatures:
    """The attacker's reading of everybody's footage, at one adapter (a bank of one); the costly part."""
    people = [shortened(person, settings.frames) for person in knowledge.people]
    suspect = Suspect(backbone=backbone, adapter=adapter)
    return CandidateFeatures(
        gradients=person_gradients(suspect, people, _probes(people, knowledge, settings)),
        tokens=identity_tokens(backbone, people),
        template=knowledge.initial,
    )


def _probes(people: Sequence[Batch], knowledge: Knowledge, settings: ServerSettings) -> Probes:
    return probes(people, knowledge.stream, settings.timesteps, settings.draws)


def readable(view: ServerView, initial: Bank, last: int = DEFAULT.rounds) -> tuple[ServerRound, ...]:
    """The last rounds with messages float32 [K, d]: the update of the adapter, without what a method or a weighing
    sends after it.
    """
    d = initial.flatten().shape[1]

    def cut(r: ServerRound) -> ServerRound:
        if len(r.adapter) != d or r.messages.shape[1] < d:
            raise ValueError(
                f"round {r.number}: messages of {r.messages.shape[1]} numbers on an adapter of {len(r.adapter)}, "
                f"the attacker's has {d}"
            )
        return replace(r, messages=r.messages[:, :d].float(), adapter=r.adapter.float())

    return tuple(cut(r) for r in view.rounds[-last:])


def last_candidates(
    view: ServerView, knowledge: Knowledge, settings: ServerSettings = DEFAULT
) -> CandidateFeatures:
    """`candidates` at the adapter that the last round started from."""
    if not view.rounds:
        raise ValueError("a view without rounds shows no message; train for at least one round")
    adapter = knowledge.initial.unflatten(view.rounds[-1].adapter.float()[None])
    return candidates(view.backbone, adapter, knowledge, settings)


# ---- each client's messages


def attack_server(
    view: ServerView,
    knowledge: Knowledge,
    truth: PairLabels,
    settings: ServerSettings = DEFAULT,
    known: CandidateFeatures | None = None,
    names: Sequence[str] | None = None,
) -> dict[str, AttackOutcome]:
    """Outcome of each attack in `names` (all) on a server's view; `known` spares `last_candidates`."""
    there = server_attacks()
    if unknown := sorted(set(names or ()) - set(there)):
        raise ValueError(f"no attack on messages is called {unknown[0]!r}; there are {', '.join(there)}")
    rounds, stream = readable(view, knowledge.initial, settings.rounds), knowledge.stream
    known = known or last_candidates(view, knowledge, settings)

    def run(name: str) -> AttackOutcome:
        if name == source_inference.DECLARATION.name:
            return attack_sources(view, knowledge, truth, settings)
        if name == attribute_inference.NAME:
            return attribute_inference.attribute_inference(
                rounds, truth.attributes, settings.attributes, stream
            )
        return _verified(judged(MESSAGE_ATTACKS[name], rounds, known, truth, stream))

    return {name: run(name) for name in (there if names is None else names)}


def server_attacks() -> tuple[str, ...]:
    """Returns the names that `attack_server` knows."""
    own = (source_inference.DECLARATION.name, attribute_inference.NAME)
    return (*MESSAGE_ATTACKS, *own)


def _verified(outcome: AttackOutcome) -> AttackOutcome:
    """Extraction also reports what a face-recognition gate would see."""
    if outcome.declaration.headline != "verification" or outcome.evaluation is None:
        return outcome
    extra = {"verification": condition_extraction.verification(outcome.evaluation)}
    return replace(outcome, measures={**outcome.measures, **extra})


def attack_sources(
    view: ServerView, knowledge: Knowledge, truth: PairLabels, settings: ServerSettings = DEFAULT
) -> AttackOutcome:
    """Source inference, among some of the clients and people."""
    name = source_inference.DECLARATION
    try:
        chosen = source_inference.trial(
            readable(view, knowledge.initial, settings.rounds),
            truth,
            settings.loss_clients,
            settings.loss_strangers,
        )
        people = [shortened(knowledge.people[p], settings.loss_frames) for p in chosen.people]
        suspect = Suspect(backbone=view.backbone, adapter=knowledge.initial)
        draws = _probes(people, knowledge, settings)
        return source_inference.attack(chosen, suspect, people, draws, knowledge.stream)
    except NotApplicable as reason:
        return absent(name, str(reason))


# ---- sums


def attack_sums(
    view: ServerView,
    knowledge: Knowledge,
    truth: PairLabels,
    settings: ServerSettings = DEFAULT,
    known: CandidateFeatures | None = None,
) -> dict[str, AttackOutcome]:
    """Outcome of each attack on the sum of a whole round, with the AUC by the number of clients in a sum beside it.

    It takes the server's view because smaller sums are formed from kept messages; a server behind secure aggregation
    sees the whole round's alone. A sum of one is the message itself: what the attack is worth without aggregation.
    """
    rounds = readable(view, knowledge.initial, settings.rounds)
    known = known or last_candidates(view, knowledge, settings)
    return {name: _on_sums(a, rounds, known, truth, knowledge, settings) for name, a in SUM_ATTACKS.items()}


def _on_sums(
    attack: MessageAttack,
    rounds: Sequence[ServerRound],
    known: CandidateFeatures,
    truth: PairLabels,
    knowledge: Knowledge,
    settings: ServerSettings,
) -> AttackOutcome:
    stream = knowledge.stream
    outcome = judged(attack, summed(rounds, None, stream), known, truth, stream)
    if outcome.evaluation is None:
        return outcome
    sizes = [len(r.cohort) for r in rounds if r.cohort]
    smaller = {
        n: _auc_in_sums(attack, rounds, known, truth, stream, n) for n in settings.sums if n < min(sizes)
    }
    measures = {
        f"auc[n={n}]": MeasureOutcome(
            estimate=found, chance=CHANCE, unit="auc", about=f"in sums of {n} clients"
        )
        for n, found in smaller.items()
    }
    points = [(float(n), found.value) for n, found in smaller.items()]
    points.append((float(np.mean(sizes)), outcome.evaluation.auc.value))
    curve = tuple((n, value) for n, value in points if value is not None)
    return replace(outcome, measures={**outcome.measures, **measures}, curves={CURVE: curve})


def _auc_in_sums(
    attack: MessageAttack,
    rounds: Sequence[ServerRound],
    known: CandidateFeatures,
    truth: PairLabels,
    stream: Stream,
    n: int,
) -> Interval:
    found = pairs(comparable_sums(attack.score(summed(rounds, n, stream), known)), truth)
    return pair_auc_interval(*found.scores(found.own, found.strangers))
