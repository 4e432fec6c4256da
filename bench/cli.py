"""The command `bench`. Torch is imported inside commands only, so that help is instant."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from privtalk.bench import cli_options as options
from privtalk.bench.cli_again import attack, rescore
from privtalk.bench.cli_boards import compare, publish, show
from privtalk.bench.cli_data import data
from privtalk.bench.cli_plan import plan
from privtalk.bench.cli_pretrain import pretrain
from privtalk.bench.cli_weights import weights
from privtalk.bench.pipes import forgiving
from privtalk.core.errors import WorkFailed

DEBUG = "PRIVTALK_DEBUG"
"""Environment variable: show tracebacks of errors that are normally told in one line."""

USAGE_ERROR: type[Exception] = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""The error of click, or of the copy of it that newer versions of Typer carry."""

INTERRUPTED = 130
MISTAKE = 2

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Benchmark privacy and utility of federated, personalised talking-head generation.",
)
app.add_typer(data, name="data")
app.add_typer(weights, name="weights")


@app.command()
def run(
    suite: options.Suite,
    preset: options.Preset = "small",
    corpus: options.Corpus = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for records and clips [default: runs/SUITE-PRESET]."),
    ] = None,
    seeds: options.Seeds = None,
    rows: options.Rows = None,
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE.py:NAME", help="Add a method of your own, or one by its name."),
    ] = None,
    attack: Annotated[
        list[str] | None, typer.Option(metavar="FILE.py:NAME", help="Add an attack of your own.")
    ] = None,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="FILE.py:NAME", help="Add a metric of your own.")
    ] = None,
    task: Annotated[
        list[str] | None, typer.Option(metavar="FILE.py:NAME", help="Add a task of your own, for --suite.")
    ] = None,
    tiers: options.Tiers = None,
    change: options.Changes = None,
    workers: options.Workers = None,
    device: options.Device = "auto",
    executor: Annotated[
        str, typer.Option(help="auto, inprocess, processes, or ray (the extra `cluster`).")
    ] = "auto",
    address: Annotated[
        str | None, typer.Option(help="Ray cluster that runs already [default: one on this machine].")
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="GPUs of each worker of ray; below 1 its memory is capped [default: 1 with CUDA]."
        ),
    ] = None,
    stack_workers: Annotated[
        int,
        typer.Option(
            min=0, help="Workers inside a cell, for the clients of a round; cells are then run one at a time."
        ),
    ] = 0,
    keep: Annotated[
        str,
        typer.Option(
            help="nothing; adapters, for bench rescore; transcripts, for bench attack: messages, which are secrets."
        ),
    ] = "nothing",
    memory: options.Memory = None,
) -> None:
    """Run a suite, or go on with it: finished cells are kept, half-trained ones continue at their last round."""
    from privtalk.bench.commands import run as command

    raise typer.Exit(
        command.run(
            command.Request(
                suite=suite,
                preset=preset,
                corpus=corpus,
                out=out,
                seeds=command.numbers(seeds),
                rows=command.words(rows),
                brought=command.brought(task=task, method=method, attack=attack, metric=metric),
                tiers=command.words(tiers),
                changes=tuple(change or ()),
                workers=workers,
                device=device,
                executor=executor,
                address=address,
                gpus=gpus,
                stack_workers=stack_workers,
                keep=keep,
                memory=memory,
            )
        )
    )


for further in (plan, show, publish, compare, rescore, attack, pretrain):
    app.command()(further)


@app.command("list")
def list_(
    kind: Annotated[
        str,
        typer.Argument(
            help="tasks, suites, methods, attacks, metrics, protections, attackers, corpora, weights."
        ),
    ],
    markdown: Annotated[
        Path | None, typer.Option(help="Write a table of all that is declared; - for standard output.")
    ] = None,
) -> None:
    """List what there is to run, to attack with and to score with."""
    from privtalk.bench.commands import listing

    listing.show(kind, markdown)


@app.command("validate-metrics")
def validate_metrics(
    run: Annotated[
        Path | None, typer.Argument(help="Folder written by `bench run`, whose rows give the noise floors.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the report [default: RUN/validation, or ./validation]."),
    ] = None,
    people: Annotated[int, typer.Option(min=16, help="Held-out people who speak; twice as many pose.")] = 64,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [default: one a core].")] = None,
) -> None:
    """Show on unseen people how far the metrics can be trusted. Exit 0: no bar is missed; 1: one is."""
    from privtalk.bench.commands import validate_metrics as command

    raise typer.Exit(command.validate_metrics(run, out, people, workers))


@app.command()
def suites() -> None:
    """List the suites and their presets, as `bench list suites` does."""
    from privtalk.bench.commands import listing

    listing.show("suites")


