"""Cell -> what was found: corpus, partition, training, generated clips, scores, attacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from privtalk.attacks.reconstruction.gallery import Gallery
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.partition import Client, partition
from privtalk.bench.corpus.population import Person, Population
from privtalk.bench.networks import Means, open_backbone
from privtalk.bench.task import CellOutcome, Work
from privtalk.bench.tasks.talking_head.operations import operations
from privtalk.bench.tasks.talking_head.settings import PERSONAL, TalkingHeadCell, trains_alone
from privtalk.bench.tasks.talking_head.stages import attack, audit, checks, exhibits, leak, privacy
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.bench.tasks.talking_head.stages.generate import Stage, part, sampling, set_stage, tested
from privtalk.bench.tasks.talking_head.stages.leak_strength import Recipe
from privtalk.bench.tasks.talking_head.stages.personalise import banks_of, personalise_cell
from privtalk.bench.tasks.talking_head.stages.reconstruct import (
    ReconstructionSetting,
    reconstruct,
    write_gallery,
)
from privtalk.bench.tasks.talking_head.stages.score import Judge, Verdict
from privtalk.bench.tasks.talking_head.stages.shadow_plan import ShadowPlan
from privtalk.bench.tasks.talking_head.stages.stacks import stack_runner
from privtalk.bench.tasks.talking_head.stages.train import (
    Trained,
    client_data,
    initial_adapter,
    message_length,
    train_cell,
)
from privtalk.core.records import (
    AttackResult,
    Audit,
    FederationBlock,
    Privacy,
    RoundChecks,
    Sample,
    Variant,
)
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import HALVED
from privtalk.methods.federation.state import Curves
from privtalk.methods.generation import generate_clips
from privtalk.methods.registry import adapter_config

PORTION = 8
"""Clips generated and scored between two reports."""

RELEASED = ("cohort", "step_norm", "clip", HALVED)
"""Curves that tell nothing beyond who takes part, the noisy sums, and the memory of a machine."""


OWN = (
    "Each tested client's own adapter after {count} private steps on its own clips, from what federated training gave "
    "it. It never leaves its device. Whoever sees only what is released has the record's ε; whoever gets a personal "
    "adapter has no guarantee about its owner, and the record's ε about everybody else, by post-processing."
)
ALONE = (
    "Each tested client's own adapter after {count} private steps on its own clips, from the initial one. It never "
    "leaves its device; whoever gets it has no guarantee about its owner, and it tells of nobody else."
)
"""The words of a variant: how it was made, and what is guaranteed to whom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellWorld:
    """The things that a cell runs on."""

    population: Population
    store: FeatureStore
    people: Sequence[Person]
    clients: Sequence[Client]
    backbone: Backbone


def run(work: Work) -> CellOutcome:
    """Runs a cell: trains, generates, scores, attacks. Killed at any point, the next call goes on from there."""
    cell, place, clock = work.cell, work.place, work.clock
    with clock.stage("loading"):
        world = open_world(cell, place.resources)
    trained, federation, audits = _train(work, cell, world)
    with clock.stage("loading"):
        stage = stage_of(cell, world)
    shots = generate(work, cell, world, stage, trained)
    attacks, gallery, leaked = attack_all(work, cell, world, trained)
    with clock.stage("writing"):
        folder = place.artifacts(cell)
        artifacts = exhibits.exhibit(place.folder, folder, shots[0].shown, stage, trained)
        artifacts |= write_gallery(place.folder, folder, gallery)
        variants = [variant_of(work, cell, stage, shot, leaked, last=shot is shots[-1]) for shot in shots[1:]]
    with clock.stage("scoring"):
        metrics = shots[0].verdict.summary(cell.seed)
    return CellOutcome(
        metrics=metrics,
        samples=[sample for shot in shots for sample in shot.samples()],
        variants=tuple(variants),
        artifacts=artifacts,
        federation=federation,
        attacks=attacks,
        audits=audits,
        operations=operations(cell, work.place.resources.network),
    )


