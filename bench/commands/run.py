"""`bench run`: a suite from an empty folder, or from wherever it was left, to its table."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from privtalk.bench import claiming, plugins, suites
from privtalk.bench.commands import boards
from privtalk.bench.environment import usable_cores
from privtalk.bench.execution import Engine, Failed, Outcome, choose_engine, execute, heard_by, held, team
from privtalk.bench.execution import Job as Job
from privtalk.bench.journal import Journal
from privtalk.bench.memory_budget import parse_memory
from privtalk.bench.preparing import make
from privtalk.bench.progress import display
from privtalk.bench.runner import run_cell
from privtalk.bench.task import KEEPING, Keeping, Opened, Opening, Place, Planned, Task, find_task
from privtalk.core.errors import UserError, unknown
from privtalk.core.files import write_atomic
from privtalk.core.locks import sole_writer
from privtalk.core.records import RunStore
from privtalk.core.run_folder import Plugin, clear_failure, record_failure
from privtalk.leaderboards.escaping import visible

OK, FAILED = 0, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request of the command line."""

    suite: str
    preset: str = "small"
    corpus: str | None = None
    """A prepared folder, or a corpus that somebody brought."""
    out: Path | None = None
    seeds: tuple[int, ...] = ()
    rows: tuple[str, ...] = ()
    """Only these."""
    brought: tuple[tuple[plugins.Kind, str], ...] = ()
    """Kind and reference of what the user brings."""
    tiers: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    workers: int | None = None
    device: str = "auto"
    executor: str = "auto"
    """A key of `execution.ENGINES`."""
    address: str | None = None
    """The address of a cluster, for `ray`."""
    gpus: float | None = None
    """GPUs of each worker of a cluster; None: one with CUDA, else none."""
    stack_workers: int = 0
    """Workers inside a cell; with them cells are run one at a time, in this process."""
    keep: str = "nothing"
    """A key of `task.KEEPING`."""
    memory: str | None = None
    """A bound on the memory of all processes together, such as `8GiB`."""


def run(request: Request, console: Console | None = None) -> int:
    """Exit code: 0, or 2 where a cell failed. Errors of the request are raised before anything is written."""
    console = console or Console(stderr=True)
    opened, plan, found, workers, said = bounded(request)
    task, engine = find_task(plan.task), _engine(request, opened.device)
    place = Place(
        request.out or default_folder(request), opened.resources, opened.device, found, _keeping(request.keep)
    )
    store = RunStore(place.folder)
    task.check(pending_cells(plan, store), place, workers)
    claiming.claimable(place.folder)
    with held(engine, max(workers, request.stack_workers)), sole_writer(place.folder, "bench run"):
        remarks = tuple(task.remarks(plan.cells))
        claiming.claim(place.folder, plan, found, remarks, request.corpus)
        pending = pending_cells(plan, store)
        console.print(_opening(plan, pending, place.folder), highlight=False, soft_wrap=True)
        look_twice(console, remarks)
        if said:
            console.print(Text(said), soft_wrap=True)
        failures = _run(task, pending, place, workers, console, engine, request.stack_workers)
    if any(store.has(planned.cell.id) for planned in plan.cells):
        boards.show([place.folder])
    console.print(_closing(place.folder, failures), highlight=False, soft_wrap=True)
    return FAILED if failures else OK


def pending_cells(plan: suites.Plan, store: RunStore) -> list[Planned]:
    """The cells of a plan that have no record yet."""
    return [planned for planned in plan.cells if not store.has(planned.cell.id)]


def prepare(request: Request) -> tuple[Opened, suites.Plan, tuple[Plugin, ...]]:
    """Checks the whole request: the means of the run, its cells, and what the user brings."""
    found = enrol(request)
    suite = suites.load(request.suite)
    task = find_task(suite.task)
    corpus = plugins.corpus(request.corpus)
    _check_taken(request, task)
    opening = Opening(
        corpus=corpus.name if corpus else request.corpus, device=request.device, changes=request.changes
    )
    opened = task.open(opening)
    expand = partial(
        suites.expand,
        suite,
        request.preset,
        seeds=request.seeds,
        methods=request.rows,
        added=[plugin.name for plugin in _named(request) if plugin.kind == "method"],
        tiers=request.tiers,
        changes=opened.changes,
        given=opened.given,
    )
    plan = expand(fixed=opened.fixed)
    if more := task.settle(opened, opening, plan.settings):
        plan = expand(fixed={**opened.fixed, **more})
    return opened, plan, tuple(plugin for plugin in found if _used(plugin, plan, corpus))


