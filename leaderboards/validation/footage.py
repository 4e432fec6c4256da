"""The people on whose frames metrics are validated: people that nothing was trained or fitted on.

Held-out people come from the broader world, as clients do. Public people from number 4000 on are of the public world
and beyond those that any training uses (0..3327).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.population import Role
from privtalk.bench.corpus.rendered import shards, studio
from privtalk.bench.corpus.spec import CameraName
from privtalk.bench.execution import Job
from privtalk.bench.pretraining.pools import Pool
from privtalk.leaderboards.validation import stranger
from privtalk.metrics.weights import packaged

UNSEEN = 4000
"""First public person that no training has seen."""
FRAMES = 96
"""The frames of a clip: 72 and every shift to either side."""
PEOPLE = 64
LEAST = 16
"""People below which most intervals mean nothing."""
POPULATIONS = {
    "public": "unseen people of the public world",
    "heldout": "people of the broader world",
    "phone": "people of the broader world, filmed with phones",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationFootage:
    """All that is filmed."""

    people: int = PEOPLE
    size: int = 64

    def shards(self) -> list[shards.Shard]:
        """Two clips of every held-out person."""
        return Pool(size=self.size, validation_people=self.people, validation_frames=FRAMES).validation()

    def sittings(self, population: str) -> list[studio.Sittings]:
        """The sittings of twice as many people, of `POPULATIONS`."""
        start = UNSEEN if population == "public" else 0
        role: Role = "public" if population == "public" else "heldout"
        camera: CameraName = "phone" if population == "phone" else "studio"
        return studio.files(role, 2 * self.people, size=self.size, start=start, camera=camera)

    def judged(self, size: int) -> list[studio.Sittings]:
        """The sittings that a judge from outside is shown, of held-out people."""
        people = min(self.people, stranger.PEOPLE)
        return studio.files("heldout", people, size=size, sittings=stranger.SITTINGS, frames=stranger.FRAMES)

    def missing(self) -> list[tuple[Job, float]]:
        """The films that are missing, with their cost in seconds, the longest first."""
        by_name = {shard.name: shards.cost(shard) for shard in self.shards()}
        clips = [(task, by_name[task.key]) for task in shards.missing(self.shards())]
        wanted = [file for population in POPULATIONS for file in self.sittings(population)]
        if packaged(stranger.JUDGE) is not None:
            wanted += [file for size in stranger.SIZES for file in self.judged(size)]
        posed = [(task, _cost(task.arguments[0])) for task in studio.missing(wanted)]
        return sorted([*clips, *posed], key=lambda found: -found[1])


def _cost(file: studio.Sittings) -> float:
    """Guessed seconds."""
    return file.people * file.sittings * (0.03 + file.frames / 250)


@lru_cache(maxsize=1)
def clips(footage: ValidationFootage) -> tuple[Clip, ...]:
    """Person by person, kept for the next task of this process."""
    return tuple(clip for shard in footage.shards() for clip in shards.load(shard))


def first_clips(found: Sequence[Clip], people: int) -> list[Clip]:
    """The first clip of each of some people, evenly spread over all.

    They are clips of different people, so that they are independent.
    """
    own = list({clip.identity: clip for clip in reversed(found)}.values())[::-1]
    step = max(1, len(own) // people)
    return own[::step][:people]
