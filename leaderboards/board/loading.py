"""Records and samples of run folders, read once; what cannot be read, or shown, is named and left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from privtalk.core.display import Display
from privtalk.core.errors import UserError
from privtalk.core.origin import DatasetOrigin
from privtalk.core.records import Record, RunStore, Sample
from privtalk.core.run_folder import PLAN, MissingRow, PlannedRow, RunPlan, missing_rows, read_plan
from privtalk.leaderboards.board.validation import MetricValidation, find
from privtalk.leaderboards.escaping import all_visible, name_fault, visible


class BoardKey(NamedTuple):
    """The names that all records of a board share."""

    suite: str
    preset: str
    corpus: str
    """Empty where the cells name none."""
    task: str


NAMES = ("task", "suite", "preset", "row", "started")
"""Fields of a record that name something, as all keys do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The rows that a board was planned to hold."""

    planned: int = 0
    """Rows and seeds that were planned; 0 where nobody wrote it down."""
    missing: tuple[MissingRow, ...] = ()
    """Those without a record."""
    design: tuple[PlannedRow, ...] = ()
    """Planned rows of factorial grids, whether they have a record or not."""
    remarks: tuple[str, ...] = ()
    """The remarks made before the run on what its people and clips are too few for."""
    origins: tuple[DatasetOrigin, ...] = ()
    """The data sets that the corpus was prepared from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """All records of some run folders; of a cell recorded more than once, the newest."""

    records: list[Record] = field(default_factory=list)
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    """By cell id."""
    folders: dict[str, Path] = field(default_factory=dict)
    """Run folder of each cell: artifact paths are relative to it."""
    problems: list[str] = field(default_factory=list)
    """Records, samples and plans that could not be read, one line each."""
    expected: dict[BoardKey, Expected] = field(default_factory=dict)
    """The plan, by board; a board nobody planned has no entry."""
    roots: tuple[Path, ...] = ()
    """The run folders."""
    displays: dict[str, Display] = field(default_factory=dict)
    """How the plans say that a task is shown, by its name."""
    validation: MetricValidation | None = None
    """How far the metrics can be trusted, where a run folder says it."""

    def display(self, task: str) -> Display:
        """How a task is shown: as its run's plan says, or where that is an old one, as the task does now."""
        return self.displays.get(task) or display_of(task)

    @property
    def missing(self) -> list[MissingRow]:
        """Planned rows without a record, of all boards."""
        return [row for expected in self.expected.values() for row in expected.missing]


def display_of(task: str) -> Display:
    """How a task says now that it is shown; one that is not installed shows its names as they are."""
    from privtalk.bench.task import find_task

    try:
        return find_task(task).display
    except UserError:
        return Display()


def load(folders: Sequence[Path]) -> Runs:
    """Read run folders; a folder without records is an error, an unreadable record a problem."""
    runs = Runs(validation=find(folders), roots=tuple(folders))
    newest: dict[str, Record] = {}
    refused: dict[str, str] = {}
    for folder in folders:
        paths = _files(folder / "records", ".json")
        if not paths:
            raise ValueError(
                f"{folder}: holds no records{_lost(folder)}; name a folder that `bench run` wrote"
            )
        for path in paths:
            _read(path, RunStore(folder), newest, refused, runs)
    runs.records.extend(newest.values())
    plans = {folder: plan for folder in folders if (plan := _plan(folder, runs)) is not None}
    for folder in folders:
        _find_orphans(folder, plans.get(folder), runs)
    runs.displays.update(
        {plan.task: _visible(plan.display) for plan in plans.values() if plan.display is not None}
    )
    runs.expected.update(_expected(plans, set(newest), refused))
    return runs


def _read(
    path: Path, store: RunStore, newest: dict[str, Record], refused: dict[str, str], runs: Runs
) -> None:
    try:
        record, samples = store.whole(path.stem)
        record = _showable(path, record)
        _showable_samples(store.samples_path(path.stem), samples)
    except ValueError as error:
        line = visible(str(error))
        runs.problems.append(line)
        refused[path.stem] = line.removeprefix(visible(f"{store.folder}/"))
        return
    known = newest.get(record.cell_id)
    if known is not None and known != record:
        runs.problems.append(f"cell {record.cell_id} was recorded more than once; the newest record is used")
    if known is None or record.started >= known.started:
        newest[record.cell_id] = record
        runs.samples[record.cell_id] = samples
        runs.folders[record.cell_id] = store.folder


