"""The forecast of a run of this task: its work in frames times what a frame costs, and what it will guarantee."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache, partial

from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.rendered import shards
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation
from privtalk.bench.corpus.spec import EMBEDDED
from privtalk.bench.networks import Means, Network, open_backbone
from privtalk.bench.planning.forecast import (
    CellForecast,
    ForecastGuarantee,
    Resolution,
    SharedWork,
    TaskForecast,
)
from privtalk.bench.planning.resolution import auc_half_width, smallest_difference, smallest_rate
from privtalk.bench.tasks.talking_head import preflight, workload
from privtalk.bench.tasks.talking_head.benchmark import StepCosts, measure_steps
from privtalk.bench.tasks.talking_head.operations import of_work
from privtalk.bench.tasks.talking_head.preflight import client_count, shape
from privtalk.bench.tasks.talking_head.settings import PlannedTalkingHead, TalkingHeadCell, Training
from privtalk.bench.tasks.talking_head.stages import privacy, shadows
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.bench.tasks.talking_head.stages.shadow_plan import ShadowPlan
from privtalk.bench.tasks.talking_head.stages.train import HELD_MIB
from privtalk.bench.tasks.talking_head.workload import FrameWork
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.backbone import CHUNK
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.cohorts import choose_cohort
from privtalk.methods.federation.transcript import RoundLog, Transcript
from privtalk.methods.generation import Sampling
from privtalk.methods.registry import METHODS, adapter_config

SCORED = 0.006
"""Seconds in which metrics read a generated frame of 64 px, on one core; grows with its pixels."""
FIXED = {"loading": 0.3, "writing": 1.0}
OF_TRAINED = {"auditing": 0.3, "attacking": 2.0}
OF_PRIVATE = {"accounting": 1.0}
"""Seconds of stages that hardly grow with a run."""
FIRST_ASKED = 10.0
"""Seconds by which a worker's first attacks on adapters of a kind take longer: what no trained adapter enters is then
computed, and kept for its other cells."""
START = 5.0
"""Seconds in which a worker starts and imports what it needs."""
FILMED = 1.6
"""Real seconds of a guessed one of `shards.cost`."""

RESIDENT_MIB = 950
"""MiB of a process that has imported everything and opened the default backbone and the metrics' networks."""
SCORING_MIB = 115
"""MiB beside that, while it scores clips of 64 px; grows with their pixels."""
DECODED_MIB = 1.6
"""MiB of an image of 64 px that is being decoded; grows with its pixels."""
COPIES = 1.5
"""Peak of a step over what is kept for its backward pass: gradients and what is being computed stand beside it."""
BLOCK_MIB = 1.8
"""MiB of a frame of 64 px in the block that is computed again; grows with its pixels."""
RECORD_BYTES, SHOWN_BYTES = 150_000, 2_200_000
"""Bytes of a cell's record with its samples, and of its clips and pictures of 64 px."""

SPREADS = (
    ("psnr", 0.5, "dB"),
    ("lpips[talkhead]", 0.066, ""),
    ("identity[talkhead]", 0.042, ""),
    ("lse_c[talkhead]", 0.063, ""),
)
"""Metric, the standard deviation over clients of a row's difference to the zero-shot one, unit: from the intervals of
40 clients of the default run (docs/results.md), which are 2.02 deviations over the root of 40 on each side."""

ON_DEVICE = ("training", "personalising", "generating", "attacking", "inverting")


def forecast(pending: Sequence[PlannedTalkingHead], means: Means, workers: int) -> TaskForecast:
    """Returns the forecast of cells of one corpus, measured on the backbone and device that they will use."""
    if not pending:
        return TaskForecast(cells=())
    costs = _measured(means.network, _adapted(pending))
    device = "one core" if means.network.device == "cpu" else means.network.device
    return TaskForecast(
        cells=_cells(pending, costs, means.network, workers),
        shared=_shared(pending, costs, means),
        start_seconds=START,
        cache_bytes=_cache_bytes(pending, means),
        run_bytes=_run_bytes(pending),
        checkpoint_bytes=max(_kept_bytes(planned.cell, means.network) for planned in pending),
        guarantees=_guarantees(pending, means.network),
        resolutions=_resolutions(pending[0].cell),
        assumptions=(
            f"a frame of {means.network.size} px takes {1000 * costs.forward.seconds:.2g} ms forwards, "
            f"{1000 * costs.step.seconds:.2g} ms forwards and backwards, on {device}, measured now",
            "stages that no frame passes through are taken from a smoke run",
            "operations are those of the backbone; the metrics' networks and the rest of attacks are not counted",
        ),
    )


