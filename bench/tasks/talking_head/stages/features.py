"""Clips as the frozen backbone sees them, computed once for all cells that share corpus and network.

Shapes: M clips of T frames, latents C x h x w, D audio width.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from privtalk.bench.corpus.population import FootageGroup, Person, Population, Purpose
from privtalk.bench.execution.task import Job, Report
from privtalk.bench.networks import Network, open_backbone
from privtalk.core.cache import (
    cache_folder,
    content_hash,
    read_tensors,
    tensor_shape,
    verified,
    write_tensors,
)

VERSION = 1
"""Raise it whenever the features of the same clip and weights change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFeatures:
    """All clips of one purpose of one person, on the CPU."""

    latents: Tensor
    """[M, T, C, h, w]."""
    audio: Tensor
    """[M, T, D]."""
    landmarks: Tensor
    """[M, T, 78]."""
    masked: Tensor | None
    """[M, T, C, h, w], where the in-painting track is asked for."""

    def __len__(self) -> int:
        return len(self.latents)


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """The store of a population's features under a network."""

    population: Population
    network: Network
    masked: bool

    def path(self, group: FootageGroup) -> Path:
        made_of = {
            "version": VERSION,
            "clips": group.origin,
            "weights": self.network.spec.model_dump(),
            "masked": self.masked,
        }
        return cache_folder() / "features" / content_hash(made_of) / f"{group.name}.safetensors"

    def missing(self) -> list[Job]:
        """Tasks that make the files that are absent or damaged."""
        groups = [group for group in self.population.groups() if not verified(self.path(group))]
        return [Job(group.name, encode, (self, group)) for group in groups]

    def load(self, person: Person, purpose: Purpose) -> PersonFeatures:
        """A person's features; a person without such clips is a `KeyError`."""
        return read_person(self.file(person, purpose), person.name, self.masked)

    def file(self, person: Person, purpose: Purpose) -> Path:
        """The file that a person's clips of a purpose lie in; a person without any is a `KeyError`."""
        return _index(self)[person.name, purpose]

    def clips(self, person: Person, purpose: Purpose) -> tuple[int, int]:
        """The number of a person's clips and the frames of each, from the file's header."""
        count, frames, *_ = tensor_shape(self.file(person, purpose), f"{person.name}/latents")
        return count, frames


def read_person(path: Path, name: str, masked: bool) -> PersonFeatures:
    """Returns the features of a person from a file, with masked latents where they are asked for."""
    names = ["latents", "audio", "landmarks", *(["masked"] if masked else [])]
    arrays = read_tensors(path, *(f"{name}/{part}" for part in names))
    tensors = {part: torch.from_numpy(arrays[f"{name}/{part}"]) for part in names}
    return PersonFeatures(masked=tensors.pop("masked", None), **tensors)


def encode(report: Report, store: FeatureStore, group: FootageGroup) -> int:
    """Makes the features of a group; returns its number of frames."""
    backbone = open_backbone(store.network)
    arrays: dict[str, np.ndarray] = {}
    frames = 0
    for place, person in enumerate(group.people):
        report("encoding", place, len(group.people))
        clips = [
            backbone.features(clip.frames, clip.audio, clip.landmarks, clip.fps, masked=store.masked)
            for clip in store.population.clips(person, group.purpose)
        ]
        frames += sum(len(clip.latents) for clip in clips)
        arrays |= {f"{person.name}/{name}": array for name, array in _stacked(clips)}
    write_tensors(store.path(group), arrays)
    return frames


def _stacked(clips: Sequence[object]) -> Iterator[tuple[str, np.ndarray]]:
    for name in ("latents", "audio", "landmarks", "masked"):
        parts = [getattr(clip, name) for clip in clips]
        if all(part is not None for part in parts):
            yield name, torch.stack(parts).cpu().numpy()


@lru_cache(maxsize=4)
def _index(store: FeatureStore) -> dict[tuple[str, Purpose], Path]:
    """(person, purpose) -> file."""
    groups = store.population.groups()
    return {(person.name, group.purpose): store.path(group) for group in groups for person in group.people}
