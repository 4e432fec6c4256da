"""Sync: are known shifts of the sound found, and is somebody else's sound told apart?

The sound is really cut elsewhere, so that a clip whose mouth comes s frames before its sound is what the network is
shown. Frames are cut from the middle of a longer clip, so that sound exists for every shift. C clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.execution.task import Report
from privtalk.leaderboards import formats
from privtalk.leaderboards.validation.checks import BarCheck, Share, exact, judged, not_done, wilson
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.fitting.identity_fitting import area
from privtalk.metrics.evaluators.protocols import SyncNetwork
from privtalk.metrics.lip_sync import MAX_SHIFT, Sync, lip_sync

SHIFTS = tuple(range(-MAX_SHIFT, MAX_SHIFT + 1))
LENGTHS = (72, 48, 24)
"""Frames of a clip; the bar is on the first."""
BAR = 0.95
STRANGERS = 3
"""Other people's sounds that every clip is shown with."""
SIGNIFICANT = 0.01


class SyncTrial(NamedTuple):
    """A clip under a shift."""

    length: int
    shift: int
    offset: int
    confidence: float
    distance: float


class Mismatch(NamedTuple):
    """A clip with somebody else's sound."""

    offset: int
    confidence: float
    distance: float


class SyncReading(NamedTuple):
    """The distances that the network gave."""

    trials: tuple[SyncTrial, ...]
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """The figures that follow from what was heard."""

    clips: int
    shares: dict[int, dict[int, Share]]
    """Length -> shift -> share of clips whose shift is found exactly; shifts that are not tried are absent."""
    offsets: dict[int, int]
    """Offset -> how many mismatched clips."""
    uniform: float
    """p of the offsets of mismatched clips being uniform (chi-squared)."""
    matched: NDArray[np.float64]
    """[C] LSE-C of matched clips of the first length, unshifted."""
    mismatched: NDArray[np.float64]
    apart: float
    """AUC of the two."""

    @property
    def worst(self) -> tuple[int, Share]:
        """The shift at which the fewest are found, of the first length."""
        shares = self.shares[LENGTHS[0]]
        shift = min(shares, key=lambda s: (shares[s].value, s))
        return shift, shares[shift]

    @property
    def chance(self) -> Share:
        """Mismatched clips with offset 0, which is the answer for a matched one."""
        return exact(self.offsets.get(0, 0), sum(self.offsets.values()))


def listen(
    clips: Sequence[Clip], network: SyncNetwork, report: Report = lambda stage, done, total: None
) -> SyncReading:
    """Every clip at every shift and length, and with other people's sounds."""
    trials: list[SyncTrial] = []
    mismatches: list[Mismatch] = []
    for number, clip in enumerate(clips):
        report("listening", number, len(clips))
        for length in LENGTHS:
            trials += _shifted(clip, length, network)
        others = [clips[(number + step) % len(clips)] for step in _steps(clips, number)]
        mismatches += _mismatched(clip, others, network)
    return SyncReading(tuple(trials), tuple(mismatches))


def conclude(heard: SyncReading) -> Synced:
    """Shares and distributions."""
    lengths = {length: [t for t in heard.trials if t.length == length] for length in LENGTHS}
    first = [t for t in lengths[LENGTHS[0]] if t.shift == 0]
    counts = [sum(m.offset == s for m in heard.mismatches) for s in SHIFTS]
    matched = np.array([t.confidence for t in first])
    mismatched = np.array([m.confidence for m in heard.mismatches])
    return Synced(
        clips=len(first),
        shares={length: _shares(trials) for length, trials in lengths.items() if trials},
        offsets=dict(zip(SHIFTS, counts, strict=True)),
        uniform=float(chisquare(counts).pvalue),
        matched=matched,
        mismatched=mismatched,
        apart=area(matched, mismatched),
    )


def checks(name: str, found: Synced | None, reason: str = "") -> list[BarCheck]:
    """The two bars."""
    title, bar = (
        f"{name}: known shifts",
        f"each of −10..+10 frames found exactly on at least {BAR:.0%} of clips",
    )
    other, chance = f"{name}: somebody else’s sound", "offset 0 no oftener than by chance (1 in 21)"
    if found is None:
        return [not_done("sync", title, bar, reason), not_done("sync", other, chance, reason)]
    shift, worst = found.worst
    covered = set(found.shares[LENGTHS[0]]) == set(SHIFTS)
    zero = found.chance
    where = formats.number(shift, 0, signed=True)
    told = (
        f"{worst.value:.1%} [{worst.low:.1%}, {worst.high:.1%}] at the worst shift ({where}), "
        f"{found.clips} clips of {LENGTHS[0]} frames"
    )
    strangers = (
        f"offset 0 on {zero.value:.1%} [{zero.low:.1%}, {zero.high:.1%}] of {zero.n}; chance is {1 / 21:.1%}; "
        f"LSE-C tells them from matched clips with AUC {found.apart:.4f}"
    )
    return [
        judged("sync", title, bar, covered and worst.value >= BAR, told, *worst[:3]),
        judged("sync", other, chance, zero.low <= 1 / len(SHIFTS), strangers, *zero[:3]),
    ]


def _shares(trials: Sequence[SyncTrial]) -> dict[int, Share]:
    by = {shift: [t for t in trials if t.shift == shift] for shift in SHIFTS}
    return {shift: wilson(sum(t.offset == shift for t in own), len(own)) for shift, own in by.items() if own}


def _shifted(clip: Clip, length: int, network: SyncNetwork) -> list[SyncTrial]:
    """A clip of `length` frames at every shift within what such a length allows."""
    start = (clip.length - length) // 2
    if start < MAX_SHIFT:
        raise ValueError(f"{clip.identity}: {clip.length} frames are too few for {length} and every shift")
    seen = network.video(clip.frames[start : start + length], clip.landmarks[start : start + length])
    trials = []
    for shift in SHIFTS:
        sync = _sync(seen, sound(clip, start - shift, length), length, clip.fps, network)
        if abs(shift) <= sync.reach:
            trials.append(SyncTrial(length, shift, sync.offset, sync.confidence, sync.distance))
    return trials


def _mismatched(clip: Clip, others: Sequence[Clip], network: SyncNetwork) -> list[Mismatch]:
    length = LENGTHS[0]
    start = (clip.length - length) // 2
    seen = network.video(clip.frames[start : start + length], clip.landmarks[start : start + length])
    syncs = [
        _sync(seen, sound(other, (other.length - length) // 2, length), length, clip.fps, network)
        for other in others
    ]
    return [Mismatch(sync.offset, sync.confidence, sync.distance) for sync in syncs]


def _steps(clips: Sequence[Clip], number: int) -> list[int]:
    """Steps from a clip to those of other people, over half of the list, so that no two clips swap their sounds."""
    own = clips[number].identity
    steps = range(1, (len(clips) + 1) // 2)
    others = [step for step in steps if clips[(number + step) % len(clips)].identity != own]
    if not others:
        raise Undefined("the people are too few for other sounds")
    places = np.unique(np.linspace(0, len(others) - 1, STRANGERS).round().astype(int))
    return [others[place] for place in places]


def sound(clip: Clip, start: int, length: int) -> NDArray[np.float32]:
    """Samples of `length` frames from frame `start` on."""
    each = len(clip.audio) / clip.length
    return clip.audio[round(start * each) : round((start + length) * each)]


def _sync(
    seen: NDArray[np.float32], samples: NDArray[np.float32], length: int, fps: float, network: SyncNetwork
) -> Sync:
    return lip_sync(seen, network.audio(samples, length, fps))
