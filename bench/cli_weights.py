"""The commands `bench weights`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

weights = typer.Typer(no_args_is_help=True, help="Weights of the published networks that metrics can use.")


@weights.command("list")
def weights_list() -> None:
    """List the networks: licence, size, sha256, where from, and which are installed."""
    from privtalk.bench.commands import weights as command

    command.show()


@weights.command("fetch")
def weights_fetch(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Which (see: bench weights list).")],
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to licences that do not allow every use.")
    ] = False,
) -> None:
    """Download, check and install weights; an interrupted download is continued, never used."""
    from privtalk.bench.commands import weights as command

    command.fetch(names, accept)


@weights.command("verify")
def weights_verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Which [default: all installed].")
    ] = None,
) -> None:
    """Hash installed weights again. Exit 0: all are whole; 2: one is damaged or missing."""
    from privtalk.bench.commands import weights as command

    raise typer.Exit(command.verify(names or []))


@weights.command("add")
def weights_add(
    name: Annotated[str, typer.Argument(help="Which (see: bench weights list).")],
    file: Annotated[Path, typer.Argument(help="The file, or the archive that holds it.")],
) -> None:
    """Install weights from a local file, copied and checked."""
    from privtalk.bench.commands import weights as command

    command.add(name, file)
