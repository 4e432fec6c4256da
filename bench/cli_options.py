"""Options that several commands have, each said once."""

from __future__ import annotations

from typing import Annotated

import typer

Suite = Annotated[
    str, typer.Option("--suite", "-s", help="Which suite (see: bench list suites), or a YAML file.")
]
Preset = Annotated[
    str, typer.Option("--preset", "-p", help="Its size, such as smoke (see: bench list suites).")
]
Corpus = Annotated[
    str | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder made by `bench data prepare`, or FILE.py:NAME of your own [default: the embedded corpus].",
    ),
]
Seeds = Annotated[str | None, typer.Option(help="Only these seeds, such as 0,1,2.")]
Rows = Annotated[
    str | None,
    typer.Option("--rows", "--methods", help="Only these rows or methods, such as fedavg,privfedtalk."),
]
Tiers = Annotated[str | None, typer.Option(help="Privacy tiers in place of the suite's, such as none,eps=1.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; of a key's several the last holds."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Processes [default: one a core; one with CUDA].")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Memory = Annotated[
    str | None,
    typer.Option(metavar="SIZE", help="Bound on the memory of all processes together, such as 8GiB."),
]
