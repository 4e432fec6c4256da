"""Longer recordings cut into clips of the length that a purpose asks for: dealt in turn, so that none shares a frame
with another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from privtalk.bench.corpus.clip import SAMPLE_RATE, Clip
from privtalk.bench.corpus.population import FootageGroup, Person, Purpose, Role
from privtalk.bench.corpus.spec import CorpusSpec, Footage
from privtalk.core.cache import content_hash

LEAST: tuple[Purpose, ...] = ("train", "test", "fresh", "fresh")
"""The footage that everybody must have: the attack needs one fresh window as a portrait and one to look at."""

PORTION = 16
"""People in a group."""


@dataclass(frozen=True, slots=True)
class Window:
    """Frames `start` to `start + frames` of a recording."""

    file: str
    start: int
    frames: int


Deal = Mapping[Purpose, tuple[Window, ...]]


def deal(lengths: Mapping[str, int], spec: CorpusSpec) -> Deal:
    """Windows of somebody's recordings (name -> frames), dealt in turn until every purpose has what it asks for or the
    footage is used up.
    """
    left = {name: [0, length] for name, length in sorted(lengths.items())}
    dealt: dict[Purpose, list[Window]] = {"train": [], "test": [], "fresh": []}
    for purpose in _turns(spec):
        frames = spec.footage(purpose).frames
        file = next((name for name, (start, end) in left.items() if end - start >= frames), None)
        if file is not None:
            dealt[purpose].append(Window(file, left[file][0], frames))
            left[file][0] += frames
    return {purpose: tuple(windows) for purpose, windows in dealt.items()}


def _turns(spec: CorpusSpec) -> list[Purpose]:
    """Purposes in the order in which windows are dealt: first the least, then one of each in turn."""
    owed: dict[Purpose, int] = {
        purpose: spec.footage(purpose).clips for purpose in ("train", "test", "fresh")
    }
    turns: list[Purpose] = list(LEAST)
    for purpose in LEAST:
        owed[purpose] -= 1
    while any(count > 0 for count in owed.values()):
        for purpose in owed:
            if owed[purpose] > 0:
                turns.append(purpose)
                owed[purpose] -= 1
    return turns


def suffices(lengths: Mapping[str, int], spec: CorpusSpec) -> bool:
    """Whether recordings have the least that every role needs."""
    dealt = deal(lengths, spec)
    return all(len(dealt[purpose]) >= LEAST.count(purpose) for purpose in LEAST)


def shortage(lengths: Mapping[str, int], spec: CorpusSpec) -> str:
    """Returns, in words, what there is and what is needed."""
    footage: list[Footage] = [spec.footage(purpose) for purpose in LEAST]
    longest, total = max(lengths.values(), default=0), sum(lengths.values())
    return f"{total} frames (longest clip {longest}), {sum(f.frames for f in footage)} needed"


def cut(clip: Clip, window: Window, size: int) -> Clip:
    """The window of a clip at `size` pixels; its utterance names the place it was cut from."""
    import cv2

    start, end = window.start, window.start + window.frames
    samples = [round(t * SAMPLE_RATE / clip.fps) for t in (start, end)]
    scale = size / clip.size
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    frames = clip.frames[start:end]
    if scale != 1:
        frames = np.stack([cv2.resize(frame, (size, size), interpolation=way) for frame in frames]).astype(
            np.uint8
        )
    return replace(
        clip,
        frames=frames,
        audio=clip.audio[samples[0] : samples[1]],
        landmarks=(clip.landmarks[start:end] * scale).astype(np.float32),
        utterance=f"{clip.utterance}:{start}",
        truth=None,
    )


def grouped(people: Callable[[Role], Sequence[Person]], spec: CorpusSpec) -> list[FootageGroup]:
    """All footage of a population of recordings, in portions."""
    uses: Sequence[tuple[Role, Purpose, int]] = (
        ("clients", "train", spec.clients),
        ("clients", "test", spec.tested),
        ("clients", "fresh", spec.attacked),
        ("heldout", "train", spec.heldout),
        ("heldout", "fresh", spec.heldout),
        ("shadow", "train", spec.shadows),
        ("shadow", "fresh", spec.shadows),
    )
    origin = content_hash(spec.model_dump())
    return [
        FootageGroup(
            origin, f"{role}-{purpose}-{first:05d}", tuple(people(role)[first:count][:PORTION]), purpose
        )
        for role, purpose, count in uses
        for first in range(0, len(people(role)[:count]), PORTION)
    ]
