"""`bench validate-metrics`: do the metrics measure what they say, on people that nothing was fitted on?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from privtalk.bench.environment import usable_cores
from privtalk.bench.execution import Job
from privtalk.bench.progress import display
from privtalk.core.errors import UserError
from privtalk.leaderboards.board import build as board
from privtalk.leaderboards.board import loading
from privtalk.leaderboards.board.validation import FOLDER
from privtalk.leaderboards.validation import footage, page, work
from privtalk.leaderboards.validation.checks import BarCheck, exit_code
from privtalk.leaderboards.validation.floors import Floor, of_run
from privtalk.metrics.evaluators.bundle import fingerprint

COLOURS = {"pass": "green", "fail": "red", "not done": "yellow"}


def validate_metrics(run: Path | None, out: Path | None, people: int, workers: int | None) -> int:
    """Writes the report; 0 where every bar that was checked holds, else 1."""
    if people < footage.LEAST:
        raise UserError(f"--people {people}: at least {footage.LEAST}; fewer say nothing")
    target = out or (run / FOLDER if run is not None else Path(FOLDER))
    page.writable(target)
    rows = run_floors(run) if run is not None else None
    scene = work.ValidationSetting(footage=footage.ValidationFootage(people=people))
    measured = measure(scene, workers or usable_cores())
    checks = work.checks(measured)
    written = page.write(
        target,
        measured,
        checks,
        measured.floors if rows is None else rows,
        fingerprint(embedded=True),
        page.facts(scene.footage, run),
    )
    _tell(checks, written)
    return exit_code(checks)


def run_floors(run: Path) -> dict[str, Floor]:
    """Noise floors of a run folder's rows; of several boards the first that has them."""
    if not run.is_dir():
        raise UserError(f"{run}: no such folder; name one that `bench run` wrote")
    runs = loading.load([run])
    found = (of_run(records, runs.samples) for records in board.group(runs.records).values())
    floors = next((own for own in found if own), None)
    if floors is None:
        raise UserError(f"{run}: no two methods at one tier to take noise floors from; leave the folder out")
    return floors


def measure(scene: work.ValidationSetting, workers: int, console: Console | None = None) -> work.Measured:
    """Films what is missing, then everything else, in parallel."""
    missing = scene.footage.missing()
    films = {task.key: {"filming": cost} for task, cost in missing}
    _run("filming", [task for task, _ in missing], films, workers, console)
    jobs = work.jobs(scene)
    plan = {job.task.key: job.costs for job in jobs}
    return work.conclude(scene, _run("validating", [job.task for job in jobs], plan, workers, console))


def _run(
    title: str,
    tasks: Sequence[Job],
    plan: Mapping[str, Mapping[str, float]],
    workers: int,
    console: Console | None,
) -> dict[str, object]:
    if not tasks:
        return {}
    with display(title, plan, console) as listen:
        return work.run(tasks, workers, listen)


def _tell(checks: Iterable[BarCheck], written: Path) -> None:
    console = Console(highlight=False)
    table = Table("", "check", "measured", box=None, pad_edge=False)
    for check in checks:
        told = escape(check.measured or check.reason)
        table.add_row(f"[{COLOURS[check.verdict]}]{check.verdict}[/]", escape(check.name), told)
    console.print(table)
    console.print(f"wrote {written}; open it in a browser", soft_wrap=True, markup=False)
