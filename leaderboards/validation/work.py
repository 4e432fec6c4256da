"""Everything that is measured, as tasks for an executor, and what they come to together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered import studio
from privtalk.bench.corpus.spec import EMBEDDED
from privtalk.bench.execution import Event, Failed, Job, execute
from privtalk.bench.execution.task import Report
from privtalk.core.errors import WorkFailed
from privtalk.leaderboards.validation import (
    floors,
    footage,
    halves,
    identity,
    ladder,
    readers,
    scoring,
    stranger,
    synchrony,
    temporal,
)
from privtalk.leaderboards.validation.checks import BarCheck
from privtalk.leaderboards.validation.distortions import TIMES, DistortionLevel
from privtalk.leaderboards.validation.distortions import ladder as conditions
from privtalk.leaderboards.validation.footage import POPULATIONS, ValidationFootage
from privtalk.metrics import METRICS, Reading
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.distributions import READ, SOURCES
from privtalk.metrics.evaluators.bundle import NAMES, TALKHEAD, Evaluators, InstalledEvaluators, Kind
from privtalk.metrics.evaluators.protocols import FaceEmbedder
from privtalk.metrics.scorers import BY_DISTANCE

FRAMES = 40
"""The frames of a clip that is distorted."""
REDRAWS = (DistortionLevel(kind="redraw", level=0), DistortionLevel(kind="redraw", level=1))

Missing = str
"""Why something has no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationSetting:
    """The scene that a task works on: the footage, and whose networks (None: the embedded and installed ones)."""

    footage: ValidationFootage
    evaluators: Evaluators | None = None

    @property
    def distorted(self) -> int:
        """Clips that are distorted, one a person: half of the people, which every level repeats."""
        return max(footage.LEAST, self.footage.people // 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All findings."""

    footage: ValidationFootage
    verified: dict[tuple[str, str], identity.Verified | Missing]
    """(network, population)."""
    synced: dict[str, synchrony.Synced | Missing]
    """By network."""
    read: dict[str, readers.Read | Missing]
    """By reader."""
    rungs: dict[tuple[str, float], scoring.Scored]
    """By kind of distortion and level."""
    times: dict[str, scoring.Scored]
    halved: dict[str, halves.Halved | Missing]
    """By metric."""
    floors: dict[str, floors.Floor]
    judged: dict[int, stranger.StrangerFound | Missing] = field(default_factory=dict)
    """By pixels a side."""
    climbs: list[ladder.Climb] = field(default_factory=list)
    ordered: dict[str, list[temporal.Ordered]] = field(default_factory=dict)

    @property
    def missing(self) -> dict[str, str]:
        """Metric -> why it has no value under any distortion."""
        found: dict[str, str] = {}
        for scored in self.rungs.values():
            found |= dict(scored.missing)
        return {name: why for name, why in found.items() if not any(c.metric == name for c in self.climbs)}


class ValidationJob(NamedTuple):
    """A task, and what its stages cost in seconds, about."""

    task: Job
    costs: dict[str, float]


def jobs(scene: ValidationSetting) -> list[ValidationJob]:
    """All of them, the longest first."""
    people, clips = scene.footage.people, scene.distorted
    verifying = {"embedding": 0.06 * people, "comparing": 0.2 * people}
    found = [
        *(ValidationJob(Job(f"verify {name}", verify, (scene, name)), verifying) for name in POPULATIONS),
        *(
            ValidationJob(
                Job(f"judge {size}", judge, (scene, size)), {"judging": 0.8 * min(people, stranger.PEOPLE)}
            )
            for size in stranger.SIZES
        ),
        ValidationJob(Job("sync", hear, (scene,)), {"listening": 0.5 * people}),
        ValidationJob(Job("readers", read, (scene,)), {"mouths": 0.06 * people, "points": 0.06 * people}),
        ValidationJob(Job("halves", halve, (scene,)), {"halving": 0.12 * people}),
    ]
    every = [*conditions(), *REDRAWS, *(DistortionLevel(kind=kind) for kind in TIMES)]
    found += [ValidationJob(Job(c.name, score, (scene, c)), {"scoring": 0.25 * clips}) for c in every]
    return sorted(found, key=lambda job: -sum(job.costs.values()))


def run(wanted: Sequence[Job], workers: int, listen: Callable[[Event], None]) -> dict[str, Any]:
    """Task -> result; all must succeed."""
    results: dict[str, Any] = {}
    with closing(execute(wanted, workers, listen)) as outcomes:
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                raise WorkFailed(f"{outcome.key} failed: {outcome.reason}", outcome.traceback)
            results[outcome.key] = outcome.value
    return results


def conclude(scene: ValidationSetting, results: Mapping[str, Any]) -> Measured:
    """Findings from the tasks' results."""
    table: dict[tuple[str, float], scoring.Scored] = {
        (c.kind, c.level): results[c.name] for c in conditions()
    }
    times: dict[str, scoring.Scored] = {kind: results[kind] for kind in TIMES}
    verified = {(n, p): v for p in POPULATIONS for n, v in results[f"verify {p}"].items()}
    return Measured(
        footage=scene.footage,
        verified=verified,
        synced=results["sync"],
        read=results["readers"],
        rungs=table,
        times=times,
        halved=results["halves"],
        floors=floors.redrawn(*(results[c.name] for c in REDRAWS)),
        judged={size: results[f"judge {size}"] for size in stranger.SIZES},
        climbs=ladder.climbs(table),
        ordered={
            name: temporal.ordered(name, times)
            for name, metric in METRICS.items()
            if metric.base in temporal.ORDERS
        },
    )


def checks(measured: Measured) -> list[BarCheck]:
    """Every bar."""
    found = [
        identity.check(
            f"identity[{network}]",
            POPULATIONS[population],
            *_either(value),
            least=identity.UNFAMILIAR if population == "phone" else identity.BAR,
        )
        for (network, population), value in sorted(measured.verified.items(), key=_own_first)
    ]
    found += [stranger.check(size, *_either(value)) for size, value in measured.judged.items()]
    for network, synced in measured.synced.items():
        found += synchrony.checks(f"sync[{network}]", *_either(synced))
    found += [readers.check(name, *_either(value)) for name, value in measured.read.items()]
    found += ladder.checks(measured.climbs, measured.missing)
    for metric, halved in measured.halved.items():
        if METRICS[metric].base not in ladder.BARRED:
            continue
        own, reason = _either(halved)
        found.append(halves.check(metric, own, measured.climbs, {metric: reason}))
    lacking = {**measured.times["truth"].missing, **measured.times["shuffled"].missing}
    found += [temporal.check(name, own, lacking.get(name, "")) for name, own in measured.ordered.items()]
    return found


def _own_first(item: tuple[tuple[str, str], Any]) -> tuple[bool, str, str]:
    (network, population), _ = item
    return network != TALKHEAD, network, population


def _either(value: Any) -> tuple[Any, str]:
    """A finding and no reason, or no finding and its reason."""
    return (None, value) if isinstance(value, str) else (value, "")


class Tolerant:
    """Networks whose broken or absent weights leave their metrics undefined, with the reason."""

    def __init__(self, evaluators: Evaluators) -> None:
        self.evaluators = evaluators

    def get(self, kind: Kind, name: str) -> Any:
        try:
            return self.evaluators.get(kind, name)
        except ValueError as error:
            raise Undefined(str(error)) from error


@lru_cache(maxsize=1)
def _installed() -> Evaluators:
    from privtalk.bench.tasks.talking_head.stages.score import evaluators

    return Tolerant(evaluators(EMBEDDED))


def networks(scene: ValidationSetting) -> Evaluators:
    """The scene's own, or those of this process."""
    return scene.evaluators or _installed()


def verify(
    report: Report, scene: ValidationSetting, population: str
) -> dict[str, identity.Verified | Missing]:
    """Task: identity networks on a population."""
    wanted = scene.footage.sittings(population)
    frames = wanted[0].frames
    portraits, lights = studio.load(wanted), identity.lights(wanted)
    found: dict[str, identity.Verified | Missing] = {}
    for name in (name for name in NAMES["identity"] if name not in BY_DISTANCE):
        try:
            embedder = networks(scene).get("identity", name)
        except Undefined as reason:
            found[name] = str(reason)
            continue
        report("embedding", 0, 1)
        embeddings = embedded(portraits, frames, embedder)
        report("comparing", 0, 1)
        found[name] = identity.verify(population, embeddings, portraits, lights, frames)
    return found


def judge(report: Report, scene: ValidationSetting, size: int) -> stranger.StrangerFound | Missing:
    """Task: a published recogniser, which nobody fitted on rendered people, on pictures of a size."""
    from privtalk.bench.corpus.video.faces import FaceWeightsError, find_weights, load_detector

    using = scene.evaluators or Tolerant(InstalledEvaluators(embedded=False))
    try:
        embedder = using.get("identity", stranger.JUDGE)
        find = load_detector(find_weights("detector", Path(stranger.JUDGE)))
    except (Undefined, FaceWeightsError) as reason:
        return str(reason)
    portraits = studio.load(scene.footage.judged(size))
    report("judging", 0, 1)
    descriptors = embedded(portraits, stranger.FRAMES, embedder)
    return stranger.judge(portraits, descriptors, find)


def embedded(portraits: studio.Portraits, frames: int, embedder: FaceEmbedder) -> NDArray[np.float32]:
    """[N, D] of sittings of `frames` frames, each a clip of its own, whose faces have one size."""
    parts = [slice(first, first + frames) for first in range(0, len(portraits), frames)]
    found = [embedder(portraits.frames[part], portraits.landmarks[part]) for part in parts]
    return np.concatenate(found).astype(np.float32)


def hear(report: Report, scene: ValidationSetting) -> dict[str, synchrony.Synced | Missing]:
    """Task: sync networks on all clips."""
    return _each(
        scene,
        "sync",
        lambda network: synchrony.conclude(synchrony.listen(footage.clips(scene.footage), network, report)),
    )


def read(report: Report, scene: ValidationSetting) -> dict[str, readers.Read | Missing]:
    """Task: readers of openings and of landmarks on the first clip of each person."""
    own = footage.first_clips(footage.clips(scene.footage), scene.footage.people)
    mouths = _each(scene, "mouth", lambda reader: readers.read_openings(own, reader, _as("mouths", report)))
    points = _each(
        scene, "landmarks", lambda reader: readers.read_landmarks(own, reader, _as("points", report))
    )
    return {f"mouth[{n}]": v for n, v in mouths.items()} | {f"landmarks[{n}]": v for n, v in points.items()}


def halve(report: Report, scene: ValidationSetting) -> dict[str, halves.Halved | Missing]:
    """Task: every distance of distributions between halves of the first clips."""
    own = footage.first_clips(footage.clips(scene.footage), scene.footage.people)
    readings = [Reading(clip.frames, clip.landmarks, networks(scene)) for clip in own]
    found: dict[str, halves.Halved | Missing] = {}
    for metric, source in SOURCES.items():
        kind, name = source.key
        rows = []
        try:
            for number, reading in enumerate(readings):
                report("halving", number, len(readings))
                rows.append(READ[kind](reading, name))
            found[metric] = halves.halve(metric, rows)
        except Undefined as reason:
            found[metric] = str(reason)
    return found


def score(report: Report, scene: ValidationSetting, condition: DistortionLevel) -> scoring.Scored:
    """Task: every metric under a condition."""
    own = footage.first_clips(footage.clips(scene.footage), scene.distorted)
    return scoring.score(own, condition, FRAMES, networks(scene), report)


def _each(scene: ValidationSetting, kind: Kind, find: Callable[[Any], Any]) -> dict[str, Any]:
    """Network -> what is found with it, or why it is absent."""
    found: dict[str, Any] = {}
    for name in NAMES[kind]:
        try:
            found[name] = find(networks(scene).get(kind, name))
        except Undefined as reason:
            found[name] = str(reason)
    return found


def _as(stage: str, report: Report) -> Report:
    """Reports under another stage's name."""
    return lambda _, done, total: report(stage, done, total)
