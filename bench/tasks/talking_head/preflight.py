"""Checks before a run of all that can be known by then: what would fail after an hour fails in the first seconds."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from privtalk.attacks.audit.canaries import BLOCK
from privtalk.bench.corpus.population import Population
from privtalk.bench.corpus.rendered.shards import FRAME_BYTES
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.bench.environment import available_memory
from privtalk.bench.networks import Network, check_unseen, open_backbone
from privtalk.bench.tasks.talking_head.settings import PlannedTalkingHead, TalkingHeadCell, Training
from privtalk.bench.tasks.talking_head.stages import privacy
from privtalk.bench.tasks.talking_head.stages.train import message_length
from privtalk.core.cache import cache_folder
from privtalk.core.errors import UserError
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, target_layers
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.cohorts import choose_cohort
from privtalk.methods.federation.local import stack_width
from privtalk.methods.federation.summation import summation
from privtalk.methods.federation.waves import STACKS
from privtalk.methods.registry import METHODS, adapter_config

DRAWS = 20_000_000
"""Chances of taking part that are drawn in advance, at most (seconds)."""

BASE_MIB = 800
"""MiB of a process that trains the default backbone, beside what grows with adapters (measured: 910 to 1,300)."""

COPIES = 6
"""Copies of a wave's updates that live at once, in float32, beside the messages that are kept."""
CHECKED = 2
"""Copies of a round's messages on their way into the transcript, in float32, one of them for its check."""

CANARY_BYTES = 2 * 8 * BLOCK
"""Bytes a number of an adapter that an audit's block of canaries takes, twice in float64."""

KEPT_MIB = 256
"""MiB of disk that a run leaves free."""


def check(
    pending: Sequence[PlannedTalkingHead], network: Network, population: Population, workers: int
) -> None:
    """Raises a `UserError` that names the first cell that cannot be run, the rule and the way out."""
    if not pending:
        return
    for planned in pending:
        _named(planned, _check_footage, planned.cell)
    check_unseen(network, population)
    _check_disk(pending[0].cell.corpus)
    _check_attribute(pending[0].cell, population)
    backbone = open_backbone(network)
    timesteps = backbone.config.diffusion.timesteps
    for planned in pending:
        _named(planned, _check_schedule, planned.cell, timesteps)
        if planned.cell.training is not None:
            _named(planned, _check_training, planned.cell, planned.cell.training, network)
    _check_memory(pending, network, workers)


def _named(planned: PlannedTalkingHead, rule: Callable[..., None], *arguments: object) -> None:
    try:
        rule(*arguments)
    except ValueError as error:
        raise UserError(f"{planned.key} cannot be run: {error}") from error


# Footage


def _check_footage(cell: TalkingHeadCell) -> None:
    corpus, training = cell.corpus, cell.training
    if training is None:
        return
    if training.federation.window_frames > corpus.train.frames:
        raise ValueError(
            f"federation.window_frames is {training.federation.window_frames}, training clips have "
            f"{corpus.train.frames} frames; lower it or raise corpus.train.frames"
        )
    own = training.personalisation.schedule(training.federation).window_frames
    if training.private_steps(cell.method) and own > corpus.train.frames:
        raise ValueError(
            f"personalisation.window_frames is {own}, training clips have {corpus.train.frames} frames; lower it or "
            "raise corpus.train.frames"
        )
    if cell.method in METHODS:
        _check_attacked(training, corpus)


def _check_attacked(training: Training, corpus: CorpusSpec) -> None:
    spec = training.attack
    if corpus.fresh.clips < 2:
        raise ValueError(
            f"corpus.fresh.clips is {corpus.fresh.clips}; attacks need one for a portrait and one more"
        )
    for name, frames, of, there in (
        ("attack.window", spec.window, "fresh clips", corpus.fresh.frames),
        ("attack.exact", spec.exact, "training clips", corpus.train.frames),
        ("attack.frames", spec.frames, "windows", spec.window),
    ):
        if frames > there:
            raise ValueError(f"{name} is {frames}, {of} have {there} frames; set it lower")


