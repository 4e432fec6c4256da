"""`bench pretrain`: the backbone, from the embedded corpus or from people of a prepared one, and the evaluators."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from privtalk.bench.environment import usable_cores
from privtalk.core.errors import UserError, unknown
from privtalk.core.locks import sole_writer

if TYPE_CHECKING:
    from privtalk.bench.pretraining.pools import PublicPool, Tell
    from privtalk.methods.backbone.config import BackboneConfig
    from privtalk.methods.backbone.recipe import BackboneRecipe
    from privtalk.methods.backbone.weights import Manifest

Model = TypeVar("Model", bound=BaseModel)
READER = "mouth_reader"
PURIFIER = "purifier"
EVALUATORS = "evaluators"
REAL_STEPS = 500
"""Steps that the autoencoder goes on for on a prepared corpus: weights from rendered people have seen no skin."""

PICTURES = "pictures"
"""Folder of the pictures that are made while the backbone trains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainRequest:
    """The things that the user asks for."""

    part: str
    out: Path
    size: int
    preset: str = "base"
    people: int | None = None
    workers: int | None = None
    start: Path | None = None
    corpus: Path | None = None
    held_back: tuple[str, ...] = ()
    guises: int = 1
    rehearse: int = 0
    autoencoder: Path | None = None
    speech: Path | None = None
    device: str = "auto"
    precision: str = "float32"
    recomputes: bool = False
    memory: str | None = None
    changes: tuple[str, ...] = ()


def pretrain(request: PretrainRequest) -> None:
    """Trains, or goes on with it, and writes weights and manifest to the folder that is asked for."""
    from privtalk.bench.pretraining.ranks import processes

    if request.out.exists() and not request.out.is_dir():
        raise UserError(f"{request.out} is a file; name a folder with -o")
    if request.part not in parts():
        raise unknown("part", request.part, parts())
    _check(request)
    if processes().rank:
        _pretrain(request)
        return
    with sole_writer(request.out, "bench pretrain"):
        _pretrain(request)


def parts() -> tuple[str, ...]:
    """Everything that can be trained."""
    from privtalk.bench.pretraining.evaluators import FITS

    return (*_stages(), READER, PURIFIER, EVALUATORS, *FITS)


def _stages() -> tuple[str, ...]:
    from privtalk.bench.pretraining.backbone import Stage

    return get_args(Stage)


def _check(request: PretrainRequest) -> None:
    """Raises where options do not fit the part, or one another."""
    own = {
        "--from": request.start,
        "--corpus": request.corpus,
        "--autoencoder": request.autoencoder,
        "--speech": request.speech,
    }
    for option, path in own.items():
        if path is not None and request.part not in _stages():
            raise UserError(f"{option} is of the backbone, {request.part} is none; leave it out")
    if request.part == "autoencoder" and (request.start or request.autoencoder):
        bringer = "--from" if request.start else "--autoencoder"
        raise UserError(f"{bringer} brings an autoencoder, so there is none to train; name the part all")
    if request.corpus is not None and request.people is not None:
        raise UserError("--people counts rendered people; leave it out with --corpus")
    of_a_corpus = {
        "--hold-back": request.held_back,
        "--guises": request.guises > 1,
        "--rehearse": request.rehearse,
    }
    for option, chosen in of_a_corpus.items():
        if chosen and request.corpus is None:
            raise UserError(f"{option} is for people of a prepared corpus; name it with --corpus")


def _pretrain(request: PretrainRequest) -> None:
    from privtalk.bench.pretraining.evaluators import FITS, fit_evaluators
    from privtalk.bench.pretraining.mouth_reader import fit_mouth_reader
    from privtalk.bench.pretraining.pools import Pool
    from privtalk.bench.pretraining.purifier import pretrain_purifier

    part, out, workers = request.part, request.out, request.workers or usable_cores()
    if part in _stages():
        _pretrain_backbone(request, workers)
        return
    size, people = request.size, request.people
    pool = Pool(size=size) if people is None else Pool(size=size, people=people)
    with _telling() as tell:
        if part == READER:
            found = fit_mouth_reader(out, pool, None, workers, tell)
            Console().print(f"correlation on held-out people: {found.correlation:.3f}", highlight=False)
        elif part == PURIFIER:
            made = pretrain_purifier(out, None, pool, workers, tell)
            Console().print_json(json.dumps(made.validation))
        else:
            only = () if part == EVALUATORS or part not in FITS else (part,)
            Console().print_json(json.dumps(fit_evaluators(out, None, only, workers, tell)))


def _pretrain_backbone(request: PretrainRequest, workers: int) -> None:
    from privtalk.bench.commands.training_pictures import TrainingPictures
    from privtalk.bench.pretraining.backbone import Sources, Stage, pretrain
    from privtalk.bench.pretraining.ranks import joined
    from privtalk.methods.backbone.weights import embedded

    config, recipe = recipe_of(request)
    pool = _pool(request)
    start = embedded() if request.start == Path("embedded") else request.start
    sources = Sources(start=start, autoencoder=request.autoencoder, listener=request.speech)
    recomputes = _bounded(request, config, recipe)
    with joined(request.device, request.precision, recomputes) as compute, _telling() as tell:
        watch = TrainingPictures(request.out / PICTURES, lambda: pool.validation_clips(workers, tell))
        manifest = pretrain(
            request.out,
            cast(Stage, request.part),
            config,
            recipe,
            pool,
            workers,
            tell,
            sources,
            compute,
            watch,
            mapped=request.corpus is not None or request.memory is not None,
        )
    if compute.leads:
        _tell_result(request, manifest)


