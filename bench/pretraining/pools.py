"""The public people that a backbone is trained on: rendered ones, or those of a prepared corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.population import Role
from privtalk.bench.corpus.rendered.shards import SHARD, Shard, load, missing
from privtalk.bench.execution import Failed, execute

Tell = Callable[[str, int, int, float | None], None]
"""Called with (stage, done, total, loss)."""


class PublicPool(Protocol):
    """People to train on, and people who are held back to validate on."""

    @property
    def size(self) -> int:
        """Pixels a side."""

    def training_clips(self, workers: int, tell: Tell) -> Iterator[Clip]:
        """Gives the clips to train on, one after another."""

    def validation_clips(self, workers: int, tell: Tell) -> list[Clip]:
        """Returns two clips of each person who is held back, person by person."""

    def provenance(self) -> dict[str, Any]:
        """Returns what the manifest says of the data."""


class Pool(BaseModel):
    """Rendered public people to train on and held-out people to validate on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    size: int = 64
    people: int = Field(default=640, ge=2)
    clips: int = Field(default=3, ge=1)
    frames: int = Field(default=24, ge=2)
    validation_people: int = Field(default=48, ge=2)
    validation_frames: int = Field(default=32, ge=2)

    def training(self) -> list[Shard]:
        return list(self._shards("public", self.people, self.clips, self.frames))

    def validation(self) -> list[Shard]:
        """The people of the broader world that clients come from, which is the harder test."""
        return list(self._shards("heldout", self.validation_people, 2, self.validation_frames))

    def training_clips(self, workers: int, tell: Tell) -> Iterator[Clip]:
        yield from film(self.training(), workers, tell)

    def validation_clips(self, workers: int, tell: Tell) -> list[Clip]:
        return film(self.validation(), workers, tell)

    def provenance(self) -> dict[str, Any]:
        return {"pool": self.model_dump()}

    def _shards(self, role: Role, people: int, clips: int, frames: int) -> Iterator[Shard]:
        for first in range(0, people, SHARD):
            yield Shard(
                seed=self.seed,
                size=self.size,
                role=role,
                purpose="train",
                first=first,
                people=min(SHARD, people - first),
                clips=clips,
                frames=frames,
            )


def film(shards: Sequence[Shard], workers: int, tell: Tell) -> list[Clip]:
    """Clips of `shards`, which are made where they are missing."""
    tasks = missing(shards)
    for number, outcome in enumerate(execute(tasks, workers), start=1):
        if isinstance(outcome, Failed):
            raise RuntimeError(f"{outcome.key}: {outcome.reason}")
        tell("corpus", number, len(tasks), None)
    return [clip for shard in shards for clip in load(shard)]