@app.command()
def protect(
    photo: Annotated[Path, typer.Argument(help="A photo that shows one face.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG file of the protected photo.")],
    method: Annotated[str, typer.Option(help="Which protection (see: bench list protections).")] = "silencer",
    budget: Annotated[int, typer.Option(min=1, max=255, help="Largest change of a colour, of 255.")] = 8,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder with a face detector and a landmark network [default: bench weights'].",
        ),
    ] = None,
    iterations: Annotated[int, typer.Option(min=0, help="Steps of descent.")] = 100,
    board: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="A run of protections: say which attackers undo it there."),
    ] = None,
) -> None:
    """Perturb the face in a photo so that it is harder to make it speak; says what that is worth."""
    from privtalk.bench.commands import protect as command

    command.protect(
        photo, out, method=method, budget=budget, weights=weights, iterations=iterations, board=board
    )


@app.command()
def privacy(
    clients: Annotated[int, typer.Option(min=2, help="How many there are.")],
    rate: Annotated[float, typer.Option(help="Chance of a client to take part in a round.")],
    rounds: Annotated[int, typer.Option(min=1, help="How many are played.")],
    noise: Annotated[
        float | None, typer.Option(help="Noise multiplier: standard deviation over the clip.")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Find the least noise that keeps the outsider's ε at this.")
    ] = None,
    delta: Annotated[float | None, typer.Option(help="δ [default: clients^-1.1].")] = None,
    dim: Annotated[int | None, typer.Option(help="Numbers in an adapter [default: several sizes].")] = None,
    clip: Annotated[float, typer.Option(help="Bound on the norm of an update.")] = 1.0,
    honest: Annotated[
        int | None, typer.Option(help="Clients of a cohort that do not collude [default: half].")
    ] = None,
    sampling: Annotated[str, typer.Option(help="poisson, or fixed: cohorts of one size.")] = "poisson",
    plot: Annotated[Path | None, typer.Option(help="SVG file for the curve of ε over rounds.")] = None,
) -> None:
    """Print what a setting guarantees against three adversaries, and what it costs, without training anything."""
    from privtalk.bench.commands import privacy as command

    command.privacy(
        command.Request(
            clients=clients,
            rate=rate,
            rounds=rounds,
            noise=noise,
            epsilon=epsilon,
            delta=delta,
            dim=dim,
            clip=clip,
            honest=honest,
            sampling=sampling,
        ),
        plot,
    )


@app.command()
def audit(
    suite: Annotated[str, typer.Option("--suite", "-s", help="Whose mechanisms (see: bench suites).")],
    preset: Annotated[str, typer.Option("--preset", "-p", help="At which size.")] = "small",
    change: options.Changes = None,
    rounds: Annotated[int, typer.Option(min=100, help="Rounds with the canary, and as many without.")] = 2000,
    dim: Annotated[int, typer.Option(min=1, help="Numbers in a simulated update.")] = 4,
    crowd: Annotated[int, typer.Option(min=1, help="Clients of a round beside the worst-case one.")] = 3,
    confidence: Annotated[float, typer.Option(help="Of each certified bound.")] = 0.999,
    seed: Annotated[int, typer.Option(help="Of the simulation.")] = 0,
) -> None:
    """Simulate rounds with and without a worst-case client and measure what they leak, without training anything.

    Prints, for each private mechanism of the preset, the accountant's ε of one round beside certified lower bounds and
    labelled estimates. Exit 0: no bound exceeds the account; 1: one does, so that one of the two has a bug.
    """
    from privtalk.bench.commands import audit as command

    raise typer.Exit(
        command.run(
            command.Request(
                suite=suite,
                preset=preset,
                changes=tuple(change or ()),
                rounds=rounds,
                dim=dim,
                confidence=confidence,
                seed=seed,
                crowd=crowd,
            )
        )
    )


def main() -> None:
    """Entry point: a user's mistake is one line and exit 2; Ctrl-C says how to go on and exits 130."""
    with redirect_stdout(forgiving(sys.stdout)), redirect_stderr(forgiving(sys.stderr)):
        code = guarded(sys.argv[1:])
        if code == INTERRUPTED:
            _tell("interrupted; what is finished is kept: the same command goes on from there")
    sys.exit(code)


def guarded(arguments: list[str]) -> int:
    """Exit code of a command line."""
    try:
        code = _invoked(arguments)
        sys.stdout.flush()  # while a full disk is still an error that can be told
        return code
    except USAGE_ERROR as error:
        error.show()  # type: ignore[attr-defined]
        return MISTAKE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except (ValueError, OSError, WorkFailed) as error:
        if os.environ.get(DEBUG):
            print(getattr(error, "details", ""), traceback.format_exc(), sep="\n", file=sys.stderr)
        _tell(next(iter(str(error).splitlines()), type(error).__name__))
        return MISTAKE


def _invoked(arguments: list[str]) -> int:
    try:
        code = app(arguments, standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Exit as done:
        return done.exit_code


def _tell(line: str) -> None:
    from privtalk.leaderboards.escaping import visible

    Console(stderr=True, soft_wrap=True).print(Text(visible(f"bench: {line}")))


if __name__ == "__main__":
    main()
