"""Attacks on personal adapters that leak: after the last count of private steps, of the tested clients.

Of a federated row they are its last variant's; of the row that shares nothing, its own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from privtalk.attacks.catalogue import CATALOGUE
from privtalk.attacks.identity import weights_to_identity
from privtalk.attacks.outcome import StrengthOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.personal import clip_in_personal, others_in_personal
from privtalk.attacks.personal.owners import attack_owners
from privtalk.attacks.personal.target import PersonalTarget
from privtalk.attacks.server import shortened
from privtalk.attacks.views import PersonalView
from privtalk.bench.attack_records import missing
from privtalk.bench.corpus.partition import Client
from privtalk.bench.corpus.population import Person
from privtalk.bench.networks import open_backbone
from privtalk.bench.tasks.talking_head.stages import footage
from privtalk.bench.tasks.talking_head.stages.attack import QUESTIONS, Question, knowing, timed, truth
from privtalk.bench.tasks.talking_head.stages.leak_strength import Recipe, strengths, target
from privtalk.bench.tasks.talking_head.stages.train import Trained
from privtalk.core.records import AttackResult

WHO = weights_to_identity.ATTACK.declaration.name
CLIP, OTHERS = clip_in_personal.DECLARATION.name, others_in_personal.DECLARATION.name
ADDED = "not run: it reads adapters of the layers that federated training has, and a private part was added to them"
NOBODY = "not run: none of the adapters' owners is attacked; raise corpus.attacked"
SILENT = "not run: attack.leaked is 0"
ALL_OWN = "not run: every attacked client owns a leaked adapter; lower attack.leaked or raise corpus.attacked"


Known = Mapping[str, StrengthOutcome]
"""Attack -> its strength, of those whose is known."""


class Owned(NamedTuple):
    """An adapter of the bank whose owner is asked about."""

    row: int
    """Its place in the bank."""
    person: Person
    clip: int
    """A training clip of the person on the owner's device."""


def on_personal_adapters(
    question: Question, trained: Trained, clients: Sequence[Client], owners: Sequence[int], recipe: Recipe
) -> dict[str, AttackResult]:
    """Every attack on the last personal adapters; `owners` are client numbers in the order of the bank.

    `recipe` is how they were trained, which the attacker knows.
    """
    if not trained.personal:
        return {}
    bank = list(trained.personal.values())[-1]
    view = PersonalView(
        backbone=open_backbone(question.store.network),
        start=trained.template if trained.alone else trained.bank,
        adapters=bank,
    )
    known = strengths(question, recipe).named((WHO, CLIP, OTHERS))
    found = whose(question, view, bank.dim == trained.template.dim, clients, owners, known)
    found |= of_clips(question, view, clients, owners, known)
    return found | of_others(question, view, clients, owners, known)


def whose(
    question: Question,
    view: PersonalView,
    comparable: bool,
    clients: Sequence[Client],
    owners: Sequence[int],
    known: Known,
) -> dict[str, AttackResult]:
    """Asks whose each adapter is."""
    if not comparable:
        return {WHO: missing(CATALOGUE[WHO], ADDED)}
    started = time.perf_counter()
    labels = truth(question, clients)
    own = {row: labels.own[index] for row, index in enumerate(owners) if index in labels.own}
    if not own:
        return {WHO: missing(CATALOGUE[WHO], NOBODY)}
    gallery = PairLabels(own=own, strangers=labels.strangers)
    return timed({WHO: attack_owners(view, knowing(question), gallery)}, question, started, known)


def of_clips(
    question: Question, view: PersonalView, clients: Sequence[Client], owners: Sequence[int], known: Known
) -> dict[str, AttackResult]:
    """Asks whether a clip of the owner was in the adapter."""
    held = owned(question, clients, owners)
    if not held:
        return {CLIP: missing(CATALOGUE[CLIP], NOBODY)}
    started = time.perf_counter()
    asked = clips_target(question, held)
    leaked = _only(view, [one.row for one in held])
    found = clip_in_personal.clip_in_personal(leaked, asked, question.stream)
    return timed({CLIP: found}, question, started, known)


def of_others(
    question: Question, view: PersonalView, clients: Sequence[Client], owners: Sequence[int], known: Known
) -> dict[str, AttackResult]:
    """Asks the first few adapters whether people who own none of them took part."""
    count = question.spec.leaked
    if not count:
        return {OTHERS: missing(CATALOGUE[OTHERS], SILENT)}
    holders = set(owners[:count])
    names = {name for client in clients if client.index in holders for name in client.people}
    others = tuple(person for person in question.members if person.name not in names)
    if not others:
        return {OTHERS: missing(CATALOGUE[OTHERS], ALL_OWN)}
    started = time.perf_counter()
    leaked = _only(view, range(min(count, len(owners))))
    found = others_in_personal.others_in_personal(leaked, people_target(question, others), question.stream)
    return timed({OTHERS: found}, question, started, known)


def owned(question: Question, clients: Sequence[Client], owners: Sequence[int]) -> tuple[Owned, ...]:
    """The adapters whose owners are attacked, each with one person on the owner's device and one of their clips."""
    asked = {person.name: person for person in question.members[: question.spec.clients]}
    held = {client.index: [clip for clip in client.clips if clip[0] in asked] for client in clients}
    return tuple(
        Owned(row, asked[held[index][0][0]], held[index][0][1])
        for row, index in enumerate(owners)
        if held[index]
    )


@lru_cache(maxsize=QUESTIONS)
def clips_target(question: Question, held: tuple[Owned, ...]) -> PersonalTarget:
    """A clip of each owner that was trained on, and one that was not; the cells of a process share them."""
    spec, store = question.spec, question.store
    cuts = [footage.seen_or_not(spec, one.person, one.clip, store) for one in held]
    return target(question, [seen for seen, _ in cuts], [unseen for _, unseen in cuts], question.stream)


@lru_cache(maxsize=QUESTIONS)
def people_target(question: Question, others: tuple[Person, ...]) -> PersonalTarget:
    """Fresh footage of other clients, and of people who took no part; the cells of a process share it."""
    spec, store = question.spec, question.store
    positives, negatives = (
        [shortened(footage.fresh(spec, person, store), spec.frames) for person in people]
        for people in (others, question.nonmembers)
    )
    return target(question, positives, negatives, question.stream)


def _only(view: PersonalView, rows: Sequence[int]) -> PersonalView:
    """The view of somebody who got some of the adapters."""
    return replace(view, adapters=view.adapters.unflatten(view.adapters.flatten()[list(rows)]))