def _adapted(pending: Sequence[PlannedTalkingHead]) -> TalkingHeadCell:
    """The cell whose step is measured: the first that trains, or the first."""
    return next((planned.cell for planned in pending if planned.cell.training), pending[0].cell)


def _measured(network: Network, cell: TalkingHeadCell) -> StepCosts:
    training = cell.training
    if training is None:
        return _steps(network, AdapterConfig(), FederationConfig())
    return _steps(network, adapter_config(cell.method, training.adapter), training.federation)


@lru_cache(maxsize=4)
def _steps(network: Network, adapter: AdapterConfig, federation: FederationConfig) -> StepCosts:
    return measure_steps(open_backbone(network), adapter, federation)


# Cells


def _cells(
    pending: Sequence[PlannedTalkingHead], costs: StepCosts, network: Network, workers: int
) -> tuple[CellForecast, ...]:
    asked: dict[str, int] = {}
    found = []
    for planned in pending:
        cell, fixed = planned.cell, dict(FIXED)
        if cell.training is not None:
            fixed |= OF_TRAINED
            fixed |= OF_PRIVATE if cell.training.privacy.epsilon is not None else {}
            kind = f"{adapter_config(cell.method, cell.training.adapter)} {cell.seed}"
            asked[kind] = asked.get(kind, 0) + 1
            if asked[kind] <= workers:
                fixed["attacking"] += FIRST_ASKED
        work = workload.stages(cell)
        stages = {name: _seconds(part, costs, network.size) for name, part in work.items()}
        for name, seconds in fixed.items():
            stages[name] = stages.get(name, 0.0) + seconds
        found.append(
            CellForecast(
                key=planned.key,
                stages=stages,
                on_device=tuple(name for name in ON_DEVICE if name in work),
                flops={name: of_work(part, costs.counts) for name, part in work.items() if name in ON_DEVICE},
                updates=workload.updates(cell),
                memory_mib=memory_mib(cell, network, costs.saved_bytes),
            )
        )
    return tuple(found)


def _seconds(work: FrameWork, costs: StepCosts, size: int) -> float:
    passes = zip(work[:4], (costs.forward, costs.step, costs.encode, costs.decode), strict=True)
    return sum(frames * cost.seconds for frames, cost in passes) + work.score * SCORED * (size / 64) ** 2


def memory_mib(cell: TalkingHeadCell, network: Network, saved: float, stacked: int | None = None) -> float:
    """Returns the peak of a cell's process, MiB, where `saved` bytes are kept of a frame for its backward pass.

    It is the larger of scoring and of training, beside the cohort's messages; `preflight.memory_mib` is what is least.
    `stacked`: windows in a pass, where that is not as the settings say.
    """
    pixels = (network.size / 64) ** 2
    decoded = min(CHUNK, Sampling().chunk * cell.corpus.test.frames)
    scoring = pixels * (SCORING_MIB + DECODED_MIB * decoded)
    training = cell.training
    if training is None:
        return RESIDENT_MIB + scoring
    federation = training.federation
    windows = min(stacked or federation.chunk, _largest(cell, training) * federation.windows)
    passing = passing_mib(windows * federation.window_frames, network.size, saved, network.recomputes)
    messages = preflight.memory_mib(cell, network) - preflight.BASE_MIB
    return RESIDENT_MIB + messages + held_mib(cell, network) + max(scoring, passing)


def held_mib(cell: TalkingHeadCell, network: Network) -> float:
    """Returns the MiB of clients' features that a process keeps; those beyond `HELD_MIB` stay in files."""
    corpus, config = cell.corpus, open_backbone(network).config
    frames = corpus.clients * corpus.train.clips * corpus.train.frames
    masked = cell.evaluation.track == "inpaint"
    return min(HELD_MIB, frames * _feature_bytes(config, masked) / 2**20)


