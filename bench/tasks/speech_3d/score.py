"""MotionClips -> vertices -> scores, clip by clip; what is kept does not grow with frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.mesh.clip import MotionRig
from privtalk.bench.corpus.mesh.embedded import MeshCorpusSpec
from privtalk.bench.corpus.performance import VISEMES
from privtalk.bench.tasks.speech_3d.animation import Animated
from privtalk.bench.tasks.speech_3d.footage import MeshCorpus, Part, open_meshes
from privtalk.core.records import Estimate, Sample, Score
from privtalk.core.seeds import numpy_stream
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.intervals import clustered_mean
from privtalk.metrics.mesh import (
    MESH_METRICS,
    VisemeReader,
    absolute_fdd,
    closure,
    diversity,
    eve,
    fdd,
    lip_shape,
    lve,
    mve,
)
from privtalk.metrics.mesh.closure import SLACK

POWERS = {"mesh unit": 1, "mesh unit²": 2}
"""Unit of a metric -> its power of a length."""
READ_EVERY, READ_CLIPS = 5, 200
"""Frames between those that the viseme reader learns from, and how many training clips."""
DIVERSE = 20
"""Clips whose diversity is measured, the first."""
TAKES = 3
"""True takes of a sentence whose diversity is the truth's."""
ONE_TAKE = "the corpus has one take of each sentence"
BILABIAL = VISEMES.index("PP")
Vertices = NDArray[np.float32]


