"""The clips on which a row is scored: the tested clients' unseen utterances, generated from their portraits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.partition import Client, client_of
from privtalk.bench.corpus.population import Person, Population
from privtalk.bench.tasks.talking_head.settings import EvaluationSpec
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.core.path_names import path_name
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.generation import GenerationBatch, Sampling


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """N test clips with what is needed to generate and to judge them."""

    scene: GenerationBatch
    truth: tuple[Clip, ...]
    clients: tuple[str, ...]
    """[N] client that each clip belongs to."""
    clips: tuple[str, ...]
    """[N] name of each clip within its client."""

    def __len__(self) -> int:
        return len(self.truth)


def tested(people: Sequence[Person], clients: Sequence[Client], count: int) -> list[Client]:
    """The clients of the first `count` people, in order of their numbers."""
    home = client_of(clients)
    found = {home[person.name].index: home[person.name] for person in people[:count]}
    return [found[index] for index in sorted(found)]


def set_stage(
    people: Sequence[Person], clients: Sequence[Client], population: Population, store: FeatureStore
) -> Stage:
    """Every test clip of `people`; `clients` are those whose adapters a bank of several holds, in its order."""
    home, place = client_of(clients), {client.index: k for k, client in enumerate(clients)}
    takes = [take for person in people for take in _takes(person, home[person.name], population, store)]
    scene = GenerationBatch(
        batch=Batch.concatenate([take.batch for take in takes]),
        names=tuple(f"{take.person}-test-{take.number:02d}" for take in takes),
        client=tuple(place[take.client.index] for take in takes),
        reference_frames=torch.stack([take.portrait for take in takes]),
    )
    return Stage(
        scene=scene,
        truth=tuple(take.truth for take in takes),
        clients=tuple(take.client.name for take in takes),
        clips=tuple(take.clip for take in takes),
    )


class _Take(NamedTuple):
    """One test clip."""

    person: str
    client: Client
    number: int
    truth: Clip
    batch: Batch
    """The batch of one window."""
    portrait: Tensor
    """uint8 [H, W, 3]: frame 0 of the person's first training clip."""

    @property
    def clip(self) -> str:
        """Its name within its client."""
        alone = len(self.client.people) == 1
        return f"test-{self.number:02d}" if alone else f"{self.person}-test-{self.number:02d}"


def _takes(person: Person, client: Client, population: Population, store: FeatureStore) -> Iterator[_Take]:
    features, enrolled = store.load(person, "test"), store.load(person, "train")
    portrait = torch.from_numpy(population.clips(person, "train")[0].frames[0])
    for number, truth in enumerate(population.clips(person, "test")):
        batch = Batch(
            latents=features.latents[number, None],
            audio=features.audio[number, None],
            landmarks=features.landmarks[number, None],
            reference=enrolled.latents[0, :1],
            reference_landmarks=enrolled.landmarks[0, :1],
            masked=None if features.masked is None else features.masked[number, None],
        )
        yield _Take(person.name, client, number, truth, batch, portrait)


def sampling(spec: EvaluationSpec) -> Sampling:
    return Sampling(steps=spec.steps, track=spec.track, progressive=spec.progressive)


def part(scene: GenerationBatch, index: slice) -> GenerationBatch:
    """Some clips of a scene."""
    return GenerationBatch(
        batch=scene.batch[index],
        names=scene.names[index],
        client=scene.client[index],
        reference_frames=scene.reference_frames[index],
    )


def safe(name: str) -> str:
    """A clip's or a client's name as it stands in a path: distinct names keep distinct ones (`core.path_names`).

    >>> safe("Ann B/1") == safe("Ann_B_1")
    False
    """
    return path_name(name)
