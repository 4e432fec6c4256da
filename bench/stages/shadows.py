"""Shadow worlds of a run: trained once for all rows whose adapters start alike, and kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from privtalk.attacks.declaration import Footage
from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.membership.passes import Asked, ProbeSettings
from privtalk.attacks.membership.planted import client_strengths, strengths
from privtalk.attacks.membership.release import ReleaseTarget, Settings, aim
from privtalk.attacks.membership.scenes import Untrained
from privtalk.attacks.membership.shadow_attacks import ShadowAnswers, ask_worlds, outsiders
from privtalk.attacks.outcome import Strength
from privtalk.attacks.pairs import Truth
from privtalk.attacks.planted_messages import message_strengths, own_federation
from privtalk.attacks.roc import Interval
from privtalk.attacks.shadows import Worlds, drawn_members, train_worlds
from privtalk.attacks.views import ReleaseView
from privtalk.bench.corpus.cache import (
    cache_folder,
    content_hash,
    read_metadata,
    read_tensors,
    verified,
    write_tensors,
)
from privtalk.bench.corpus.population import Person, Population
from privtalk.bench.execution.task import Report, Task
from privtalk.bench.networks import Network, open_backbone
from privtalk.bench.seeds import torch_stream
from privtalk.bench.spec import AttackSpec, Cell, CorpusSpec
from privtalk.bench.stages.features import FeatureStore
from privtalk.bench.stages.footage import Cut, device, exact, fresh
from privtalk.bench.stages.prepare import open_population
from privtalk.methods.adapters import AdapterBank, AdapterConfig
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.config import FederationConfig
from privtalk.methods.registry import adapter_config
from privtalk.methods.streams import Stream

VERSION = 2
"""Raise it whenever the same settings train other worlds."""
ASKED = {"timesteps", "draws", "window", "windows", "frames", "exact", "worlds", "world_steps"}
"""Settings of the attack that the worlds or their answers depend on."""
OUTSIDERS = 32
"""Of the attacker's people, on whom signals are standardised, at most."""
FOOTAGES: tuple[Footage, ...] = get_args(Footage)
FEWEST = 8
"""Shadow people below whom worlds tell nothing."""
FEDERATED, FEDERATED_ROUNDS = 32, 3
"""Of the attacker's people, and rounds, in a federation of its own."""
PLANTED = 8
"""Worlds that are attacked themselves, to see how strong the attacks are."""


class Candidates(NamedTuple):
    """Of whom attackers have footage."""

    members: tuple[Person, ...]
    nonmembers: tuple[Person, ...]
    own: tuple[Person, ...]
    """The attacker's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadows:
    """What cells read of the worlds."""

    answers: ShadowAnswers
    strengths: Mapping[str, Strength]
    untrained: Mapping[Footage, Untrained]


def probing(spec: AttackSpec) -> Settings:
    """How often a network is asked about a person."""
    return Settings(
        exact=ProbeSettings(timesteps=spec.timesteps, windows=1, frames=spec.exact),
        fresh=ProbeSettings(timesteps=spec.timesteps, windows=spec.windows, frames=spec.frames),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPlan:
    """All that the worlds depend on."""

    seed: int
    corpus: CorpusSpec
    network: Network
    folder: Path | None
    """Of prepared videos."""
    adapter: AdapterConfig
    federation: FederationConfig
    attack: AttackSpec
    masked: bool

    @classmethod
    def of(cls, cell: Cell, network: Network, folder: Path | None) -> ShadowPlan | None:
        """A cell's worlds; None where it needs none, or has too few people for them."""
        training = cell.training
        if training is None or not training.attack.worlds or cell.corpus.shadows < FEWEST:
            return None
        return cls(
            seed=cell.seed,
            corpus=cell.corpus,
            network=network,
            folder=folder,
            adapter=adapter_config(cell.method, training.adapter),
            federation=training.federation,
            attack=training.attack,
            masked=cell.evaluation.track == "inpaint",
        )

    @property
    def size(self) -> int:
        """People a world."""
        return max(2, self.corpus.shadows // 16)

    @property
    def path(self) -> Path:
        local = ("optimizer", "lr", "windows", "window_frames", "local_steps", "server_lr", "chunk")
        made_of = {
            "version": VERSION,
            "seed": self.seed,
            "corpus": self.corpus.model_dump(),
            "weights": self.network.spec.model_dump(),
            "adapter": self.adapter.model_dump(),
            "local": {name: getattr(self.federation, name) for name in local},
            "attack": self.attack.model_dump(include=ASKED),
            "masked": self.masked,
        }
        return cache_folder() / "shadows" / f"{content_hash(made_of)}.safetensors"

    def store(self) -> FeatureStore:
        return FeatureStore(open_population(self.corpus, self.folder), self.network, self.masked)

    def initial(self) -> AdapterBank:
        """What the run's adapters start from."""
        denoiser = open_backbone(self.network).denoiser
        return AdapterBank.initial(denoiser, self.adapter, partial(torch_stream, self.seed))

    def people(self, population: Population) -> Candidates:
        """Who is asked about."""
        return Candidates(
            tuple(population.people("clients")[: self.corpus.attacked]),
            tuple(population.people("heldout")),
            tuple(population.people("shadow")),
        )

    def view(self) -> ReleaseView:
        """The initial adapter as if it were released."""
        return ReleaseView(backbone=open_backbone(self.network), adapter=self.initial())


def tasks(cells: Iterable[Cell], network: Network, folder: Path | None) -> list[Task]:
    """One for each set of worlds that is absent or damaged."""
    plans = {
        plan.path: plan
        for cell in cells
        if (plan := ShadowPlan.of(cell, network, folder)) is not None and not verified(plan.path)
    }
    return [Task(f"worlds {path.stem}", make, (plan,)) for path, plan in plans.items()]


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


@lru_cache(maxsize=8)
def load(plan: ShadowPlan) -> Shadows:
    """What `make` wrote."""
    arrays = read_tensors(plan.path)
    notes = {name: json.loads(text) for name, text in read_metadata(plan.path).items()}
    return Shadows(
        answers=ShadowAnswers(candidates=arrays["candidates"], outsiders=arrays["outsiders"]),
        strengths={
            name: Strength(estimate=Interval(**note["estimate"]), planted=note["planted"])
            for name, note in notes.items()
        },
        untrained={footage: _untrained(arrays, footage) for footage in FOOTAGES},
    )


def _untrained(arrays: Mapping[str, NDArray[Any]], footage: Footage) -> Untrained:
    def part(name: str) -> dict[str, NDArray[np.float64]]:
        prefix = f"{footage}/{name}/"
        return {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}

    base, others, never, never_others = (part(name) for name in Untrained._fields)
    return Untrained(base, others or None, never, never_others or None)


def aimed_at(
    spec: AttackSpec,
    store: FeatureStore,
    view: ReleaseView,
    stream: Stream,
    people: Candidates,
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


def _planted(plan: ShadowPlan, store: FeatureStore, worlds: Worlds, stream: Stream) -> dict[str, Strength]:
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


def _planted_messages(plan: ShadowPlan, store: FeatureStore, stream: Stream) -> dict[str, Strength]:
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
    truth = Truth(
        own={index: index for index in range(half)},
        strangers=tuple(range(half, 2 * half)),
        attributes={index: person.attributes for index, person in enumerate(people[:half])},
    )
    about = f"{half} clients in {FEDERATED_ROUNDS} rounds without protection, each message by itself"
    return message_strengths(view, knowledge, truth, about)