def _showable(path: Path, record: Record) -> Record:
    """The record with its texts made visible; one whose names hold what cannot be shown is refused."""
    raw = record.model_dump()
    places = [raw["at"], *(variant["at"] for variant in raw["variants"])]
    values = (value for place in places for value in place.values())
    for name in (*(raw[name] for name in NAMES), *values, *_keys(raw)):
        if fault := name_fault(name):
            raise ValueError(f"{path}: {fault}; it is not shown")
    safe = all_visible(raw)
    return record if safe == raw else Record.model_validate(safe)


def _showable_samples(path: Path, samples: Iterable[Sample]) -> None:
    for sample in samples:
        for name in (sample.client, sample.clip, *sample.at, *sample.at.values(), *sample.scores):
            if fault := name_fault(name):
                raise ValueError(f"{path}: {fault}; it is not shown")


def _keys(value: Any) -> Iterator[str]:
    """Every key of a tree."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _keys(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _keys(item)


def _plan(folder: Path, runs: Runs) -> RunPlan | None:
    try:
        plan = read_plan(folder)
        if plan is not None and (fault := next(filter(None, map(name_fault, (plan.suite, plan.preset))), "")):
            raise ValueError(f"{folder / PLAN}: {fault}")
    except ValueError as error:
        runs.problems.append(visible(str(error)))
        return None
    return plan


def _visible(display: Display) -> Display:
    return Display.model_validate(all_visible(display.model_dump()))


def _find_orphans(folder: Path, plan: RunPlan | None, runs: Runs) -> None:
    """Samples whose record is gone, unless it stands among the planned ones that are missing."""
    planned = {row.cell_id for row in plan.planned} if plan else set()
    runs.problems.extend(
        visible(f"{path}: samples of a record that is gone; run the suite again")
        for path in _files(folder / "samples", ".jsonl")
        if path.stem not in planned and not RunStore(folder).record_path(path.stem).exists()
    )


def _expected(
    plans: Mapping[Path, RunPlan], have: set[str], refused: Mapping[str, str]
) -> dict[BoardKey, Expected]:
    """The plans of the folders, by board, and which of it is missing in all of them and why."""
    planned: dict[BoardKey, dict[str, PlannedRow]] = {}
    missing: dict[BoardKey, dict[object, MissingRow]] = {}
    said: dict[BoardKey, dict[str, None]] = {}
    origins: dict[BoardKey, list[DatasetOrigin]] = {}
    for folder, plan in plans.items():
        key = BoardKey(plan.suite, plan.preset, visible(plan.corpus), visible(plan.task))
        planned.setdefault(key, {}).update((row.cell_id, _readable(row)) for row in plan.planned)
        said.setdefault(key, {}).update(dict.fromkeys(map(visible, plan.remarks)))
        origins.setdefault(key, []).extend(map(_seen, plan.origins))
        for row in missing_rows(folder, have):
            known = missing.setdefault(key, {})
            known.setdefault(row.cell_id or (row.row, row.tier, row.seed), _shown(row, refused))
    return {
        key: Expected(
            planned=len(rows),
            missing=tuple(missing.get(key, {}).values()),
            design=tuple(row for row in rows.values() if row.factors),
            remarks=tuple(said[key]),
            origins=tuple(dict.fromkeys(origins[key])),
        )
        for key, rows in planned.items()
        if rows or key in missing
    }


def _seen(origin: DatasetOrigin) -> DatasetOrigin:
    """An origin with its texts made visible."""
    return DatasetOrigin.model_construct(**all_visible(origin.model_dump()))


def _readable(row: PlannedRow) -> PlannedRow:
    """A planned row with its texts made visible."""
    return row.model_copy(
        update={
            "row": visible(row.row),
            "method": visible(row.method),
            "at": {visible(axis): visible(value) for axis, value in row.at.items()},
            "factors": {visible(name): state for name, state in row.factors.items()},
        }
    )


def _shown(row: MissingRow, refused: Mapping[str, str]) -> MissingRow:
    reason = refused.get(row.cell_id, row.reason)
    return row._replace(
        row=visible(row.row), method=visible(row.method), tier=visible(row.tier), reason=visible(reason)
    )


def _lost(folder: Path) -> str:
    """Why not, where the folder's plan says it."""
    try:
        lost = missing_rows(folder, set())
    except ValueError:
        return ""
    return (
        f": {len(lost)} planned rows are missing, the first because: {visible(lost[0].reason)}"
        if lost
        else ""
    )


def _files(folder: Path, suffix: str) -> list[Path]:
    """Files of a kind; hidden ones are somebody else's."""
    return sorted(path for path in folder.glob(f"*{suffix}") if not path.name.startswith("."))
