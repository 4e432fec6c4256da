"""`bench run`: a suite from an empty folder, or from wherever it was left, to its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from privtalk.bench import suites
from privtalk.bench.commands import boards
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.population import Population
from privtalk.bench.environment import usable_cores
from privtalk.bench.execution import Failed, Task, execute
from privtalk.bench.progress import display
from privtalk.bench.runner import Place, costs, run_cell
from privtalk.bench.tasks.talking_head import preflight
from privtalk.bench.tasks.talking_head.networks import Network, choose_device, find_network
from privtalk.bench.tasks.talking_head.settings import Planned
from privtalk.bench.tasks.talking_head.stages.prepare import make_features, make_footage, make_worlds
from privtalk.core.errors import UserError
from privtalk.core.files import write_atomic
from privtalk.core.locks import sole_writer
from privtalk.core.records import RunStore
from privtalk.core.run_folder import (
    PlannedRow,
    RunPlan,
    clear_failure,
    read_plan,
    record_failure,
    with_rows,
    write_plan,
)
from privtalk.metrics.evaluators.bundle import fingerprint

OK, FAILED = 0, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for."""

    suite: str
    preset: str = "small"
    corpus: Path | None = None
    out: Path | None = None
    seeds: tuple[int, ...] = ()
    methods: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    workers: int | None = None
    device: str = "auto"


def run(request: Request, console: Console | None = None) -> int:
    """Exit code: 0, or 2 where a cell failed. Errors of the request are raised before anything is written."""
    console = console or Console(stderr=True)
    network, plan = prepare(request)
    folder, workers = request.out or default_folder(request), _workers(request, network)
    population = open_population(plan.settings.corpus, request.corpus)
    store = RunStore(folder)
    preflight.check(_pending(plan, store), network, population, workers)
    claimable(folder)
    with sole_writer(folder, "bench run"):
        claim(folder, plan)
        pending = _pending(plan, store)
        console.print(_opening(plan, pending, folder), highlight=False, soft_wrap=True)
        for remark in preflight.remarks(pending):
            console.print(f"[yellow]{escape(remark)}[/]", highlight=False, soft_wrap=True)
        failures = _run(pending, population, Place(folder, network, request.corpus), workers, console)
    if any(store.has(planned.cell.id) for planned in plan.cells):
        boards.show([folder])
    console.print(_closing(folder, failures), highlight=False, soft_wrap=True)
    return FAILED if failures else OK


def _pending(plan: suites.Plan, store: RunStore) -> list[Planned]:
    return [planned for planned in plan.cells if not store.has(planned.cell.id)]


def prepare(request: Request) -> tuple[Network, suites.Plan]:
    """Checks the whole request: the network it runs on and its cells."""
    suite = suites.load(request.suite)
    name, changes = split_backbone(request.changes)
    network = find_network(name, choose_device(request.device))
    fixed: dict[str, Any] = {
        "backbone": network.spec.model_dump(),
        "evaluation": {"evaluators": fingerprint(embedded=request.corpus is None)},
    }
    small = network.folder is None or request.corpus is not None
    expand = partial(
        suites.expand,
        suite,
        request.preset,
        seeds=request.seeds,
        methods=request.methods,
        tiers=request.tiers,
        changes=changes,
        given={"corpus": {"size": network.size}} if small else {},
    )
    plan = expand(fixed=fixed)
    if request.corpus is not None:
        from privtalk.bench.corpus.opening import recorded_settings

        plan = expand(fixed=fixed | {"corpus": recorded_settings(request.corpus, plan.settings.corpus)})
    if plan.settings.corpus.size != network.size:
        raise UserError(
            f"corpus.size is {plan.settings.corpus.size}, the backbone takes {network.size} pixels; make one with: "
            f"bench pretrain --size {plan.settings.corpus.size} -o weights, and add --set backbone=weights"
        )
    return network, plan


def split_backbone(changes: Sequence[str]) -> tuple[str, list[str]]:
    """The network that `--set backbone=NAME` names, and the other changes."""
    named = [change.partition("=")[2] for change in changes if change.startswith("backbone=")]
    return (named[-1] if named else "embedded"), [c for c in changes if not c.startswith("backbone=")]


def default_folder(request: Request) -> Path:
    """runs/SUITE-PRESET, with the corpus's name where it is not the embedded one."""
    parts = [request.suite, request.preset, *([request.corpus.resolve().name] if request.corpus else [])]
    return Path("runs") / "-".join(parts)


def claimable(folder: Path) -> None:
    """Raises where no folder can be."""
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; name a folder with -o")


def claim(folder: Path, plan: suites.Plan) -> None:
    """A run folder belongs to one configuration; seeds and rows may be added to it, other settings may not."""
    mine = RunPlan(
        suite=plan.suite,
        preset=plan.preset,
        settings=plan.settings.model_dump(mode="json"),
        planned=tuple(_row(planned) for planned in plan.cells),
    )
    theirs = read_plan(folder)
    if theirs is None:
        write_plan(folder, mine)
        return
    old, new = (held.model_dump(mode="json", exclude={"planned"}) for held in (theirs, mine))
    if changed := _differences(old, new):
        raise UserError(
            f"{folder} holds another configuration ({'; '.join(changed[:3])}); name another folder with -o"
        )
    if (merged := with_rows(theirs, mine.planned)) != theirs:
        write_plan(folder, merged)


def _row(planned: Planned) -> PlannedRow:
    cell = planned.cell
    return PlannedRow(cell_id=cell.id, row=planned.row, method=cell.method, tier=cell.tier, seed=cell.seed)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[str]:
    """`key: old -> new` for every leaf that differs."""
    found = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            found += _differences(before, after, f"{prefix}{key}.")
        elif before != after:
            found.append(f"{prefix.removeprefix('settings.')}{key}: {before} -> {after}")
    return found


def _run(
    pending: Sequence[Planned], population: Population, place: Place, workers: int, console: Console
) -> list[Failed]:
    """Makes what the cells need, then the cells; those that failed."""
    if not pending:
        return []
    make_footage(population, workers, console)
    masked = any(planned.cell.evaluation.track == "inpaint" for planned in pending)
    make_features(population, place.network, masked, workers, console)
    make_worlds((p.cell for p in pending), place.network, place.corpus, workers, console)
    plan = {planned.key: costs(planned.cell) for planned in pending}
    order = sorted(
        pending, key=lambda planned: -sum(plan[planned.key].values())
    )  # the longest must not come last
    tasks = [Task(planned.key, run_cell, (planned, place)) for planned in order]
    ids = {planned.key: planned.cell.id for planned in pending}
    failures = []
    with display("cells", plan, console) as listen, closing(execute(tasks, workers, listen)) as outcomes:
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


def _workers(request: Request, network: Network) -> int:
    """One process a core; one for a GPU, whose memory they would share."""
    if request.workers is not None:
        return request.workers
    return 1 if network.device.startswith("cuda") else usable_cores()


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
