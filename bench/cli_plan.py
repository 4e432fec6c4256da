"""The command `bench plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plan(
    suite: Annotated[
        str, typer.Option("--suite", "-s", help="Which suite (see: bench list suites), or a YAML file.")
    ],
    preset: Annotated[
        str, typer.Option("--preset", "-p", help="Its size, such as smoke (see: bench list suites).")
    ] = "small",
    corpus: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder made by `bench data prepare`, or FILE.py:NAME of your own [default: the embedded corpus].",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder that the run will write [default: runs/SUITE-PRESET]."),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Only these seeds, such as 0,1,2.")] = None,
    rows: Annotated[
        str | None,
        typer.Option("--rows", "--methods", help="Only these rows or methods, such as fedavg,privfedtalk."),
    ] = None,
    tiers: Annotated[
        str | None, typer.Option(help="Privacy tiers in place of the suite's, such as none,eps=1.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change a setting; of a key's several the last holds."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes [default: one a core; one with CUDA].")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda: what a step is measured on.")] = "auto",
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Bound on the memory of all processes together, such as 8GiB."),
    ] = None,
    gpu: Annotated[
        str | None, typer.Option(metavar="NAME", help="Also hours on this GPU, such as a100-80 or rtx-4090.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON instead.")] = False,
) -> None:
    """Say what a run will take, guarantee and be able to show, and fail on what would fail later; nothing is run."""
    from privtalk.bench.commands import plan as command
    from privtalk.bench.commands import run as running

    request = running.Request(
        suite=suite,
        preset=preset,
        corpus=corpus,
        out=out,
        seeds=running.numbers(seeds),
        rows=running.words(rows),
        tiers=running.words(tiers),
        changes=tuple(change or ()),
        workers=workers,
        device=device,
        memory=memory,
    )
    raise typer.Exit(command.plan(request, gpu, json))
