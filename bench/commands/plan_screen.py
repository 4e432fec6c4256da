"""The forecast of a run on one screen."""

from __future__ import annotations

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from privtalk.bench.commands.run import look_twice
from privtalk.bench.planning.forecast import ForecastGuarantee, RunForecast
from privtalk.bench.planning.gpus import find_gpu
from privtalk.leaderboards.escaping import visible

ADVERSARIES = {"outsider": "outsider", "secure_aggregation": "behind secure sums", "server": "server"}


def show(found: RunForecast, console: Console) -> None:
    """Prints a forecast: what it takes, what it guarantees, what it can show, and what to look at twice."""
    table = Table.grid(padding=(0, 2))
    for name, text in lines(found):
        table.add_row(Text(name, "bold"), Text(visible(text)))
    console.print(Text(f"{found.suite} ({found.preset}) -> {visible(found.folder)}", "bold"))
    console.print(table)
    if any(one.epsilons for one in found.forecast.guarantees):
        console.print(_guarantees(found))
    console.print(*(_unguaranteed(one) for one in found.forecast.guarantees if not one.epsilons), sep="\n")
    if found.forecast.resolutions:
        console.print(Text("smallest that can be shown", "bold"))
        console.print(*_resolutions(found), sep="\n")
    look_twice(console, found.look_twice)
    for assumed in found.forecast.assumptions:
        console.print(Text(f"assumed: {visible(assumed)}", "dim"))


def lines(found: RunForecast) -> Iterator[tuple[str, str]]:
    """Yields what a run takes, as a name and a figure in words."""
    forecast = found.forecast
    kept = f", {found.finished} finished before" if found.finished else ""
    yield "cells", f"{len(forecast.cells)}{kept}"
    if found.updates:
        yield "client updates", f"{found.updates:,}"
    if found.flops:
        yield "operations", f"{found.flops:.2g}{_shares(found)}"
    if found.memory_mib is not None:
        free = "" if found.memory_free_mib is None else f", {size(found.memory_free_mib * 2**20)} are free"
        yield "memory of a worker", f"{size(found.memory_mib * 2**20)} at most{free}"
    on_disk = (
        f"{size(forecast.cache_bytes)} to make in the cache, {size(forecast.run_bytes)} in the run's folder"
    )
    if forecast.cache_bytes or forecast.run_bytes:
        free = "" if found.disk_free_bytes is None else f", {size(found.disk_free_bytes)} are free"
        yield "disk", on_disk + free
    workers = f"{found.workers} worker{'s' if found.workers > 1 else ''}"
    yield "time here", f"{duration(3600 * found.hours)} with {workers} on {found.device}"
    if found.gpu and found.gpu_hours is not None:
        gpu = find_gpu(found.gpu)
        yield (
            f"time on {gpu.name}",
            f"{duration(3600 * found.gpu_hours)}, at {100 * gpu.utilisation:g} % of its "
            f"{gpu.teraflops[gpu.precision]:g} TFLOP/s in {gpu.precision}; the rest as on a core here",
        )
    for work in forecast.shared:
        if work.files:
            yield work.title, f"{work.files} files to make, {duration(work.seconds)} of one core"


def size(count: float) -> str:
    """Returns bytes in words.

    >>> size(3 * 2**30), size(2**20), size(5)
    ('3.0 GiB', '1 MiB', '0 MiB')
    """
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def duration(seconds: float) -> str:
    """Returns seconds in words, no finer than they are known.

    >>> duration(42.3), duration(400.0), duration(7200.0), duration(400_000.0)
    ('42 s', '6.7 min', '2.0 h', '4.6 days')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def _shares(found: RunForecast) -> str:
    """The stages of most operations, in words."""
    by_stage: dict[str, float] = {}
    for cell in found.forecast.cells:
        for stage, count in cell.flops.items():
            by_stage[stage] = by_stage.get(stage, 0.0) + count
    for work in found.forecast.shared:
        by_stage[work.title] = by_stage.get(work.title, 0.0) + work.flops
    largest = sorted(by_stage.items(), key=lambda item: -item[1])
    said = [f"{stage} {100 * count / found.flops:.0f} %" for stage, count in largest if count > 0]
    return f": {', '.join(said)}" if said else ""


def _guarantees(found: RunForecast) -> Table:
    names = (f"ε, {name}" for name in ADVERSARIES.values())
    table = Table("guarantee", *names, "δ", "noise", box=SIMPLE_HEAD)
    for one in found.forecast.guarantees:
        if one.epsilons:
            table.add_row(*(Text(visible(text)) for text in _guaranteed(one)))
    return table


def _unguaranteed(one: ForecastGuarantee) -> Text:
    return Text(f"{visible(one.rows)}: no guarantee, {visible(one.reason or '')}")


def _guaranteed(one: ForecastGuarantee) -> list[str]:
    figures = [one.epsilons.get(name) for name in ADVERSARIES]
    return [
        one.rows,
        *("none" if value is None else f"{value:.3g}" for value in figures),
        "" if one.delta is None else f"{one.delta:.2g}",
        "" if one.noise_multiplier is None else f"{one.noise_multiplier:.3g} x clip",
    ]


def _resolutions(found: RunForecast) -> Iterator[Text]:
    """One line for the figures that rest on the same."""
    by_ground: dict[str, list[str]] = {}
    for one in found.forecast.resolutions:
        by_ground.setdefault(one.rests_on, []).append(f"{one.figure} {one.least:g} {one.unit}".strip())
    for ground, figures in by_ground.items():
        yield Text(f"{', '.join(figures)} ({visible(ground)})")
