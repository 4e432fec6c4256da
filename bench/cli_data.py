"""The commands `bench data`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from privtalk.core.errors import UserError

data = typer.Typer(no_args_is_help=True, help="Prepare real videos; build the embedded corpus.")


@data.command("prepare")
def data_prepare(
    source: Annotated[
        Path,
        typer.Argument(metavar="SRC", help="Folder of videos, one folder an identity, or of a data set."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the prepared corpus.")],
    size: Annotated[int, typer.Option(help="Pixels a side: 64, 128 or 256.")] = 64,
    seconds: Annotated[float, typer.Option(help="Length that segments come close to.")] = 3.0,
    min_seconds: Annotated[float, typer.Option(help="Least length of a segment.")] = 2.0,
    detector: Annotated[
        Path | None,
        typer.Option(help="Face detector: dlib, dlib-cnn, or ONNX weights (YuNet, SCRFD)."),
    ] = None,
    landmarks: Annotated[
        Path | None, typer.Option(help="68 points: dlib, or ONNX weights of a network such as PFLD.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [default: one a core].")] = None,
    public: Annotated[
        int | None,
        typer.Option(min=0, help="People for `bench pretrain --corpus` [default: half where there are 12]."),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="Data set's layout. Films: folders, grid, hdtf, lrs3, mead, ravdess, voxceleb2, or FILE.py:NAME. "
            "Moving faces: beat, biwi, 3d_etf, faceformer, vocaset [default: folders]."
        ),
    ] = None,
) -> None:
    """Turn a folder of videos, or a data set of moving faces, into clips for `bench run --corpus`."""
    from privtalk.bench.commands import data as command

    if command.is_of_meshes(layout):
        assert layout is not None
        if detector is not None or landmarks is not None or public is not None:
            raise UserError(
                f"layout {layout} is of faces that move already; leave --detector, --landmarks and --public out"
            )
        raise typer.Exit(command.prepare_faces(source, out, layout))
    raise typer.Exit(
        command.prepare(
            source,
            out,
            size=size,
            seconds=seconds,
            min_seconds=min_seconds,
            detector=detector,
            landmarks=landmarks,
            workers=workers,
            layout=layout,
            public=public,
        )
    )


@data.command("build")
def data_build(
    suite: Annotated[str, typer.Option("--suite", "-s", help="Whose corpus.")] = "privacy_utility",
    preset: Annotated[str, typer.Option("--preset", "-p", help="At which size.")] = "small",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes [default: one a core].")] = None,
) -> None:
    """Film a suite's embedded corpus into the cache, as `bench run` does when it is not there."""
    from privtalk.bench.commands import data as command

    command.build(suite, preset, workers)
