"""`bench rescore` and `bench attack`: new metrics and new attacks of finished runs, without training again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from privtalk.bench import claiming, plugins
from privtalk.bench.commands import boards, run
from privtalk.bench.environment import usable_cores
from privtalk.bench.execution import Failed, Job, execute, heard_by
from privtalk.bench.journal import Journal
from privtalk.bench.preparing import make
from privtalk.bench.progress import display
from privtalk.bench.runner import derive_cell
from privtalk.bench.task import Anew, Opening, Place, Planned, Task, find_task
from privtalk.core.errors import UserError
from privtalk.core.locks import sole_writer
from privtalk.core.records import Record, RunStore
from privtalk.core.run_folder import (
    Plugin,
    RunPlan,
    clear_failure,
    read_plan,
    record_failure,
    write_plan,
)

NAMES: dict[Anew, str] = {"metrics": "rescored", "attacks": "attacked"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The request of the command line."""

    anew: Anew
    runs: tuple[Path, ...]
    out: Path | None = None
    """None: beside each run, with `-rescored` or `-attacked` at the end of its name."""
    corpus: str | None = None
    changes: tuple[str, ...] = ()
    brought: tuple[tuple[plugins.Kind, str], ...] = ()
    workers: int | None = None
    device: str = "auto"


def again(request: Again, console: Console | None = None) -> int:
    """Exit code: 0, or 2 where a cell failed. Errors of the request are raised before anything is written."""
    console = console or Console(stderr=True)
    if request.out is not None and len(request.runs) > 1:
        raise UserError(f"-o {request.out}: is one folder for several runs; leave it out, or name one run")
    failed = [_one(request, folder, console) for folder in request.runs]
    return run.FAILED if any(failed) else run.OK


def _one(request: Again, folder: Path, console: Console) -> int:
    """Derives the records of one run; how many failed."""
    plan, records = _old(folder)
    wanted = run.Request(suite="", brought=_needed(plan, request), corpus=request.corpus)
    found = run.enrol(wanted)
    task = find_task(plan.task)
    place, source = _places(request, folder, task, found)
    planned = [_planned(task, record) for record in records]
    workers = request.workers or (1 if place.device.startswith("cuda") else usable_cores())
    claiming.claimable(place.folder)
    with sole_writer(place.folder, f"bench {NAMES[request.anew]}"):
        _claim(place.folder, plan, planned, found)
        store = RunStore(place.folder)
        missing = [one for one in planned if not store.has(one.cell.id)]
        _say(console, f"{folder}: {len(missing)} records to be {NAMES[request.anew]} -> {place.folder}")
        failures = _derive(task, missing, place, source, request.anew, workers, console)
    if len(failures) < len(planned):
        boards.show([place.folder])
    for failure in failures[:1]:
        _say(
            console, f"{len(failures)} of {len(planned)} could not be {NAMES[request.anew]}: {failure.reason}"
        )
    return len(failures)


def _old(folder: Path) -> tuple[RunPlan, list[Record]]:
    """The plan of a run and its records; each is whole."""
    plan = read_plan(folder) if folder.is_dir() else None
    if plan is None:
        raise UserError(f"{folder}: no run is in it; name a folder that `bench run` wrote")
    store = RunStore(folder)
    records = [store.whole(path.stem)[0] for path in sorted((folder / "records").glob("*.json"))]
    if not records:
        raise UserError(f"{folder}: it holds no record yet; run its suite first")
    return plan, records


def _needed(plan: RunPlan, request: Again) -> tuple[tuple[plugins.Kind, str], ...]:
    """The things that were brought to the run, and those that are brought now."""
    before = [(plugin.kind, plugin.reference) for plugin in plan.plugins if plugin.kind != "corpus"]
    return tuple(dict.fromkeys([*before, *request.brought]))


def _places(request: Again, folder: Path, task: Task, found: tuple[Plugin, ...]) -> tuple[Place, Place]:
    corpus = plugins.corpus(request.corpus)
    opened = task.open(
        Opening(
            corpus=corpus.name if corpus else request.corpus, device=request.device, changes=request.changes
        )
    )
    if opened.changes:
        raise UserError(
            f"--set {opened.changes[0]}: a finished cell's settings stay; run the suite for others"
        )
    out = request.out or folder.with_name(f"{folder.name}-{NAMES[request.anew]}")
    if out.resolve() == folder.resolve():
        raise UserError(f"-o {out}: old records are not changed; name another folder")
    return (
        Place(out, opened.resources, opened.device, found),
        Place(folder, opened.resources, opened.device, found),
    )


def _planned(task: Task, record: Record) -> Planned:
    cell = task.read_cell(record.cell)
    if cell.id != record.cell_id:
        raise UserError(
            f"cell {record.cell_id}: this version reads its settings otherwise; use version {record.code.version}"
        )
    return Planned(suite=record.suite, preset=record.preset, row=record.row, cell=cell)


def _claim(out: Path, plan: RunPlan, planned: Sequence[Planned], found: tuple[Plugin, ...]) -> None:
    ids = {one.cell.id for one in planned}
    rows = tuple(row for row in plan.planned if row.cell_id in ids)
    mine = plan.model_copy(update={"plugins": found, "planned": rows})
    theirs = read_plan(out)
    if theirs is not None and theirs != mine:
        raise UserError(
            f"{out} holds another run, or others' metrics and attacks; name another folder with -o"
        )
    write_plan(out, mine)


def _derive(
    task: Task,
    planned: Sequence[Planned],
    place: Place,
    source: Place,
    anew: Anew,
    workers: int,
    console: Console,
) -> list[Failed]:
    if not planned:
        return []
    first = Job("plugins", plugins.enrol_all, (place.plugins,)) if place.plugins else None
    jobs = [Job(one.key, derive_cell, (one, place, source, anew)) for one in planned]
    plan = {one.key: task.costs(one.cell) for one in planned}
    ids = {one.key: one.cell.id for one in planned}
    failures = []
    with Journal(place.folder) as journal:
        for preparation in task.prepare_again([one.cell for one in planned], place, anew):
            make(preparation, workers, console, first, hear=journal.kind(preparation.title))
        with (
            display("cells", plan, console) as listen,
            closing(execute(jobs, workers, heard_by(listen, journal.kind("cells")), first=first)) as outcomes,
        ):
            for outcome in outcomes:
                if isinstance(outcome, Failed):
                    failures.append(outcome)
                    record_failure(place.folder, ids[outcome.key], outcome.reason)
                else:
                    clear_failure(place.folder, ids[outcome.key])
    return failures


def _say(console: Console, line: str) -> None:
    console.print(escape(line), highlight=False, soft_wrap=True)
