"""The command `bench pretrain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def pretrain(
    part: Annotated[
        str,
        typer.Argument(
            help="autoencoder, denoiser, all; evaluators, identity, sync, landmarks, features, mouth_reader; purifier."
        ),
    ] = "all",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for weights and manifest.")] = Path(
        "weights"
    ),
    size: Annotated[int, typer.Option(min=32, help="Pixels a side.")] = 64,
    preset: Annotated[
        str, typer.Option("--preset", "-p", help="tiny, base, paper, difftalk or privfedtalk.")
    ] = "base",
    corpus: Annotated[
        Path | None,
        typer.Option(help="Prepared folder whose public people it trains on [default: rendered people]."),
    ] = None,
    hold_back: Annotated[
        list[str] | None,
        typer.Option(help="Person of that folder to validate on; may be given often [default: an eighth]."),
    ] = None,
    guises: Annotated[
        int,
        typer.Option(
            min=1, max=64, help="Guises in which each of few people is shown: mirrored, recoloured."
        ),
    ] = 1,
    rehearse: Annotated[
        int, typer.Option(min=0, help="Rendered public people who are shown beside those of the corpus.")
    ] = 0,
    people: Annotated[
        int | None, typer.Option(min=2, help="Rendered public people [default: the recipe's].")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that film the corpus.")] = None,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Weights that the denoiser goes on from, or `embedded` [default: from nothing]."
        ),
    ] = None,
    autoencoder: Annotated[
        Path | None,
        typer.Option(help="Folder of a published AutoencoderKL or VQModel [default: our own is trained]."),
    ] = None,
    speech: Annotated[
        Path | None,
        typer.Option(help="Folder of wav2vec2, HuBERT, WavLM or Whisper to hear with [default: log-mel]."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="float32 or bfloat16 (autocast).")] = "float32",
    recompute: Annotated[
        bool,
        typer.Option(
            help="Compute activations again on the way back: a third less memory, a quarter more time."
        ),
    ] = False,
    memory: Annotated[
        str | None, typer.Option(metavar="SIZE", help="Bound on the memory of a process, such as 4GiB.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting, such as recipe.denoiser.steps=9000 or config.denoiser.heads=8."),
    ] = None,
) -> None:
    """Train the backbone on public people, rendered or of a prepared corpus, or the networks that metrics read with."""
    from privtalk.bench.commands import pretrain as command

    command.pretrain(
        command.PretrainRequest(
            part=part,
            out=out,
            size=size,
            preset=preset,
            people=people,
            workers=workers,
            start=start,
            corpus=corpus,
            held_back=tuple(hold_back or ()),
            guises=guises,
            rehearse=rehearse,
            autoencoder=autoencoder,
            speech=speech,
            device=device,
            precision=precision,
            recomputes=recompute,
            memory=memory,
            changes=tuple(changes or ()),
        )
    )
