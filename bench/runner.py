"""Cell -> record: the task's run between a clock that starts and a record that is written."""

from __future__ import annotations

import shutil

from privtalk.bench.clock import Clock
from privtalk.bench.environment import (
    code_version,
    describe_environment,
    numeric_threads,
    peak_memory_mib,
    reset_peak_memory,
)
from privtalk.bench.execution.task import Report
from privtalk.bench.task import CellOutcome, Place, Planned, Work, find_task
from privtalk.core.records import Kind, Record, RunStore


def run_cell(report: Report, planned: Planned, place: Place) -> str:
    """Runs a cell and writes its record; the cell's id. Killed at any point, the next call goes on from there."""
    cell, store = planned.cell, RunStore(place.folder)
    task = find_task(cell.task)
    reset_peak_memory()
    clock = Clock.resumed(place.checkpoints(cell) / "clock.json")
    outcome = task.run(Work(cell=cell, place=place, report=report, clock=clock))
    record = _record(planned, place, outcome, clock, task.rows[cell.method].kind)
    store.write(record, outcome.samples)
    shutil.rmtree(place.checkpoints(cell), ignore_errors=True)
    return cell.id


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
