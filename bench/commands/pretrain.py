"""`bench pretrain`: the backbone and the evaluators, from the public identities of the embedded corpus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast, get_args

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from privtalk.bench.environment import usable_cores
from privtalk.core.errors import UserError, unknown
from privtalk.core.locks import sole_writer

READER = "mouth_reader"
PURIFIER = "purifier"
EVALUATORS = "evaluators"
GOES_ON = ("denoiser", "all")
"""The parts that can go on from other weights."""


def pretrain(
    part: str, out: Path, *, size: int, people: int | None, workers: int | None, start: Path | None = None
) -> None:
    """Trains, or goes on with it, and writes weights and manifest to `out`."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder with -o")
    if part not in parts():
        raise unknown("part", part, parts())
    if start is not None and part not in GOES_ON:
        raise UserError(f"--from is where the denoiser goes on, {part} does not; leave it out")
    with sole_writer(out, "bench pretrain"):
        _pretrain(part, out, size, people, workers or usable_cores(), start)


def parts() -> tuple[str, ...]:
    """Everything that can be trained."""
    from privtalk.bench.pretraining.backbone import Stage
    from privtalk.bench.pretraining.evaluators import FITS

    return (*get_args(Stage), READER, PURIFIER, EVALUATORS, *FITS)


def _pretrain(part: str, out: Path, size: int, people: int | None, workers: int, start: Path | None) -> None:
    from privtalk.bench.pretraining.backbone import Pool, Stage, pretrain
    from privtalk.bench.pretraining.evaluators import FITS, fit_evaluators
    from privtalk.bench.pretraining.mouth_reader import fit_mouth_reader
    from privtalk.bench.pretraining.purifier import pretrain_purifier
    from privtalk.methods.backbone.config import BackboneConfig

    pool = Pool(size=size) if people is None else Pool(size=size, people=people)
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[loss]}"), console=Console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int, loss: float | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, loss="")
            shown = "" if loss is None else f"loss {loss:.4f}"
            bar.update(tasks[stage], completed=done, total=total, loss=shown)

        if part == READER:
            found = fit_mouth_reader(out, pool, None, workers, tell)
            Console().print(f"correlation on held-out people: {found.correlation:.3f}", highlight=False)
            return
        if part == PURIFIER:
            made = pretrain_purifier(out, None, pool, workers, tell)
            Console().print_json(json.dumps(made.validation))
            return
        if part == EVALUATORS or part in FITS:
            only = () if part == EVALUATORS else (part,)
            results = fit_evaluators(out, None, only, workers, tell)
            Console().print_json(json.dumps(results))
            return
        config = BackboneConfig(size=size)
        manifest = pretrain(out, cast(Stage, part), config, None, pool, workers, tell, start)
    console = Console()
    if manifest is None:
        console.print(
            f"{part} is trained; write the weights with: bench pretrain all -o {out}", soft_wrap=True
        )
        return
    for name, value in manifest.validation.items():
        console.print(f"{name}: {value:.3f}", highlight=False)
    console.print(f"wrote {out}; use it with: bench run ... --set backbone={out}", soft_wrap=True)
