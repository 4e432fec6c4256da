"""Strength of the attacks on personal adapters: the attacker's own people take the run's private steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.outcome import StrengthOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.personal.planted import clip_strength, others_strength, owner_strength
from privtalk.attacks.personal.target import PersonalTarget
from privtalk.attacks.server import shortened
from privtalk.attacks.shadows import drawn_members, train_worlds
from privtalk.attacks.views import PersonalView
from privtalk.bench.corpus.population import Person
from privtalk.bench.networks import open_backbone
from privtalk.bench.tasks.talking_head.stages import footage
from privtalk.bench.tasks.talking_head.stages.attack import QUESTIONS, Question
from privtalk.bench.tasks.talking_head.stages.shadow_plan import FEWEST
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.config import FederationConfig, PersonalisationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.personalisation import PrivateTraining, take_steps

OWNERS = 16
"""The attacker's people who own an adapter, at most; as many others are strangers."""
SHARED = 4
"""Adapters that go on from what others trained, at most."""


class Recipe(NamedTuple):
    """The training that the attacker does over again, which is public."""

    federation: FederationConfig
    personalisation: PersonalisationConfig


class Strengths(NamedTuple):
    """The strength of each attack; None where it is not known."""

    whose: StrengthOutcome | None = None
    clip: StrengthOutcome | None = None
    others: StrengthOutcome | None = None

    def named(self, names: Sequence[str]) -> Mapping[str, StrengthOutcome]:
        """Those that are known, by the attacks' names in this order."""
        return {name: found for name, found in zip(names, self, strict=True) if found is not None}


@lru_cache(maxsize=QUESTIONS)
def strengths(question: Question, recipe: Recipe) -> Strengths:
    """All three, once for the cells of a process; none where there are no shadow worlds, or too few people for them."""
    if not question.spec.worlds or len(question.own) < FEWEST or not recipe.personalisation.steps:
        return Strengths()
    people = question.own[: 2 * min(len(question.own) // 2, OWNERS)]
    half, count = len(people) // 2, recipe.personalisation.steps[-1]
    devices = [footage.device(person, question.store) for person in people]
    owned = _private(question, recipe, question.initial(), devices[:half], "own")
    about = f"{half} adapters of the attacker's people, {count} private steps from the initial adapter"
    view = _view(question, owned)
    whose = None
    if owned.dim == question.initial().dim:
        whose = owner_strength(view, *_gallery(question, people, half), about)
    clip = clip_strength(view, _clips(question, people[:half]), _stream(question), about)
    return Strengths(whose, clip, _others(question, recipe, people, devices))


def _others(
    question: Question, recipe: Recipe, people: Sequence[Person], devices: Sequence[ClientData]
) -> StrengthOutcome:
    """Some of the people train together, one of the others goes on from what they released."""
    backbone, stream = open_backbone(question.store.network), _stream(question)
    size, worlds = max(2, len(people) // 8), min(SHARED, question.spec.worlds)
    members = drawn_members(worlds, len(people), size, stream)
    trained = train_worlds(
        backbone, question.initial(), devices, members, recipe.federation, question.spec.world_steps, stream
    )
    owners = [int(np.flatnonzero(~row)[0]) for row in members]
    went_on = _private(question, recipe, trained.bank, [devices[k] for k in owners], "others")
    fresh = [shortened(footage.fresh(question.spec, p, question.store), question.spec.frames) for p in people]
    count = recipe.personalisation.steps[-1]
    about = (
        f"{worlds} adapters, each of one person {count} private steps after what {size} others trained in "
        f"{question.spec.world_steps} steps, asked about these"
    )
    return others_strength(
        _view(question, went_on), target(question, fresh, (), stream), owners, members, about
    )


def _private(
    question: Question, recipe: Recipe, start: AdapterBank, devices: Sequence[ClientData], name: str
) -> AdapterBank:
    """The adapters of some devices after their last private step."""
    own = _stream(question)

    def stream(*names: str | int) -> torch.Generator:
        return own(name, *names)

    backbone = open_backbone(question.store.network)
    training = PrivateTraining.of(backbone, start, devices, recipe.personalisation, recipe.federation, stream)
    last = recipe.personalisation.steps[-1]
    return training.bank(take_steps(training, [last]).theta[last])


def _stream(question: Question) -> Stream:
    whole = question.stream

    def own(*names: str | int) -> torch.Generator:
        return whole("attack", "planted", "personal", *names)

    return own


def _view(question: Question, adapters: AdapterBank) -> PersonalView:
    return PersonalView(
        backbone=open_backbone(question.store.network), start=question.initial(), adapters=adapters
    )


def _gallery(question: Question, people: Sequence[Person], half: int) -> tuple[Knowledge, PairLabels]:
    """Fresh footage of owners and strangers, and who owns which adapter."""
    knowledge = Knowledge(
        people=[footage.fresh(question.spec, person, question.store) for person in people],
        public=[],
        initial=question.initial(),
        stream=_stream(question),
    )
    return knowledge, PairLabels(own={k: k for k in range(half)}, strangers=tuple(range(half, len(people))))


def _clips(question: Question, owners: Sequence[Person]) -> PersonalTarget:
    """A clip of each owner that was trained on, and one that was not."""
    cuts = [footage.seen_or_not(question.spec, person, 0, question.store) for person in owners]
    return target(question, [seen for seen, _ in cuts], [unseen for _, unseen in cuts], _stream(question))


def target(
    question: Question, positives: Sequence[Batch], negatives: Sequence[Batch], stream: Stream
) -> PersonalTarget:
    """The footage that personal adapters are asked about: first what the answer is yes to."""
    spec = question.spec
    return PersonalTarget.of(
        open_backbone(question.store.network),
        question.initial(),
        positives,
        negatives,
        stream,
        spec.timesteps,
        spec.draws,
    )
