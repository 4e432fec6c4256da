"""The clips on which a row is scored: the tested clients' unseen utterances, generated from their portraits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.partition import Client, client_of
from privtalk.bench.corpus.population import Person, Population
from privtalk.bench.spec import EvaluationSpec
from privtalk.bench.stages.features import FeatureStore
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.generation import Sampling, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """N test clips with what is needed to generate and to judge them."""

    scene: Scene
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
    return sorted(
        {home[person.name].index: home[person.name] for person in people[:count]}.values(), key=_index
    )


def set_stage(
    people: Sequence[Person], clients: Sequence[Client], population: Population, store: FeatureStore
) -> Stage:
    """Every test clip of `people`; `clients` are those whose adapters a bank of several holds, in its order."""
    home, place = client_of(clients), {client.index: k for k, client in enumerate(clients)}
    batches: list[Batch] = []
    truth: list[Clip] = []
    names: list[tuple[str, str, int]] = []
    portraits: list[Tensor] = []
    for person in people:
        clips, features = population.clips(person, "test"), store.load(person, "test")
        enrolled = store.load(person, "train")
        portrait = torch.from_numpy(population.clips(person, "train")[0].frames[0])
        client = home[person.name]
        for number, clip in enumerate(clips):
            batches.append(
                Batch(
                    latents=features.latents[number, None],
                    audio=features.audio[number, None],
                    landmarks=features.landmarks[number, None],
                    reference=enrolled.latents[0, :1],
                    reference_landmarks=enrolled.landmarks[0, :1],
                    masked=None if features.masked is None else features.masked[number, None],
                )
            )
            truth.append(clip)
            portraits.append(portrait)
            clip_name = (
                f"test-{number:02d}" if len(client.people) == 1 else f"{person.name}-test-{number:02d}"
            )
            names.append((safe(client.name), safe(clip_name), place[client.index]))
    scene = Scene(
        batch=Batch.concatenate(batches),
        names=tuple(f"{client}-{clip}" for client, clip, _ in names),
        client=tuple(k for _, _, k in names),
        reference_frames=torch.stack(portraits),
    )
    return Stage(
        scene=scene,
        truth=tuple(truth),
        clients=tuple(client for client, _, _ in names),
        clips=tuple(clip for _, clip, _ in names),
    )


def sampling(spec: EvaluationSpec) -> Sampling:
    return Sampling(steps=spec.steps, track=spec.track, progressive=spec.progressive)


def part(scene: Scene, index: slice) -> Scene:
    """Some clips of a scene."""
    return Scene(
        batch=scene.batch[index],
        names=scene.names[index],
        client=scene.client[index],
        reference_frames=scene.reference_frames[index],
    )


def portrait_clip(frames: Tensor, length: int) -> np.ndarray:
    """A frame [H, W, 3], held."""
    return np.repeat(frames.numpy()[None], length, axis=0)


def safe(name: str) -> str:
    """A name that can stand in a path.

    >>> safe("Ann B/1")
    'Ann_B_1'
    """
    return re.sub(r"[^\w.-]", "_", name)


def _index(client: Client) -> int:
    return client.index