def passing_mib(frames: int, size: int, saved: float, recomputes: bool = False) -> float:
    """Returns the MiB by which a stacked pass of local training raises a process: so many frames of `size` pixels, of
    each of which `saved` bytes are kept for the backward pass, which may compute blocks again.

    >>> round(passing_mib(72, 64, 2.7 * 2**20)), round(passing_mib(72, 64, 0.53 * 2**20, recomputes=True))
    (292, 187)
    """
    block = BLOCK_MIB * (size / 64) ** 2 if recomputes else 0.0
    return frames * (COPIES * saved / 2**20 + block)


def _largest(cell: TalkingHeadCell, training: Training) -> int:
    """Clients whose training is stacked, at most: of a round's cohort, or of those who train by themselves."""
    federation, count = training.federation, client_count(cell)
    private = cell.corpus.tested if training.private_steps(cell.method) else 1
    expected = round(federation.share * count) if cell.method in METHODS else 1
    drawn = preflight.cohorts(federation, count, cell.seed) if cell.method in METHODS else ()
    return max(private, *drawn) if drawn else max(private, expected)


# Files


def _shared(pending: Sequence[PlannedTalkingHead], costs: StepCosts, means: Means) -> tuple[SharedWork, ...]:
    cells = [planned.cell for planned in pending]
    population = open_population(cells[0].corpus, means.corpus)
    filmed = population.files() if isinstance(population, EmbeddedPopulation) else []
    jobs = shards.missing(filmed)
    lacking = {job.key for job in jobs}
    filming = [FILMED * shards.cost(shard) for shard in filmed if shard.name in lacking]
    masked = any(cell.evaluation.track == "inpaint" for cell in cells)
    groups = FeatureStore(population, means.network, masked).missing()
    frames = workload.encoded_frames(cells[0]) * len(groups) / max(1, len(population.groups()))
    plans = _plans(cells, means)
    of_worlds = [workload.shadow_work(cell) for cell in plans]
    seconds = [_seconds(work, costs, means.network.size) for work in of_worlds]
    return (
        SharedWork(title="filming", files=len(jobs), seconds=sum(filming), longest=max(filming, default=0.0)),
        SharedWork(
            title="encoding",
            files=len(groups),
            seconds=frames * costs.encode.seconds * (2 if masked else 1),
            flops=frames * costs.encode.flops * (2 if masked else 1),
        ),
        SharedWork(
            title="shadow worlds",
            files=len(plans),
            seconds=sum(seconds) + FIRST_ASKED * len(plans),
            flops=sum(of_work(work, costs.counts) for work in of_worlds),
            longest=max(seconds, default=0.0) + FIRST_ASKED * bool(plans),
        ),
    )


def _plans(cells: Sequence[TalkingHeadCell], means: Means) -> list[TalkingHeadCell]:
    """One cell for each set of worlds that is missing."""
    found = {}
    missing = {job.key for job in shadows.tasks(cells, means.network, means.corpus)}
    for cell in cells:
        plan = ShadowPlan.of(cell, means.network, means.corpus)
        if plan is not None and f"worlds {plan.path.stem}" in missing:
            found[plan.path] = cell
    return list(found.values())


def _cache_bytes(pending: Sequence[PlannedTalkingHead], means: Means) -> float:
    """Footage, features and worlds that are missing."""
    cell = pending[0].cell
    population = open_population(cell.corpus, means.corpus)
    found = shards.lacking_bytes(population)
    masked = any(planned.cell.evaluation.track == "inpaint" for planned in pending)
    groups = population.groups()
    share = len(FeatureStore(population, means.network, masked).missing()) / max(1, len(groups))
    found += (
        share * workload.encoded_frames(cell) * _feature_bytes(open_backbone(means.network).config, masked)
    )
    for other in _plans([planned.cell for planned in pending], means):
        training = other.training
        if training is not None:
            dim = shape(adapter_config(other.method, training.adapter), means.network).dim
            found += 4 * dim * training.attack.worlds
    return found


def _feature_bytes(config: BackboneConfig, masked: bool) -> float:
    """Bytes of a frame's features, float32."""
    latents = config.autoencoder.latent_channels * config.latent_size**2
    return 4.0 * (latents * (2 if masked else 1) + config.audio.width + 78)