class BoundedRun(NamedTuple):
    """A request, checked, with the means that follow from its bound on memory."""

    opened: Opened
    plan: suites.Plan
    plugins: tuple[Plugin, ...]
    workers: int
    said: str = ""
    """The means in words; empty without a bound."""


def bounded(request: Request) -> BoundedRun:
    """Checks the whole request, as `prepare` does, and bounds its memory where that is asked for."""
    opened, plan, found = prepare(request)
    workers = worker_count(request, opened.device)
    if request.memory is None:
        return BoundedRun(opened, plan, found, workers)
    bound = parse_memory(request.memory)
    made = find_task(plan.task).bound_memory(plan.cells, opened, workers, bound)
    if made.changes:
        opened, plan, found = prepare(replace(request, changes=(*request.changes, *made.changes)))
    return BoundedRun(replace(opened, resources=made.resources), plan, found, made.workers, made.said)


def brought(**references: Sequence[str] | None) -> tuple[tuple[plugins.Kind, str], ...]:
    """Kind and reference of all that a command line brings."""
    return tuple((kind, one) for kind in plugins.KINDS for one in references.get(kind) or ())


def enrol(request: Request) -> tuple[Plugin, ...]:
    """Registers what installed packages and the user bring; a method may also be named that is there already.

    What this process enrolled for another run, and this one does not name, is forgotten.
    """
    plugins.forget(but={request.corpus or "", *(reference for _, reference in request.brought)})
    return tuple(dict.fromkeys([*plugins.installed(), *_named(request)]))


def _named(request: Request) -> list[Plugin]:
    """Everything that the command line names, enrolled."""
    found = [
        (plugins.enrol if plugins.is_reference(reference) else plugins.known)(kind, reference)
        for kind, reference in request.brought
    ]
    corpus = plugins.corpus(request.corpus)
    return [*found, corpus] if corpus else found


def _check_taken(request: Request, task: Task) -> None:
    """Raises where the user brings what the suite's task has no place for."""
    for plugin in _named(request):
        if plugin.kind == "task" and plugin.name != task.name:
            raise UserError(f"--task {plugin.reference}: the suite is of task {task.name}; leave it out")
        if plugin.kind not in ("task", *task.takes):
            raise UserError(f"task {task.name} takes no {plugin.kind}; leave out --{plugin.kind}")


def _used(plugin: Plugin, plan: suites.Plan, corpus: Plugin | None) -> bool:
    """Whether a run has to do with a thing; what packages bring is there in every process."""
    match plugin.kind:
        case "task":
            return plugin.name == plan.task
        case "corpus":
            return plugin == corpus
        case "method":
            return any(planned.cell.method == plugin.name for planned in plan.cells)
    return plugin.kind in find_task(plan.task).takes


def default_folder(request: Request) -> Path:
    """runs/SUITE-PRESET, with the corpus's name where it is not the embedded one."""
    brought = plugins.corpus(request.corpus)
    corpus = [brought.name if brought else Path(request.corpus).resolve().name] if request.corpus else []
    parts = [suites.load(request.suite).name, request.preset, *corpus]
    return Path("runs") / "-".join(parts)


def look_twice(console: Console, remarks: Sequence[str]) -> None:
    """Prints, in one block, what limits what the figures can say; nothing where there is nothing."""
    if remarks:
        console.print(Text("look twice", "bold yellow"))
    for remark in remarks:
        console.print(Text(f"- {visible(remark)}", "yellow"), soft_wrap=True)


