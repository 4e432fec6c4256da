"""Cell -> record: corpus, partition, training, generated clips, scores, attack, and what each took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from privtalk.attacks.reconstruction.gallery import Gallery
from privtalk.bench.clock import Clock
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.partition import Client, partition
from privtalk.bench.corpus.population import Person, Population
from privtalk.bench.environment import code_version, describe_environment, peak_memory_mib, reset_peak_memory
from privtalk.bench.execution.task import Report
from privtalk.bench.networks import Network, open_backbone
from privtalk.bench.spec import Cell, Planned
from privtalk.bench.stages import attack, audit, exhibits, privacy
from privtalk.bench.stages.features import FeatureStore
from privtalk.bench.stages.generate import Stage, part, sampling, set_stage, tested
from privtalk.bench.stages.reconstruct import Scene, reconstruct, write_gallery
from privtalk.bench.stages.score import Judge, Verdict
from privtalk.bench.stages.shadow_plan import ShadowPlan
from privtalk.bench.stages.train import (
    Trained,
    client_data,
    forget,
    initial_adapter,
    message_length,
    train_cell,
)
from privtalk.core.records import AttackResult, Audit, Privacy, Record, RunStore, Score
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.state import Curves
from privtalk.methods.generation import generate_clips
from privtalk.methods.registry import METHODS, REFERENCES, adapter_config, kind

PORTION = 8
"""Clips generated and scored between two reports."""

RELEASED = ("cohort", "step_norm", "clip")
"""Curves that tell nothing beyond who takes part and the noisy sums."""

PLANTED, REPEATS = 8, 3
"""Of reconstruction: planted people and simulated messages a person, by default."""

FORWARD = 0.004
"""Guessed seconds that a core takes for a 64 px frame through the denoiser."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run happens; nothing here changes a figure (but a GPU's rounding)."""

    folder: Path
    """Of the run."""
    network: Network
    corpus: Path | None = None
    """Prepared videos; None: the embedded corpus."""

    def checkpoints(self, cell: Cell) -> Path:
        return self.folder / "checkpoints" / cell.id


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What a cell runs on."""

    population: Population
    store: FeatureStore
    people: Sequence[Person]
    clients: Sequence[Client]
    backbone: Backbone


def run_cell(report: Report, planned: Planned, place: Place) -> str:
    """Runs a cell and writes its record; the cell's id. Killed at any point, the next call goes on from there."""
    cell, store = planned.cell, RunStore(place.folder)
    reset_peak_memory()
    clock = Clock.resumed(place.checkpoints(cell) / "clock.json")
    with clock.stage("loading"):
        world = open_world(cell, place)
    trained, guarantee, audits = _train(report, cell, place, world, clock)
    with clock.stage("loading"):
        stage = _stage(cell, world)
    shown, verdict = _generate(report, cell, world, stage, trained, clock)
    attacks, gallery = _attack(report, cell, place, world, trained, clock)
    with clock.stage("writing"):
        folder = store.artifacts(cell.id)
        artifacts = exhibits.exhibit(place.folder, folder, shown, stage, trained)
        artifacts |= write_gallery(place.folder, folder, gallery)
    with clock.stage("scoring"):
        metrics = verdict.summary(cell.seed)
    record = _record(planned, place, trained, guarantee, metrics, attacks, audits, artifacts, clock)
    store.write(record, verdict.samples())
    forget(place.checkpoints(cell))
    return cell.id


def open_world(cell: Cell, place: Place) -> World:
    """Opens what was prepared, and deals the training clips to clients."""
    population = open_population(cell.corpus, place.corpus)
    store = FeatureStore(population, place.network, cell.evaluation.track == "inpaint")
    people = population.people("clients")
    clips = {person.name: len(store.load(person, "train")) for person in people}
    return World(
        population=population,
        store=store,
        people=people,
        clients=partition(cell.partition, people, clips, cell.seed),
        backbone=open_backbone(place.network),
    )


def costs(cell: Cell) -> dict[str, float]:
    """Guessed seconds of each stage on one core; only their ratios matter (`progress.Estimator` scales them)."""
    corpus, evaluation = cell.corpus, cell.evaluation
    forward = FORWARD * (corpus.size / 64) ** 2
    test = corpus.tested * corpus.test.clips * corpus.test.frames
    sampled = cell.method in METHODS or cell.method in ("difftalk", "local_only", "centralised")
    generating = 2 + test * forward * (2 + (evaluation.steps if sampled else 0))
    if cell.training is None:
        return {"generating": generating}
    federation, probe = cell.training.federation, cell.training.attack
    alone = cell.method in REFERENCES and REFERENCES[cell.method].trains == "each client"
    cohort = corpus.tested if alone else federation.rate * corpus.clients
    frames = (
        federation.rounds * cohort * federation.local_steps * federation.windows * federation.window_frames
    )
    found = {
        "training": (3.5 if cell.method == "privfedtalk" else 2.5) * forward * frames,
        "generating": generating,
    }
    if not alone:
        people = corpus.attacked + corpus.heldout
        asked = probe.windows * max(probe.frames, probe.exact) * len(probe.timesteps) * probe.draws
        found["attacking"] = 12 * forward * people * asked
    if cell.method in METHODS and probe.victims:
        descent = (2 * probe.victims + PLANTED) * probe.inversion_steps
        simulated = corpus.shadows * REPEATS * federation.local_steps
        found["inverting"] = 5 * forward * (descent + simulated)
    return found