def _run_bytes(pending: Sequence[PlannedTalkingHead]) -> float:
    size = pending[0].cell.corpus.size
    return len(pending) * (RECORD_BYTES + SHOWN_BYTES * (size / 64) ** 2)


def _kept_bytes(cell: TalkingHeadCell, network: Network) -> float:
    """Bytes of the state that is written after every round: messages and adapters of the last rounds."""
    return 2**20 * max(0.0, preflight.memory_mib(cell, network) - preflight.BASE_MIB)


# What it will be worth


def _guarantees(pending: Sequence[PlannedTalkingHead], network: Network) -> tuple[ForecastGuarantee, ...]:
    """One entry for the rows of a seed that have the same."""
    found: dict[str, ForecastGuarantee] = {}
    seed = pending[0].cell.seed
    for planned in pending:
        cell = planned.cell
        if cell.training is None or cell.method not in METHODS or cell.seed != seed:
            continue
        one = _guarantee(cell, cell.training, network)
        known = found.get(key := f"{cell.tier} {one.model_dump_json()}")
        rows = f"{known.rows}, {planned.row}" if known else f"{cell.tier}: {planned.row}"
        found[key] = one.model_copy(update={"rows": rows})
    return tuple(found.values())


def _guarantee(cell: TalkingHeadCell, training: Training, network: Network) -> ForecastGuarantee:
    count, dim = client_count(cell), preflight.message(cell, training, network)
    used = privacy.mechanism(training, count, dim)
    transcript = _expected(cell, training, count, dim)
    if transcript is None:
        return ForecastGuarantee(
            rows="", mechanism="none", reason="so many clients are drawn in the run alone"
        )
    found = privacy.account(cell, used, count, dim, transcript)
    epsilons = {
        name: None if (value := getattr(found.epsilons, name)) is None else round(value, 3)
        for name in ("outsider", "secure_aggregation", "server")
    }
    return ForecastGuarantee(
        rows="",
        mechanism=found.mechanism,
        delta=found.delta,
        noise_multiplier=None if found.noise_multiplier is None else round(found.noise_multiplier, 4),
        epsilons=epsilons if found.guarantee else {},
        reason=found.reason,
    )


def _expected(cell: TalkingHeadCell, training: Training, count: int, dim: int) -> Transcript | None:
    """Who takes part in which round, by the streams that training draws from; it stops where the budget does."""
    federation, budget = training.federation, privacy.budget(training, count, dim)
    if count * federation.rounds > preflight.DRAWS:
        return None
    played = itertools.takewhile(lambda r: budget is None or budget.allows(r), range(federation.rounds))
    log = [_round(federation, count, cell.seed, round_) for round_ in played]
    return Transcript(tuple(log))


def _round(federation: FederationConfig, count: int, seed: int, round_: int) -> RoundLog:
    cohort = tuple(choose_cohort(range(count), federation, partial(torch_stream, seed), round_))
    return RoundLog(round=round_, cohort=cohort, up_bytes=0, down_bytes=0, norms=(), weights=())


def _resolutions(cell: TalkingHeadCell) -> tuple[Resolution, ...]:
    corpus, found = cell.corpus, []
    for name, deviation, unit in SPREADS:
        if name.endswith("[talkhead]") and corpus.name != EMBEDDED:
            continue  # networks that know rendered faces alone: recorded people are not scored by them
        least = smallest_difference(deviation, corpus.tested)
        if least is not None:
            said = (
                f"paired over {corpus.tested} clients, two-sided 5 %, power 80 %; differences taken to spread as those "
                "to zero-shot in the default run"
            )
            found.append(Resolution(figure=name, least=float(f"{least:.2g}"), unit=unit, rests_on=said))
    half = auc_half_width(corpus.attacked, corpus.heldout)
    if half is not None:
        people = f"{corpus.attacked} members and {corpus.heldout} non-members"
        said = f"chance and half an interval there, {people}"
        least_auc = min(1.0, 0.5 + half)
        found.append(Resolution(figure="AUC of membership", least=float(f"{least_auc:.2g}"), rests_on=said))
        rate = smallest_rate(corpus.heldout)
        said = f"1 of {corpus.heldout} non-members"
        found.append(Resolution(figure="false-positive rate", least=float(f"{rate:.2g}"), rests_on=said))
    return tuple(found)