def _run(
    task: Task,
    pending: Sequence[Planned],
    place: Place,
    workers: int,
    console: Console,
    engine: Engine,
    stack_workers: int = 0,
) -> list[Failed]:
    """Makes what the cells need, then the cells; those that failed."""
    if not pending:
        return []
    first = Job("plugins", plugins.enrol_all, (place.plugins,)) if place.plugins else None
    with Journal(place.folder) as journal:
        for preparation in task.prepare([planned.cell for planned in pending], place):
            make(preparation, workers, console, first, engine, journal.kind(preparation.title))
        with team(stack_workers, first=first, engine=engine) as found:
            if found is None:
                executed = partial(execute, workers=workers, first=first, engine=engine)
            else:
                place = replace(place, team=found)
                executed = partial(execute, workers=1, engine=Engine(name="inprocess"))
            return _cells(task, pending, place, console, executed, journal)


def _cells(
    task: Task,
    pending: Sequence[Planned],
    place: Place,
    console: Console,
    executed: Callable[..., Generator[Outcome, None, None]],
    journal: Journal,
) -> list[Failed]:
    """Runs the cells; those that failed. `executed` takes jobs and a listener."""
    plan = {planned.key: task.costs(planned.cell) for planned in pending}
    work = {key: max(sum(costs.values()), 1e-9) for key, costs in plan.items()}  # a floor may cost nothing
    order = sorted(pending, key=lambda planned: -work[planned.key])  # the longest must not come last
    jobs = [Job(planned.key, run_cell, (planned, place), work[planned.key]) for planned in order]
    ids = {planned.key: planned.cell.id for planned in pending}
    failures = []
    with (
        display("cells", plan, console) as listen,
        closing(executed(jobs, listen=heard_by(listen, journal.kind("cells")))) as outcomes,
    ):
        for outcome in outcomes:
            log = _log_path(place.folder, outcome.key)
            if isinstance(outcome, Failed):
                failures.append(outcome)
                write_atomic(log, f"{outcome.key}: {outcome.reason}\n\n{outcome.traceback}")
                record_failure(place.folder, ids[outcome.key], outcome.reason)
            else:
                clear_failure(place.folder, ids[outcome.key])
                log.unlink(missing_ok=True)
    return failures


def _log_path(folder: Path, key: str) -> Path:
    return folder / "logs" / f"{key.replace(' ', '-').replace('=', '')}.log"


def _keeping(name: str) -> Keeping:
    found = next((keep for keep in KEEPING if keep == name), None)
    if found is None:
        raise unknown("--keep", name, KEEPING)
    return found


def _engine(request: Request, device: str) -> Engine:
    """The executor; on a cluster each worker has a GPU of its own where the run is on GPUs."""
    gpus = 1.0 if request.gpus is None and device.startswith("cuda") else request.gpus
    return choose_engine(
        request.executor, request.address, gpus if request.executor == "ray" else request.gpus
    )


def worker_count(request: Request, device: str) -> int:
    """One process a core; one for a GPU, whose memory they would share."""
    if request.workers is not None:
        return request.workers
    return 1 if device.startswith("cuda") else usable_cores()


def _opening(plan: suites.Plan, pending: Sequence[Planned], folder: Path) -> str:
    done = len(plan.cells) - len(pending)
    kept = f", {done} of them finished before" if done else ""
    return f"[bold]{plan.suite}[/] ({plan.preset}): {len(plan.cells)} cells{kept} -> {escape(str(folder))}"


def _closing(folder: Path, failures: Sequence[Failed]) -> str:
    if failures:
        count = f"{len(failures)} cell{'s' if len(failures) > 1 else ''} failed"
        return f"[red]{count}[/], see {escape(str(folder / 'logs'))}; the same command tries them again"
    return escape(f"next: bench publish {folder} -o site, then open site/index.html")


def numbers(text: str | None) -> tuple[int, ...]:
    """Seeds of a comma-separated list.

    >>> numbers("0, 2")
    (0, 2)
    """
    try:
        return tuple(int(word) for word in words(text))
    except ValueError as error:
        raise UserError(
            f"--seeds {text}: write whole numbers with commas between them, such as 0,1,2"
        ) from error


def words(text: str | None) -> tuple[str, ...]:
    """Names of a comma-separated list."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