def open_world(cell: TalkingHeadCell, means: Means) -> CellWorld:
    """Opens what was prepared, and deals the training clips to clients."""
    population = open_population(cell.corpus, means.corpus)
    store = FeatureStore(population, means.network, cell.evaluation.track == "inpaint")
    people = population.people("clients")
    clips = {person.name: store.clips(person, "train")[0] for person in people}
    return CellWorld(
        population=population,
        store=store,
        people=people,
        clients=partition(cell.partition, people, clips, cell.seed),
        backbone=open_backbone(means.network),
    )


def _train(
    work: Work, cell: TalkingHeadCell, world: CellWorld
) -> tuple[Trained | None, FederationBlock, tuple[Audit, ...]]:
    """Trained adapters, guarantee and checks of every round, and what canaries certify; a violation ends the cell."""
    clock, report = work.clock, work.report
    count = len(world.clients)
    if cell.training is None:
        nothing = privacy.account(cell, privacy.NO_PRIVACY, count, 0, None)
        return None, FederationBlock(privacy=nothing), ()
    with clock.stage("accounting"):
        dim = message_length(cell, cell.training, initial_adapter(cell, cell.training, world.backbone))
        used = privacy.mechanism(cell.training, count, dim)
        budget = privacy.budget(cell.training, count, dim)
    with clock.stage("loading"):
        data, evaluated = data_of(cell, world)
    ticking, kept = clock.ticking(report), work.place.checkpoints(cell)
    means: Means = work.place.resources
    stacks = stack_runner(work.place.team, means.network)
    with clock.stage("training"):
        trained = train_cell(ticking, cell, cell.training, world.backbone, data, used, budget, kept, stacks)
    with clock.stage("personalising"):
        trained = personalise_cell(ticking, cell, cell.training, world.backbone, trained, evaluated, kept)
    with clock.stage("accounting"):
        guarantee = privacy.account(cell, used, count, dim, trained.state.transcript)
        federation = _federation(trained, guarantee, checks.finished(trained.watch, guarantee))
    report("auditing", 0, 1)
    with clock.stage("auditing"):
        return trained, federation, audit.audit(cell, trained, used, guarantee, count)


def data_of(cell: TalkingHeadCell, world: CellWorld) -> tuple[list[ClientData], list[ClientData]]:
    """The data of all clients, and of those who are tested."""
    data = client_data(world.clients, world.people, world.store)
    numbers = {client.index for client in tested(world.people, world.clients, cell.corpus.tested)}
    return data, [client for client in data if client.index in numbers]