def _check_attribute(cell: TalkingHeadCell, population: Population) -> None:
    spec = cell.partition
    if spec.kind != "dirichlet":
        return
    for person in population.people("clients"):
        if spec.attribute not in person.attributes:
            known = ", ".join(sorted(person.attributes)) or "none are known"
            raise UserError(
                f"partition.attribute is {spec.attribute!r}, people have no such; they have: {known}"
            )


# Steps, layers, privacy


def _check_schedule(cell: TalkingHeadCell, timesteps: int) -> None:
    """Within the T steps of the backbone's diffusion."""
    if cell.evaluation.steps > timesteps:
        raise ValueError(
            f"evaluation.steps is {cell.evaluation.steps}, the backbone's diffusion has {timesteps}"
        )
    asked = cell.training.attack.timesteps if cell.training is not None else ()
    for t in asked:
        if not 0 <= t < timesteps:
            raise ValueError(
                f"attack.timesteps has {t}; the backbone's diffusion goes from 0 to {timesteps - 1}"
            )


class AdapterShape(NamedTuple):
    """An adapter's size on a backbone."""

    dim: int
    """Trained numbers."""
    widest: int
    """Largest rank that a layer can have."""


@lru_cache(maxsize=32)
def shape(config: AdapterConfig, network: Network) -> AdapterShape:
    """The size of an adapter, from the layers that it is put on; nothing is drawn."""
    layers = target_layers(open_backbone(network).denoiser, config).values()
    down = 0 if config.freeze_a else sum(layer.in_features for layer in layers)
    up = sum(layer.out_features for layer in layers)
    widest = max(min(layer.in_features, layer.out_features) for layer in layers)
    return AdapterShape(config.rank * (down + up), widest)


def _check_training(cell: TalkingHeadCell, training: Training, network: Network) -> None:
    config = adapter_config(cell.method, training.adapter)
    found = shape(config, network)
    if config.rank > found.widest:
        raise ValueError(
            f"adapter.rank is {config.rank}, the widest layer it is put on has rank {found.widest}; lower it"
        )
    using = training.personalisation
    if training.private_steps(cell.method) and using.part == "added":
        widest = shape(using.adapter, network).widest
        if using.adapter.rank > widest:
            raise ValueError(
                f"personalisation.adapter.rank is {using.adapter.rank}, the widest layer it is put on has rank "
                f"{widest}; lower it"
            )
    if cell.method in METHODS:
        _check_federation(training, cell.seed, client_count(cell), message(cell, training, network))


def message(cell: TalkingHeadCell, training: Training, network: Network) -> int:
    """Numbers in a message."""
    config = adapter_config(cell.method, training.adapter)
    return message_length(cell, training, _template(config, network))


@lru_cache(maxsize=32)
def _template(config: AdapterConfig, network: Network) -> AdapterBank:
    """An adapter of the right layers; its numbers are of no matter."""
    return AdapterBank.initial(open_backbone(network).denoiser, config, partial(torch_stream, 0))


@lru_cache(maxsize=64)
def _check_federation(training: Training, seed: int, count: int, dim: int) -> None:
    """Calibrates the noise, which is kept for the cells; sums and normalisation must fit it."""
    federation = training.federation
    mechanism = privacy.mechanism(training, count, dim)
    privacy.budget(training, count, dim)
    mechanism.check_fits(federation)
    summation(federation, mechanism, count, dim)
    last = cohorts(federation, count, seed)[-training.attack.rounds :]
    if last and training.attack.canaries and not any(last):
        raise ValueError(
            f"none of the last {len(last)} rounds has a client of {count} at rate {federation.rate:g}; "
            "raise federation.rate or attack.rounds"
        )


