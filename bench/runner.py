"""Cell -> record: the task's run between a clock that starts and a record that is written."""

from __future__ import annotations

import shutil
from typing import Any

from privtalk.bench.clock import Clock
from privtalk.bench.environment import (
    code_version,
    describe_environment,
    numeric_threads,
    peak_memory_mib,
    reset_peak_memory,
)
from privtalk.bench.execution.task import Report
from privtalk.bench.task import Anew, CellOutcome, Place, Planned, Work, find_task
from privtalk.core.files import file_hash
from privtalk.core.records import Derived, Kind, Record, RunStore, Sample, Variant


def run_cell(report: Report, planned: Planned, place: Place) -> str:
    """Runs a cell and writes its record; the cell's id. Killed at any point, the next call goes on from there."""
    cell, store = planned.cell, RunStore(place.folder)
    task = find_task(cell.task)
    reset_peak_memory()
    clock = Clock.resumed(place.checkpoints(cell) / "clock.json")
    outcome = task.run(Work(cell=cell, place=place, report=report, clock=clock))
    record = _record(planned, place, outcome, clock, task.rows[cell.method].kind)
    if place.keep != "nothing":
        task.keep(cell, place)
    store.write(record, outcome.samples)
    shutil.rmtree(place.checkpoints(cell), ignore_errors=True)
    return cell.id


def derive_cell(report: Report, planned: Planned, place: Place, source: Place, anew: Anew) -> str:
    """Writes the record of a cell of `source` into `place` with its metrics, or its attacks, computed again; its id.

    The rest is the old record's, which is named in the new one and is not changed.
    """
    cell, old = planned.cell, RunStore(source.folder)
    record, samples = old.whole(cell.id)
    reset_peak_memory()
    clock = Clock(place.checkpoints(cell) / "clock.json")
    outcome = find_task(cell.task).again(
        Work(cell=cell, place=place, report=report, clock=clock), anew, source
    )
    made = _record(planned, place, outcome, clock, record.kind)
    parts, own = _merged(record, samples, outcome, anew)
    said = Derived(
        cell_id=cell.id,
        record_sha256=file_hash(old.record_path(cell.id)),
        anew=anew,
        version=record.code.version,
    )
    RunStore(place.folder).write(made.model_copy(update={**parts, "derived_from": said}), own)
    shutil.rmtree(place.checkpoints(cell), ignore_errors=True)
    return cell.id


def _merged(
    old: Record, samples: list[Sample], outcome: CellOutcome, anew: Anew
) -> tuple[dict[str, Any], list[Sample]]:
    """The fields of a derived record that are not of its own run, and its samples."""
    new = {tuple(variant.at.items()): variant for variant in outcome.variants}
    field = "metrics" if anew == "metrics" else "attacks"
    variants = [_over(variant, new.get(tuple(variant.at.items())), field) for variant in old.variants]
    kept = {
        "federation": old.federation,
        "audits": old.audits,
        "protection": old.protection,
        "efficiency": old.efficiency,
        "operations": old.operations,
        "variants": tuple(variants),
    }
    if anew == "metrics":
        return {**kept, "attacks": old.attacks}, list(outcome.samples)
    return {**kept, "metrics": old.metrics}, samples


def _over(old: Variant, new: Variant | None, field: str) -> Variant:
    if new is None:
        return old.model_copy(update={"artifacts": {}})
    return old.model_copy(update={field: getattr(new, field), "artifacts": new.artifacts})


def _record(planned: Planned, place: Place, outcome: CellOutcome, clock: Clock, kind: Kind) -> Record:
    cell = planned.cell
    return Record(
        task=cell.task,
        cell_id=cell.id,
        cell=cell.model_dump(mode="json"),
        suite=planned.suite,
        preset=planned.preset,
        row=planned.row,
        at=cell.at,
        seed=cell.seed,
        kind=kind,
        code=code_version().model_copy(update={"plugins": _plugins(planned, place)}),
        environment=describe_environment(place.device, numeric_threads()),
        started=clock.started,
        timings={name: round(seconds, 3) for name, seconds in clock.seconds.items()},
        peak_memory_mib=round(peak_memory_mib(), 1),
        metrics=dict(outcome.metrics),
        federation=outcome.federation,
        attacks=dict(outcome.attacks),
        audits=outcome.audits,
        protection=outcome.protection,
        efficiency=outcome.efficiency,
        operations=dict(outcome.operations),
        variants=outcome.variants,
        artifacts=dict(outcome.artifacts),
    )


def _plugins(planned: Planned, place: Place) -> dict[str, str]:
    """The plugins that could change this record: of methods its own alone."""
    return {
        plugin.reference: plugin.sha256
        for plugin in place.plugins
        if plugin.kind != "method" or plugin.name == planned.cell.method
    }