def stage_of(cell: TalkingHeadCell, world: CellWorld) -> Stage:
    people = world.people[: cell.corpus.tested]
    return set_stage(
        people, tested(world.people, world.clients, cell.corpus.tested), world.population, world.store
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A row, or a variant of it, as it was generated and scored."""

    at: dict[str, str]
    """The place of a variant; empty for the row."""
    shown: dict[int, Tensor]
    """uint8 frames [T, H, W, 3] of the clips that are shown, by number."""
    verdict: Verdict
    """Every clip's scores."""

    def samples(self) -> list[Sample]:
        """The scores clip by clip, each at its place."""
        return [sample.model_copy(update={"at": self.at}) for sample in self.verdict.samples()]


def generate(
    work: Work, cell: TalkingHeadCell, world: CellWorld, stage: Stage, trained: Trained | None
) -> list[Shot]:
    """The row, then its variants in the order of their private steps."""
    banks: dict[str, AdapterBank | None] = {"": None if trained is None else trained.bank}
    banks |= banks_of(trained)
    shots: list[Shot] = []
    for place, bank in banks.items():
        at = {PERSONAL: place} if place else {}
        shots.append(_shoot(work, cell, world, stage, bank, at, (len(shots), len(banks))))
    return shots


def _shoot(
    work: Work,
    cell: TalkingHeadCell,
    world: CellWorld,
    stage: Stage,
    bank: AdapterBank | None,
    at: dict[str, str],
    turn: tuple[int, int],
) -> Shot:
    """All clips by some adapters; `turn` says which of how many shots this is."""
    clock, report, (before, shots) = work.clock, work.report, turn
    chosen = exhibits.chosen(stage)
    shown: dict[int, Tensor] = {}
    judge = Judge(stage, cell.corpus.name)
    for first in range(0, len(stage), PORTION):
        report("generating", before * len(stage) + first, shots * len(stage))
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
    report("generating", (before + 1) * len(stage), shots * len(stage))
    with clock.stage("scoring"):
        return Shot(at=at, shown=shown, verdict=judge.verdict())


def variant_of(
    work: Work,
    cell: TalkingHeadCell,
    stage: Stage,
    shot: Shot,
    leaked: dict[str, AttackResult],
    *,
    last: bool,
) -> Variant:
    """A shot as the record has it; of the last, whose adapters are those that leak, clips are kept to look at."""
    count, run = shot.at[PERSONAL], work.place.folder
    folder = work.place.artifacts(cell) / f"{PERSONAL}-{count}"
    return Variant(
        at=shot.at,
        about=(ALONE if trains_alone(cell.method) else OWN).format(count=count),
        metrics=shot.verdict.summary(cell.seed),
        attacks=leaked if last else {},
        artifacts=exhibits.clips(run, folder, shot.shown, stage) if last else {},
    )


def attack_all(
    work: Work, cell: TalkingHeadCell, world: CellWorld, trained: Trained | None
) -> tuple[dict[str, AttackResult], Gallery | None, dict[str, AttackResult]]:
    """Attacks on what the row releases and says, what was made of messages, and attacks on the last variant's adapters.

    A row that shares nothing is its last adapters itself, so that those attacks are its own.
    """
    clock, report = work.clock, work.report
    means: Means = work.place.resources
    if trained is None or cell.training is None:
        return {}, None, {}
    question = attack.Question(
        spec=cell.training.attack,
        seed=cell.seed,
        adapter=adapter_config(cell.method, cell.training.adapter),
        members=tuple(world.people[: cell.corpus.attacked]),
        nonmembers=tuple(world.population.people("heldout")),
        own=tuple(world.population.people("shadow")),
        store=world.store,
        worlds=ShadowPlan.of(cell, means.network, means.corpus),
    )
    holders = {client.index for client in tested(world.people, world.clients, cell.corpus.tested)}
    owners = [client.index for client in world.clients if client.index in holders]
    with clock.stage("attacking"):
        found = attack.attack_cell(report, question, trained, world.clients, trained.factor)
        recipe = Recipe(cell.training.federation, cell.training.personalisation)
        leaked = leak.on_personal_adapters(question, trained, world.clients, owners, recipe)
    with clock.stage("inverting"):
        made = reconstruct(
            ReconstructionSetting(
                cell=cell,
                trained=trained,
                knowledge=attack.knowing(question),
                clients=world.clients,
                store=world.store,
                folder=work.place.checkpoints(cell),
            ),
            report,
        )
    if trained.alone:
        return found | leaked | made.attacks, made.gallery, {}
    return found | made.attacks, made.gallery, leaked


def _federation(trained: Trained, guarantee: Privacy, found: RoundChecks | None) -> FederationBlock:
    state = trained.state
    return FederationBlock(
        privacy=guarantee,
        training=_curves(state.curves, guarantee),
        communication_bytes=state.transcript.communication,
        checks=found,
    )


def _curves(curves: Curves, guarantee: Privacy) -> dict[str, list[float | None]]:
    """Curves by round. Losses, norms and weights are releases without noise, which a guarantee does not survive."""
    shown = RELEASED if guarantee.guarantee else tuple(curves)
    return {name: list(curves[name]) for name in shown if name in curves}
