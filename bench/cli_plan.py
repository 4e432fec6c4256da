"""The command `bench plan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privtalk.bench import cli_options as options


def plan(
    suite: options.Suite,
    preset: options.Preset = "small",
    corpus: options.Corpus = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder that the run will write [default: runs/SUITE-PRESET]."),
    ] = None,
    seeds: options.Seeds = None,
    rows: options.Rows = None,
    tiers: options.Tiers = None,
    change: options.Changes = None,
    workers: options.Workers = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda: what a step is measured on.")] = "auto",
    memory: options.Memory = None,
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
