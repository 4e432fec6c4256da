"""`bench weights`: the files of published networks."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from privtalk.core.errors import UserError
from privtalk.metrics import weights as store
from privtalk.metrics.weights import CATALOGUE, InstalledWeights, Weights, WeightsError


def show() -> None:
    """Prints the catalogue and what is installed."""
    table = Table("weights", "for", "licence", "size", "sha256")
    table.add_column("from", overflow="fold")
    table.add_column("installed", overflow="fold")
    for entry in CATALOGUE.values():
        table.add_row(
            entry.name,
            ", ".join(f"{metric}[{entry.evaluator}]" for metric in entry.metrics) or "data prepare",
            entry.licence,
            _megabytes(entry.size),
            (entry.sha256 or "any")[:12],
            entry.homepage.removeprefix("https://"),
            _whereabouts(entry),
        )
    console = Console()
    console.print(table, markup=False)
    console.print(f"folder: {store.folder()}", soft_wrap=True, highlight=False, markup=False)


def fetch(names: list[str], accept: bool) -> None:
    """Downloads weights; says licences first and asks about those that do not allow every use."""
    entries = [store.weights(name) for name in names]
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    for entry in entries:
        console.print(f"{entry.name}: licence {entry.licence}; {entry.homepage}", markup=False)
        if entry.fetchable and not entry.commercial and not accept:
            _ask(entry)
    done: set[str] = set()
    for entry in entries:
        if entry.name not in done:
            done |= {one.note.name for one in _fetch(entry, console)}


def verify(names: list[str]) -> int:
    """Prints one line for each of the named weights, or of all installed ones; the exit code."""
    wrong = 0
    for name in names or [entry.name for entry in CATALOGUE.values() if _state(entry) != "no"]:
        try:
            found = store.verify(name)
        except WeightsError as error:
            wrong += 1
            _tell(f"{name}: {error}")
        else:
            _tell(f"{name}: whole, sha256 {found.note.sha256[:12]}..., from {found.note.origin}")
    return 2 if wrong else 0


def add(name: str, file: Path) -> None:
    """Installs a local file."""
    _told(store.add(name, file))


def _ask(entry: Weights) -> None:
    """Returns where the user agrees; a `UserError` otherwise."""
    if not sys.stdin.isatty():
        raise UserError(f"{entry.name}: {entry.licence}; add --accept-licence to agree to its licence")
    if not typer.confirm(f"Fetch {entry.name} under this licence?", err=True):
        raise UserError(f"{entry.name}: not fetched, its licence was not accepted")


def _fetch(entry: Weights, console: Console) -> tuple[InstalledWeights, ...]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(entry.name, total=entry.archive.size if entry.archive else entry.size)

        def advance(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        found = store.fetch(entry.name, accept=True, progress=advance)
    for one in found:
        _told(one)
    return found


def _told(found: InstalledWeights) -> None:
    note = found.note
    _tell(f"{note.name}: installed, {_megabytes(note.size)}, sha256 {note.sha256[:12]}..., {found.path}")


def _tell(line: str) -> None:
    Console(soft_wrap=True, highlight=False).print(line, markup=False)


def _state(entry: Weights) -> str:
    """`no`, `damaged`, or `yes` and from where; by size alone, `bench weights verify` hashes."""
    try:
        found = store.installed(entry.name)
    except WeightsError:
        return "damaged"
    return "no" if found is None else f"yes: {found.note.origin}"


def _whereabouts(entry: Weights) -> str:
    """The state, and the package that holds what is not installed."""
    state = _state(entry)
    try:
        held = store.packaged(entry.name) if state == "no" else None
    except WeightsError:
        return "damaged"
    return state if held is None else f"no, in {held.note.origin}"


def _megabytes(size: int | None) -> str:
    """
    >>> _megabytes(244_408_911)
    '244.4 MB'
    """
    return "?" if size is None else f"{size / 1e6:.1f} MB"
