"""The work on shadow worlds: they are trained, asked about everybody, and attacked themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import numpy as np

from privtalk.attacks.declaration import Footage
from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.membership.passes import Asked
from privtalk.attacks.membership.planted import client_strengths, strengths
from privtalk.attacks.membership.release import ReleaseTarget, aim
from privtalk.attacks.membership.scenes import Untrained
from privtalk.attacks.membership.shadow_attacks import ShadowAnswers, ask_worlds, outsiders
from privtalk.attacks.outcome import StrengthOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.planted_messages import message_strengths, own_federation
from privtalk.attacks.shadows import Worlds, drawn_members, train_worlds
from privtalk.attacks.views import ReleaseView
from privtalk.bench.execution.task import Report
from privtalk.bench.networks import open_backbone
from privtalk.bench.tasks.talking_head.settings import AttackSpec
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.bench.tasks.talking_head.stages.footage import Cut, device, exact, fresh
from privtalk.bench.tasks.talking_head.stages.shadow_plan import KnownPeople, ShadowPlan, probing
from privtalk.core.cache import (
    write_tensors,
)
from privtalk.core.seeds import torch_stream
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch

OUTSIDERS = 32
"""The number of the attacker's people on whom signals are standardised, at most."""
FEDERATED, FEDERATED_ROUNDS = 32, 3
"""The numbers of the attacker's people, and of rounds, in a federation of its own."""
PLANTED = 8
"""Worlds that are attacked themselves, to see how strong the attacks are."""


def make(report: Report, plan: ShadowPlan) -> int:
    """Trains the worlds, asks them about everybody, and attacks some of them; returns how many worlds there are."""
    report("shadow worlds", 0, 4)
    store, stream = plan.store(), partial(torch_stream, plan.seed)
    worlds = _trained(plan, store, stream)
    report("shadow worlds", 1, 4)
    answers = _answers(plan, store, worlds, stream)
    report("shadow worlds", 2, 4)
    strengths = _planted(plan, store, worlds, stream) | _planted_messages(plan, store, stream)
    report("shadow worlds", 3, 4)
    target = aimed_at(plan.attack, store, plan.view(), stream, plan.people(store.population))
    tensors = {
        "theta": worlds.bank.flatten().cpu().numpy(),
        "members": worlds.members,
        "candidates": answers.candidates,
        "outsiders": answers.outsiders,
        **{
            f"{footage}/{part}/{name}": values
            for footage, scene in target.scenes.items()
            for part, signals in scene.untrained._asdict().items()
            for name, values in (signals or {}).items()
        },
    }
    write_tensors(plan.path, tensors, {name: json.dumps(asdict(found)) for name, found in strengths.items()})
    return len(worlds.members)


def aimed_at(
    spec: AttackSpec,
    store: FeatureStore,
    view: ReleaseView,
    stream: Stream,
    people: KnownPeople,
    known: Mapping[Footage, Untrained] | None = None,
) -> ReleaseTarget:
    """The target of attacks on what starts from the adapter in `view`."""

    def held(cut: Cut) -> tuple[list[Batch], list[Batch]]:
        return (
            [cut(spec, person, store) for person in people.members],
            [cut(spec, person, store) for person in people.nonmembers],
        )

    return aim(
        view,
        stream,
        exact=held(exact),
        fresh=held(fresh),
        public=[fresh(spec, person, store) for person in people.own[:OUTSIDERS]],
        settings=probing(spec),
        known=known,
    )


def _trained(plan: ShadowPlan, store: FeatureStore, stream: Stream) -> Worlds:
    people = [device(person, store) for person in store.population.people("shadow")]
    members = drawn_members(plan.attack.worlds, len(people), plan.size, stream)
    return train_worlds(
        open_backbone(plan.network),
        plan.initial(),
        people,
        members,
        plan.federation,
        plan.attack.world_steps,
        stream,
    )


def _answers(plan: ShadowPlan, store: FeatureStore, worlds: Worlds, stream: Stream) -> ShadowAnswers:
    """Gains over the base of candidates and of the attacker's own people, in every world."""
    view, settings = plan.view(), probing(plan.attack).exact
    people = plan.people(store.population)
    found = []
    for group in ((*people.members, *people.nonmembers), people.own):
        asked = Asked.about([exact(plan.attack, person, store) for person in group], settings, stream)
        base = outsiders(view, asked).base
        found.append(ask_worlds(view, worlds.bank, asked, base))
    return ShadowAnswers(candidates=found[0], outsiders=np.where(worlds.members, np.nan, found[1]))


def _planted(
    plan: ShadowPlan, store: FeatureStore, worlds: Worlds, stream: Stream
) -> dict[str, StrengthOutcome]:
    """Attacks on the first worlds, whose people are known."""
    chosen = worlds.members[:PLANTED]
    present = np.flatnonzero(chosen.any(0)).tolist()
    people = [store.population.people("shadow")[k] for k in present]
    half = len(people) // 2
    both = {}
    for footage, cut in (("exact", exact), ("fresh", fresh)):
        batches = [cut(plan.attack, person, store) for person in people]
        both[footage] = (batches[:half], batches[half:])
    view = plan.view()
    target = aim(view, stream, exact=both["exact"], fresh=both["fresh"], settings=probing(plan.attack))
    some = Worlds(bank=worlds.bank.select(list(range(len(chosen)))), members=chosen[:, present])
    about = (
        f"{len(chosen)} adapters of {plan.size} people each, {plan.attack.world_steps} local steps, "
        f"each against the other {len(people) - plan.size} people"
    )
    return strengths(view, target, some, about, stream) | client_strengths(view, target, some, about)


def _planted_messages(plan: ShadowPlan, store: FeatureStore, stream: Stream) -> dict[str, StrengthOutcome]:
    """Attacks on a federation of some of the attacker's own people, against the others."""
    people = store.population.people("shadow")
    half = min(len(people) // 2, FEDERATED)
    everybody = people[: 2 * half]
    view = own_federation(
        open_backbone(plan.network),
        plan.initial(),
        [device(person, store) for person in people[:half]],
        plan.federation,
        FEDERATED_ROUNDS,
        stream,
    )
    knowledge = Knowledge(
        people=[fresh(plan.attack, person, store) for person in everybody],
        public=[],
        initial=plan.initial(),
        stream=stream,
    )
    truth = PairLabels(
        own={index: index for index in range(half)},
        strangers=tuple(range(half, 2 * half)),
        attributes={index: person.attributes for index, person in enumerate(people[:half])},
    )
    about = f"{half} clients in {FEDERATED_ROUNDS} rounds without protection, each message by itself"
    return message_strengths(view, knowledge, truth, about)
