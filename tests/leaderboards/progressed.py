"""Synthetic runs whose methods hold variants along the axis of private steps, and a reference that takes as many."""

from __future__ import annotations

from collections.abc import Mapping

from privtalk.core.cache import content_hash
from privtalk.core.records import Record, Sample, Variant
from tests.leaderboards.conftest import Runs, estimate

STEPS = ("4", "16", "64")
GAIN = {"4": 0.2, "16": 0.5, "64": 1.0}
"""dB that a method's row gains by so many private steps."""
ALONE = {"4": 0.1, "16": 0.3, "64": 0.9}
"""dB that the reference gains by so many, over its level of no steps."""


def moved(samples: list[Sample], gain: float, at: Mapping[str, str]) -> list[Sample]:
    """The clips, each better by so much."""
    return [
        s.model_copy(update={"at": dict(at), "scores": {**s.scores, "psnr": s.scores["psnr"] + gain}})
        for s in samples
    ]


def variant(record: Record, samples: list[Sample], at: Mapping[str, str]) -> Variant:
    scored = {
        name: score.model_copy(update={"estimate": estimate(samples, name)})
        for name, score in record.metrics.items()
    }
    return Variant(at=dict(at), metrics=scored, about="of its owner")


def personalised(runs: Runs, gain: Mapping[str, float] = GAIN) -> Runs:
    """The runs with a variant on every method's record for each count of steps."""
    found = Runs()
    for record in runs.records:
        samples, variants = list(runs.samples[record.cell_id]), []
        for steps in gain if record.kind == "method" else ():
            own = moved(runs.samples[record.cell_id], gain[steps], {"personal": steps})
            variants.append(variant(record, own, {"personal": steps}))
            samples += own
        found.add(record.model_copy(update={"variants": tuple(variants)}), samples)
    return found


def with_alone(runs: Runs, gain: Mapping[str, float] = ALONE) -> Runs:
    """The runs whose row `local` stands after the last count of steps, with variants for the earlier ones."""
    found, last = Runs(), max(gain, key=float)
    for record in runs.records:
        if record.method != "local":
            found.add(record, runs.samples[record.cell_id])
            continue
        plain = runs.samples[record.cell_id]
        samples, variants = moved(plain, gain[last], {}), []
        for steps in (steps for steps in gain if steps != last):
            own = moved(plain, gain[steps], {"personal": steps})
            variants.append(variant(record, own, {"personal": steps}))
            samples += own
        cell = record.cell | {"steps": last}
        change = {"cell": cell, "cell_id": content_hash(cell), "at": {"personal": last}}
        found.add(record.model_copy(update=change | {"variants": tuple(variants)}), samples)
    return found


def leaking(runs: Runs) -> Runs:
    """The runs with an attack on the personal adapters of every variant, and on nothing else of it."""

    def leak(record: Record) -> Record:
        if not record.variants:
            return record
        like = next(iter(record.attacks.values()))
        seen = {"clip_in_personal": like.model_copy(update={"view": "personal"})}
        told = tuple(v.model_copy(update={"attacks": seen}) for v in record.variants)
        return record.model_copy(update={"variants": told})

    return runs.changed(leak)
