"""Records and samples of run folders, read once; what cannot be read is named and left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from privtalk.bench.records import Record, RunStore, Sample, load_record
from privtalk.leaderboards.validation import Validation, find


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """All records of some run folders; of a cell recorded more than once, the newest."""

    records: list[Record] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By cell id."""
    folders: dict[str, Path] = field(default_factory=dict)
    """Run folder of each cell: artifact paths are relative to it."""
    problems: list[str] = field(default_factory=list)
    """Records and samples that could not be read, one line each."""
    validation: Validation | None = None
    """How far the metrics can be trusted, where a run folder says it."""


def load(folders: Sequence[Path]) -> Runs:
    """Read run folders; a folder without records is an error, an unreadable record a problem."""
    runs = Runs(validation=find(folders))
    newest: dict[str, Record] = {}
    for folder in folders:
        paths = sorted((folder / "records").glob("*.json"))
        if not paths:
            raise ValueError(f"{folder}: holds no records; name a folder that `bench run` wrote")
        for path in paths:
            _read(path, RunStore(folder), newest, runs)
    runs.records.extend(newest.values())
    return runs


def _read(path: Path, store: RunStore, newest: dict[str, Record], runs: Runs) -> None:
    try:
        record = load_record(path)
        samples = store.samples(record.cell_id)
    except ValueError as error:
        runs.problems.append(str(error).splitlines()[0])
        return
    known = newest.get(record.cell_id)
    if known is not None and known != record:
        runs.problems.append(f"cell {record.cell_id} was recorded more than once; the newest record is used")
    if known is None or record.started >= known.started:
        newest[record.cell_id] = record
        runs.samples[record.cell_id] = samples
        runs.folders[record.cell_id] = store.folder
