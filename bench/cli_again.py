"""`bench rescore` and `bench attack`: finished runs, without training again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from privtalk.bench import cli_options as options

Runs = Annotated[list[Path], typer.Argument(help="Folders written by `bench run --keep ...`.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Folder of the new records [default: RUN-rescored or RUN-attacked]."),
]
Corpus = Annotated[str | None, typer.Option(help="The corpus, as it was named to `bench run`.")]
Change = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="backbone=FOLDER", help="The backbone, as it was named to `bench run`."),
]
Brought = Annotated[list[str] | None, typer.Option(metavar="FILE.py:NAME", help="Add one of your own.")]


def rescore(
    runs: Runs,
    out: Out = None,
    metric: Brought = None,
    corpus: Corpus = None,
    change: Change = None,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> None:
    """Compute the metrics of finished runs again, new ones among them, from kept adapters; old records stay."""
    _start("metrics", runs, out, corpus, change, workers, device, metric=metric)


def attack(
    runs: Runs,
    out: Out = None,
    attack: Brought = None,
    corpus: Corpus = None,
    change: Change = None,
    workers: options.Workers = None,
    device: options.Device = "auto",
) -> None:
    """Attack finished runs again, with new attacks among them, from kept transcripts; old records stay."""
    _start("attacks", runs, out, corpus, change, workers, device, attack=attack)


def _start(
    anew: Literal["metrics", "attacks"],
    runs: list[Path],
    out: Path | None,
    corpus: str | None,
    change: list[str] | None,
    workers: int | None,
    device: str,
    **brought: list[str] | None,
) -> None:
    from privtalk.bench.commands import again, run

    request = again.Again(
        anew=anew,
        runs=tuple(runs),
        out=out,
        corpus=corpus,
        changes=tuple(change or ()),
        brought=run.brought(**brought),
        workers=workers,
        device=device,
    )
    raise typer.Exit(again.again(request))
