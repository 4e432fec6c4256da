"""People posed at random under random light: what in-domain evaluators are fitted on and validated with.

A person sits several times; light, camera, backdrop and clothes are drawn anew from the broader world for each
sitting, so that nothing but the person stays the same. Poses, mouths, eyelids and gazes are drawn frame by frame.

N frames a file: people x sittings x frames, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import ARTICULATORS, VISEMES, Performance
from privtalk.bench.corpus.population import EMBEDDED_VERSION, Role
from privtalk.bench.corpus.rendered.look import Look, sample_look
from privtalk.bench.corpus.rendered.motion import GAZE_LIMITS, POSE_LIMITS
from privtalk.bench.corpus.rendered.sensor import SENSORS, told
from privtalk.bench.corpus.spec import CameraName
from privtalk.bench.execution.task import Job, Report
from privtalk.core.cache import cache_folder, content_hash, read_tensors, verified, write_tensors

VERSION = 1
"""Raise it whenever the same sittings give other frames."""

FILE = 64
"""People in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sittings:
    """One file of sittings, and all that determines it."""

    seed: int = 0
    size: int = 64
    role: Role
    first: int
    people: int
    sittings: int = 4
    frames: int = 4
    """Frames a sitting."""
    made_up: bool = False
    """Looks drawn anew from the broader world, so that judges know its hair, beards and glasses without its people."""
    camera: CameraName = "studio"

    @property
    def name(self) -> str:
        kind = f"{self.role}{'-made-up' if self.made_up else ''}"
        return f"{kind}-{self.sittings}x{self.frames}-{self.first:05d}+{self.people}"

    @property
    def path(self) -> Path:
        filmed = {"version": [EMBEDDED_VERSION, VERSION], "seed": self.seed, "size": self.size}
        origin = content_hash(filmed | told(self.camera))
        return cache_folder() / "studio" / origin / f"{self.name}.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Portraits:
    """Frames with what is known about them."""

    frames: NDArray[np.uint8]
    """[N, H, W, 3]."""
    landmarks: NDArray[np.float32]
    """[N, 68, 2] pixels."""
    masks: NDArray[np.uint8]
    """[N, H, W] index into `clip.MASK_LABELS`."""
    controls: NDArray[np.float32]
    """[N, 14] articulators, pose, eyelids."""
    person: NDArray[np.int64]
    """[N] number of the person, from 0 on."""
    sitting: NDArray[np.int64]
    """[N] number of the sitting within the person."""

    def __len__(self) -> int:
        return len(self.frames)


def files(
    role: Role,
    people: int,
    *,
    size: int = 64,
    sittings: int = 4,
    frames: int = 4,
    made_up: bool = False,
    start: int = 0,
    camera: CameraName = "studio",
) -> list[Sittings]:
    """The files of `people` of a role, from number `start` on."""
    return [
        Sittings(
            size=size,
            role=role,
            first=first,
            people=min(FILE, start + people - first),
            sittings=sittings,
            frames=frames,
            made_up=made_up,
            camera=camera,
        )
        for first in range(start, start + people, FILE)
    ]


def missing(wanted: Sequence[Sittings]) -> list[Job]:
    """Tasks that make the files that are absent or damaged."""
    return [Job(f"studio-{file.name}", build, (file,)) for file in wanted if not verified(file.path)]


def load(wanted: Sequence[Sittings]) -> Portraits:
    """All frames of files that have been built; people of other roles, seeds or made-up looks are other people."""
    parts = [read_tensors(file.path) for file in wanted]
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    numbers: dict[tuple[int, Role, bool, int], int] = {}
    person, sitting = [], []
    for file in wanted:
        for index in range(file.first, file.first + file.people):
            number = numbers.setdefault((file.seed, file.role, file.made_up, index), len(numbers))
            person.append(np.full(file.sittings * file.frames, number))
            sitting.append(np.repeat(np.arange(file.sittings), file.frames))
    return Portraits(**together, person=np.concatenate(person), sitting=np.concatenate(sitting))


def build(report: Report, file: Sittings) -> int:
    """Makes a file; returns its number of frames."""
    rendered = []
    for place, index in enumerate(range(file.first, file.first + file.people)):
        report("filming", place, file.people)
        rendered += list(_sit(file, index))
    names = ("frames", "landmarks", "masks", "controls")
    arrays = {name: np.concatenate([part[name] for part in rendered]) for name in names}
    write_tensors(file.path, arrays)
    return len(arrays["frames"])


def _sit(file: Sittings, index: int) -> Iterator[dict[str, NDArray[np.generic]]]:
    """The sittings of one person."""
    from privtalk.bench.corpus.rendered import renderer
    from privtalk.bench.corpus.rendered.embedded import character

    person = character(file.seed, file.role, index)
    own = sample_look(person.stream("studio", "look"), "broad") if file.made_up else person.look
    for number in range(file.sittings):
        rng = person.stream("studio", number)
        look, performance = redressed(own, rng), posed(rng, file.frames)
        shown = renderer.render(look, performance, file.size, rng=rng, sensor=SENSORS[file.camera])
        controls = np.concatenate([performance.articulators, performance.pose, performance.blink], 1)
        yield {
            "frames": shown.frames,
            "landmarks": shown.landmarks,
            "masks": shown.masks,
            "controls": controls,
        }


def redressed(look: Look, rng: np.random.Generator) -> Look:
    """The same person with light, camera, backdrop and clothes of somebody else of the broader world."""
    other = sample_look(rng, "broad")
    taken = ("light", "camera", "backdrop", "backdrop_name", "backdrop_seed", "clothing", "neckline")
    return replace(look, **{name: getattr(other, name) for name in taken})


def posed(rng: np.random.Generator, frames: int) -> Performance:
    """Frames that have nothing to do with one another, within the limits of speech and motion."""
    pose = rng.uniform(-1, 1, (frames, 6)) * np.array(POSE_LIMITS)
    lids = np.where(rng.random(frames) < 0.15, rng.random(frames), 0.0)
    return Performance(
        visemes=np.zeros((frames, len(VISEMES)), np.float32),
        articulators=_mouths(rng, frames).astype(np.float32),
        pose=pose.astype(np.float32),
        blink=np.stack([lids, lids], 1).astype(np.float32),
        brows=np.tanh(rng.normal(0, 0.5, (frames, 1)) + rng.normal(0, 0.1, (frames, 2))).astype(np.float32),
        gaze=(rng.uniform(-1, 1, (frames, 2)) * np.array(GAZE_LIMITS)).astype(np.float32),
    )


def _mouths(rng: np.random.Generator, frames: int) -> NDArray[np.float64]:
    """[T, 6] articulators: half of the mouths nearly closed, contacts seldom, as in speech."""
    mouths = rng.random((frames, len(ARTICULATORS)))
    mouths[:, ARTICULATORS.index("jaw")] **= 1.7
    mouths[:, ARTICULATORS.index("width")] = rng.normal(0, 0.35, frames).clip(-1, 1)
    for contact in ("round", "press", "tuck", "tongue"):
        mouths[:, ARTICULATORS.index(contact)] *= rng.random(frames) < 0.3
    closed = mouths[:, ARTICULATORS.index("press")] > 0.5
    mouths[closed, ARTICULATORS.index("jaw")] *= 0.2
    return mouths