def _bounded(request: PretrainRequest, config: BackboneConfig, recipe: BackboneRecipe) -> bool:
    """Whether activations are computed again: as asked, or as a bound on memory wants it."""
    if request.memory is None:
        return request.recomputes
    from privtalk.bench.memory_budget import parse_memory
    from privtalk.bench.pretraining.memory import fitted
    from privtalk.bench.pretraining.ranks import processes

    bound, ranks = parse_memory(request.memory), processes().ranks
    found = fitted(config, recipe, bound, request.start is not None, ranks)
    again = found.recomputes or request.recomputes
    how = "computed again" if again else "kept"
    line = f"memory: up to {found.mib:.0f} MiB expected of {bound:.0f}; activations are {how}, latents lie in files"
    Console(stderr=True).print(line, highlight=False, soft_wrap=True)
    return again


def _tell_result(request: PretrainRequest, manifest: Manifest | None) -> None:
    console, out = Console(), request.out
    if manifest is None:
        line = f"{request.part} is trained; write the weights with: bench pretrain all -o {out}"
        console.print(line, soft_wrap=True, highlight=False, markup=False)
        return
    console.print(validation_table(manifest))
    console.print(
        f"pictures of people it did not train on: {out / PICTURES}", soft_wrap=True, highlight=False
    )
    corpus = "" if request.corpus is None else f" --corpus {request.corpus}"
    line = f"wrote {out}; use it with: bench run ...{corpus} --set backbone={out}"
    console.print(line, soft_wrap=True, highlight=False, markup=False)


ROWS = ("truth", "autoencoder", "static", "zero_shot")
"""The rows of the validation, from the ceiling down."""


def validation_table(manifest: Manifest) -> Table:
    """Returns the scores on people who were held back; in brackets what they were before the training went on."""
    table = Table("on people held back", *ROWS, box=None, pad_edge=False)
    metrics = dict.fromkeys(name.partition("/")[2] for name in manifest.validation if name.startswith(ROWS))
    for metric in metrics:
        table.add_row(metric, *(_cell(manifest, f"{row}/{metric}") for row in ROWS))
    table.add_row("synchrony, AUC", "", "", "", _cell(manifest, "synchrony/auc"))
    return table


def _cell(manifest: Manifest, name: str) -> str:
    """A score, and what it was before the training where that differs."""
    value, before = manifest.validation.get(name), (manifest.before or {}).get(name)
    if value is None:
        return "-"
    moved = before is not None and abs(before - value) >= 0.0005
    return f"{value:.3f} [dim]({before:.3f})[/]" if moved else f"{value:.3f}"


def recipe_of(request: PretrainRequest) -> tuple[BackboneConfig, BackboneRecipe]:
    """Returns the network and the recipe that a request asks for; a mistake is a `UserError` in one line."""
    from privtalk.bench.suites.expansion import assignments
    from privtalk.methods.backbone.presets import PRESETS

    if request.preset not in PRESETS:
        raise unknown("preset", request.preset, list(PRESETS))
    try:
        preset = PRESETS[request.preset](request.size)
        if preset.published_autoencoder and request.autoencoder is None and request.start is None:
            raise UserError(
                f"--preset {request.preset} takes a published autoencoder; name its folder: --autoencoder"
            )
        tree = assignments(request.changes)
        if strange := set(tree) - {"config", "recipe"}:
            raise unknown("setting", min(strange), ["config", "recipe"])
        if request.start is not None and "config" in tree:
            raise UserError("--from keeps the network of its weights; leave --set config.* out")
        recipe = preset.recipe
        if request.corpus is not None and request.start is not None:
            recipe = _changed(recipe, {"further_autoencoder": {"steps": REAL_STEPS}})
        return _changed(preset.config, tree.get("config")), _changed(recipe, tree.get("recipe"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or f"size {request.size}"
        raise UserError(f"bench pretrain: {place}: {first['msg']}; change it with --set or --size") from error


def _changed(model: Model, over: Any) -> Model:
    from privtalk.bench.suites.expansion import merged

    return model if not over else type(model).model_validate(merged(model.model_dump(), over))


def _pool(request: PretrainRequest) -> PublicPool:
    from privtalk.bench.pretraining.pools import Pool

    if request.corpus is None:
        people = request.people
        return Pool(size=request.size) if people is None else Pool(size=request.size, people=people)
    from privtalk.bench.corpus.prepared.provenance import public_people
    from privtalk.bench.pretraining.recorded_pool import open_pool

    pool = open_pool(request.corpus, request.size, public_people(request.corpus), request.held_back)
    rehearsed = Pool(size=request.size, people=request.rehearse) if request.rehearse else None
    return replace(pool, guises=request.guises, rehearsed=rehearsed)


@contextmanager
def _telling() -> Iterator[Tell]:
    """Gives a function that shows progress, a bar a stage; a process that does not lead is silent."""
    from privtalk.bench.pretraining.ranks import processes

    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console, quiet = Console(stderr=True), processes().rank > 0
    with Progress(*columns, TextColumn("{task.fields[loss]}"), console=console, disable=quiet) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(stage: str, done: int, total: int, loss: float | None) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, loss="")
            shown = "" if loss is None else f"loss {loss:.4f}"
            bar.update(tasks[stage], completed=done, total=total, loss=shown)

        yield tell