def _train(
    report: Report, cell: Cell, place: Place, world: World, clock: Clock
) -> tuple[Trained | None, Privacy, tuple[Audit, ...]]:
    """Trained adapters, the guarantee, and what canaries certify of it; a violation ends the cell here."""
    count = len(world.clients)
    if cell.training is None:
        return None, privacy.account(cell, privacy.NO_PRIVACY, count, 0, None), ()
    with clock.stage("accounting"):
        dim = message_length(cell, cell.training, initial_adapter(cell, cell.training, world.backbone))
        used = privacy.mechanism(cell.training, count, dim)
        budget = privacy.budget(cell.training, count, dim)
    with clock.stage("loading"):
        data = client_data(world.clients, world.people, world.store)
        numbers = {client.index for client in tested(world.people, world.clients, cell.corpus.tested)}
        evaluated = [client for client in data if client.index in numbers]
    ticking = clock.ticking(report)
    with clock.stage("training"):
        trained = train_cell(
            ticking,
            cell,
            cell.training,
            world.backbone,
            data,
            evaluated,
            used,
            budget,
            place.checkpoints(cell),
        )
    with clock.stage("accounting"):
        guarantee = privacy.account(cell, used, count, dim, trained.state.transcript)
    report("auditing", 0, 1)
    with clock.stage("auditing"):
        return trained, guarantee, audit.audit(cell, trained, used, guarantee, count)


def _stage(cell: Cell, world: World) -> Stage:
    people = world.people[: cell.corpus.tested]
    return set_stage(
        people, tested(world.people, world.clients, cell.corpus.tested), world.population, world.store
    )


def _generate(
    report: Report, cell: Cell, world: World, stage: Stage, trained: Trained | None, clock: Clock
) -> tuple[dict[int, Tensor], Verdict]:
    """uint8 frames [T, H, W, 3] of the clips that are shown, by number, and every clip's scores."""
    chosen = exhibits.chosen(stage)
    shown: dict[int, Tensor] = {}
    judge = Judge(stage, cell.corpus.name)
    bank = None if trained is None else trained.scored
    for first in range(0, len(stage), PORTION):
        report("generating", first, len(stage))
        scene = part(stage.scene, slice(first, first + PORTION))
        with clock.stage("generating"):
            frames = generate_clips(
                cell.method,
                world.backbone,
                scene,
                sampling(cell.evaluation),
                partial(torch_stream, cell.seed),
                bank,
            )
        with clock.stage("scoring"):
            judge.update(frames)
        shown |= {k: frames[k - first].clone() for k in chosen if first <= k < first + len(frames)}
    report("generating", len(stage), len(stage))
    with clock.stage("scoring"):
        return shown, judge.verdict()


def _attack(
    report: Report, cell: Cell, place: Place, world: World, trained: Trained | None, clock: Clock
) -> tuple[dict[str, AttackResult], Gallery | None]:
    """Attacks on what the row releases and says, and what was made of messages."""
    if trained is None or cell.training is None:
        return {}, None
    question = attack.Question(
        spec=cell.training.attack,
        seed=cell.seed,
        adapter=adapter_config(cell.method, cell.training.adapter),
        members=tuple(world.people[: cell.corpus.attacked]),
        nonmembers=tuple(world.population.people("heldout")),
        own=tuple(world.population.people("shadow")),
        store=world.store,
        worlds=ShadowPlan.of(cell, place.network, place.corpus),
    )
    holders = {client.index for client in tested(world.people, world.clients, cell.corpus.tested)}
    owners = [client.index for client in world.clients if client.index in holders]
    with clock.stage("attacking"):
        found = attack.attack_cell(report, question, trained, world.clients, owners, trained.factor)
    with clock.stage("inverting"):
        made = reconstruct(
            Scene(
                cell=cell,
                trained=trained,
                knowledge=attack.knowing(question),
                clients=world.clients,
                store=world.store,
                folder=place.checkpoints(cell),
            ),
            report,
        )
    return found | made.attacks, made.gallery


def _record(
    planned: Planned,
    place: Place,
    trained: Trained | None,
    guarantee: Privacy,
    metrics: dict[str, Score],
    attacks: dict[str, AttackResult],
    audits: tuple[Audit, ...],
    artifacts: dict[str, str],
    clock: Clock,
) -> Record:
    cell = planned.cell
    state = None if trained is None else trained.state
    return Record(
        cell_id=cell.id,
        cell=cell.model_dump(mode="json"),
        suite=planned.suite,
        preset=planned.preset,
        method=planned.row,
        tier=cell.tier,
        seed=cell.seed,
        kind=kind(cell.method),
        code=code_version(),
        environment=describe_environment(place.network.device, torch.get_num_threads()),
        started=clock.started,
        timings={name: round(seconds, 3) for name, seconds in clock.seconds.items()},
        peak_memory_mib=round(peak_memory_mib(), 1),
        communication_bytes=state.transcript.communication if state else {"up": 0, "down": 0},
        training=_curves(state.curves, guarantee) if state else {},
        privacy=guarantee,
        metrics=metrics,
        attacks=attacks,
        audits=audits,
        artifacts=artifacts,
    )


def _curves(curves: Curves, guarantee: Privacy) -> dict[str, list[float | None]]:
    """Curves by round. Losses, norms and weights are releases without noise, which a guarantee does not survive."""
    shown = RELEASED if guarantee.guarantee else tuple(curves)
    return {name: list(curves[name]) for name in shown if name in curves}