def client_count(cell: TalkingHeadCell) -> int:
    """Clients that a partition makes."""
    spec = cell.partition
    return -(-cell.corpus.clients // spec.people) if spec.kind == "dirichlet" else cell.corpus.clients


@lru_cache(maxsize=64)
def cohorts(federation: FederationConfig, count: int, seed: int) -> tuple[int, ...]:
    """Clients of every round, by the streams that training draws from; nothing where that takes long."""
    if count * federation.rounds > DRAWS:
        return ()
    stream = partial(torch_stream, seed)
    numbers = range(count)
    return tuple(
        len(choose_cohort(numbers, federation, stream, round_)) for round_ in range(federation.rounds)
    )


# Memory and disk


def _check_memory(pending: Sequence[PlannedTalkingHead], network: Network, workers: int) -> None:
    free = available_memory()
    heaviest = max(pending, key=lambda planned: memory_mib(planned.cell, network))
    need, at_once = memory_mib(heaviest.cell, network), min(workers, len(pending))
    if free is None or need * at_once <= free:
        return
    several = f" each, {at_once} at once" if at_once > 1 else ""
    fewer = "--workers 1, or " if need <= free and at_once > 1 else ""
    raise UserError(
        f"{heaviest.key} takes about {need / 1024:.1f} GiB of memory{several}, {free / 1024:.1f} GiB are free; "
        f"use {fewer}a lower adapter.rank, federation.rate or attack.rounds"
    )


def memory_mib(cell: TalkingHeadCell, network: Network) -> float:
    """The least that a cell's process will hold at once, MiB: a wave's updates, and the messages kept for attacks."""
    training = cell.training
    if training is None:
        return BASE_MIB
    dim, count = shape(adapter_config(cell.method, training.adapter), network).dim, client_count(cell)
    if cell.method not in METHODS:
        return BASE_MIB + 4 * dim * COPIES / 2**20
    expected = math.ceil(training.federation.share * count)
    largest = max(cohorts(training.federation, count, cell.seed), default=expected)
    kept = min(training.attack.rounds, training.federation.rounds)
    audited = CANARY_BYTES if training.attack.canaries else 0
    sent = message(cell, training, network)
    at_once = min(largest, STACKS * stack_width(training.federation))
    return (
        BASE_MIB + (4 * (at_once * dim * COPIES + largest * sent * (kept + CHECKED)) + sent * audited) / 2**20
    )


def _check_disk(corpus: CorpusSpec) -> None:
    """Whether the footage of an embedded corpus has room in the cache."""
    need = footage_bytes(corpus) / 2**20
    folder = next(path for path in (cache_folder(), *cache_folder().parents) if path.exists())
    free = shutil.disk_usage(folder).free / 2**20
    if corpus.version and need + KEPT_MIB > free + _cached_mib(folder):
        raise UserError(
            f"the corpus takes about {need / 1024:.1f} GiB in {folder}, {free / 1024:.1f} GiB are free there; "
            "lower corpus.clients or corpus.train, or set PRIVTALK_CACHE to a folder on a larger disk"
        )


def footage_bytes(corpus: CorpusSpec) -> float:
    """Bytes of an embedded corpus on disk: frames as they are, a mask for every frame, and what is known of it."""
    people = {
        "train": corpus.clients + corpus.heldout + corpus.shadows,
        "test": corpus.tested,
        "fresh": corpus.attacked + corpus.heldout + corpus.shadows,
    }
    frames = sum(
        people[purpose] * footage.clips * footage.frames
        for purpose, footage in (("train", corpus.train), ("test", corpus.test), ("fresh", corpus.fresh))
    )
    return float(frames * (4 * corpus.size**2 + FRAME_BYTES))


def _cached_mib(folder: Path) -> float:
    """MiB of footage that lies in the cache, some of which may be this corpus's."""
    return sum(file.stat().st_size for file in _files(folder / "corpus")) / 2**20


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.safetensors") if path.is_file())
