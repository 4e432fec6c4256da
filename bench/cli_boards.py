"""`bench show`, `bench publish` and `bench compare`: what runs have found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def show(
    runs: Annotated[list[Path], typer.Argument(help="Folders written by `bench run`.")],
    whole: Annotated[
        bool, typer.Option("--all", help="Also each family of metrics, and every attack.")
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Write it as Markdown instead; - for standard output.")
    ] = None,
    summary: Annotated[
        Path | None,
        typer.Option(help="Write three small tables as Markdown instead, for a README."),
    ] = None,
) -> None:
    """Print the overview and the findings of runs, as `bench run` does at its end."""
    from privtalk.bench.commands import boards

    boards.show(runs, whole=whole, markdown=markdown, summary=summary)


def publish(
    runs: Annotated[list[Path], typer.Argument(help="Folders written by `bench run`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the site.")] = Path("site"),
) -> None:
    """Write the leaderboards as a static site."""
    from privtalk.bench.commands import boards

    boards.publish(runs, out)


def compare(
    base: Annotated[Path, typer.Argument(help="Run folder to compare with.")],
    new: Annotated[Path, typer.Argument(help="Run folder to judge.")],
    tolerances: Annotated[
        Path | None,
        typer.Option(
            help="YAML file, a line a metric: psnr: 0.2 in its unit, or fid: 5 % of the base value."
        ),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Write a job's summary; - for standard output.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML; - for standard output.")] = None,
    json: Annotated[
        Path | None, typer.Option(help="Write everything as JSON; - for standard output.")
    ] = None,
) -> None:
    """Compare two runs, paired.

    Exit 0: no regression; 1: regression; 2: records or rows missing or damaged on either side; 3: nothing comparable.
    """
    from privtalk.bench.commands import boards

    outputs = boards.Outputs(markdown=markdown, junit=junit, json=json)
    raise typer.Exit(boards.compare(base, new, tolerances, outputs))
