"""What two runs are compared by: all of their records but what may differ."""

from __future__ import annotations

from pathlib import Path

from privtalk.core.records import Record, RunStore

VOLATILE = ("timings", "started", "peak_memory_mib", "code", "environment")
"""What may differ between two records of a cell, beside the seconds of its attacks."""


def essence(record: Record) -> dict:
    kept = record.model_dump(mode="json", exclude=set(VOLATILE))
    attacks = [*kept["attacks"].values(), *(a for v in kept["variants"] for a in v["attacks"].values())]
    for timed in (*attacks, *kept["audits"]):
        del timed["seconds"]
    return kept


def results(folder: Path) -> dict[str, tuple[dict, list]]:
    """Row and tier -> record without what may differ, and samples."""
    store = RunStore(folder)
    return {f"{r.method} {r.tier}": (essence(r), store.samples(r.cell_id)) for r in store}