@lru_cache(maxsize=1)
def reader_of(spec: MeshCorpusSpec) -> VisemeReader | None:
    """Returns the viseme reader of a corpus, None where nobody knows what is said; kept for the process."""
    corpus = open_meshes(spec)
    rig, train = corpus.rig, corpus.parts["train"]
    shapes, said = [], []
    for k in range(0, len(train), max(len(train) // READ_CLIPS, 1)):
        who = train.people[k]
        vertices = rig.vertices(np.ascontiguousarray(train.codes[k, ::READ_EVERY]), who)
        shapes.append(lip_shape(vertices, rig.template(who), rig.lips))
        said.append(train.visemes[k, ::READ_EVERY])
    known = np.concatenate(said) >= 0
    if not known.any():
        return None
    return VisemeReader(np.concatenate(shapes)[known], np.concatenate(said)[known])


@dataclass(frozen=True, slots=True)
class MeshScores:
    """Every metric of every clip, in millimetres where it is a length."""

    columns: Mapping[str, Sequence[float | None]]
    truths: Mapping[str, Sequence[float | None]]
    """The same of true motion, of metrics whose truth is not trivial."""
    missing: Mapping[str, str]


def score(spec: MeshCorpusSpec, part: Part, made: Animated | None) -> MeshScores:
    """Returns the scores of animations of a part's clips; all missing where there is none, or no mesh."""
    corpus = open_meshes(spec)
    if made is None or not corpus.rig.basis().shape[1]:
        reason = ONE_TAKE if made is None else "the corpus has weights alone, and no mesh that they move"
        empty = [None] * len(corpus.parts[part])
        return MeshScores(dict.fromkeys(MESH_METRICS, empty), {}, dict.fromkeys(MESH_METRICS, reason))
    reader = reader_of(spec)
    columns: dict[str, list[float | None]] = {name: [] for name in MESH_METRICS}
    truths: dict[str, list[float | None]] = {name: [] for name in ("readability", "diversity")}
    missing: dict[str, str] = {}
    for k in range(len(corpus.parts[part])):
        for name, value in _scorers(corpus, reader, part, made, k).items():
            into, plain = (
                (truths, name.removeprefix("true ")) if name.startswith("true ") else (columns, name)
            )
            try:
                into[plain].append(_scaled(plain, value(), corpus.rig.millimetres))
            except Undefined as reason:
                into[plain].append(None)
                missing[plain] = str(reason)
    return MeshScores(columns, truths, missing)


def _scaled(name: str, value: float, millimetres: float | None) -> float:
    power = POWERS.get(MESH_METRICS[name].unit, 0)
    return float(value * (millimetres or 1.0) ** power)


def _scorers(
    corpus: MeshCorpus, reader: VisemeReader | None, part: Part, made: Animated, k: int
) -> Mapping[str, Callable[[], float]]:
    clips, rig = corpus.parts[part], corpus.rig
    who, said = clips.people[k], clips.visemes[k]
    rest = rig.template(who)
    true = rig.vertices(clips.codes[k], who)
    shown = _vertices(corpus, made, made.codes[k], who)

    def above_floor() -> float:
        if not len(clips.others[k]):
            raise Undefined(ONE_TAKE)
        best = rig.vertices(clips.others[k].mean(0), who)
        return eve(shown, true, rig.eyes) - eve(best, true, rig.eyes)

    def apart(takes: Sequence[NDArray[np.float32]]) -> float:
        if k >= DIVERSE:
            raise Undefined(f"measured on the first {DIVERSE} clips")
        if len(takes) < 2:
            return 0.0  # it draws nothing: the same speech gives the same motion
        return diversity(np.stack([rig.vertices(take, who) for take in takes]), rig.upper)

    def read(vertices: Vertices) -> float:
        if reader is None:
            raise Undefined("nobody knows what is said")
        return reader.accuracy(lip_shape(vertices, rest, rig.lips), said)

    def shut() -> float:
        if rig.contacts is None:
            raise Undefined("nobody says which vertices of the lips touch")
        return closure(shown, true, said == BILABIAL, rig.contacts, SLACK / (rig.millimetres or 1.0))

    return {
        "lve": lambda: lve(shown, true, rig.lips),
        "eve": lambda: eve(shown, true, rig.eyes),
        "eve_above_floor": above_floor,
        "mve": lambda: mve(shown, true),
        "fdd": lambda: fdd(shown, true, rest, rig.upper),
        "absolute_fdd": lambda: absolute_fdd(shown, true, rest, rig.upper),
        "closure": shut,
        "readability": lambda: read(shown),
        "true readability": lambda: read(true),
        "diversity": lambda: apart([made.codes[k], *(sample[k] for sample in made.samples)]),
        "true diversity": lambda: apart(_takes(clips.others[k])),
    }


def _takes(others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """True takes of a sentence; `Undefined` where there is one alone."""
    if len(others) < TAKES:
        raise Undefined(ONE_TAKE)
    return list(others[:TAKES])


def _vertices(corpus: MeshCorpus, made: Animated, codes: NDArray[np.float32], who: str) -> Vertices:
    if not made.linear:
        return corpus.rig.vertices(codes, who)
    moved = np.tensordot(codes, corpus.rig.basis(), 1)
    return np.asarray(corpus.rig.template(who) + moved, dtype=np.float32)


def summary(
    found: MeshScores,
    people: Sequence[str],
    clips: Sequence[str],
    seed: int,
    at: Mapping[str, str],
    rig: MotionRig,
) -> tuple[dict[str, Score], list[Sample]]:
    """Returns every metric's mean over clips with its interval clustered by speaker, and the samples."""
    metrics = {name: _summed(name, found, people, seed, rig) for name in MESH_METRICS}
    samples = [
        Sample(
            client=who,
            clip=clip,
            at=dict(at),
            scores={name: found.columns[name][k] for name in MESH_METRICS},
        )
        for k, (who, clip) in enumerate(zip(people, clips, strict=True))
    ]
    return metrics, samples


def unit_of(declared: str, rig: MotionRig) -> str:
    """Returns the unit in which records hold a metric: millimetres where the rig's unit is known."""
    if declared not in POWERS:
        return declared
    power = POWERS[declared]
    return f"{rig.unit if rig.millimetres is None else 'mm'}{'²' if power == 2 else ''}"


def _summed(name: str, found: MeshScores, people: Sequence[str], seed: int, rig: MotionRig) -> Score:
    metric = MESH_METRICS[name]
    mean = clustered_mean(found.columns[name], people, numpy_stream(seed, "interval", name))
    estimate = Estimate(**vars(mean))
    if estimate.value is None:
        estimate = estimate.model_copy(update={"missing": found.missing.get(name, "no clip has a value")})
    known = [value for value in found.truths.get(name, ()) if value is not None]
    return Score(
        estimate=estimate,
        unit=unit_of(metric.unit, rig),
        direction=metric.direction,
        ground_truth=float(np.mean(known)) if known else None,
        family=metric.family,
        about=metric.about,
        level=metric.level,
    )
