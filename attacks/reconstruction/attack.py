"""Reconstruction from single messages: run the attacks, measure them against the prior, keep the pictures.

The attacker is a server that sees each client's message. It knows the published backbone, the recipe and public
people. The truth enters when the pictures are finished and are scored, and nowhere else.

Shape legend: V victims, N rows (victims, wrong clients, planted people), latents C x h x w, frames H x W.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.outcome import AttackOutcome, MeasureOutcome, StrengthOutcome
from privtalk.attacks.reconstruction.catalogue import ATTACKS, Case, Effort
from privtalk.attacks.reconstruction.evidence import HeardMessages, choose_rounds, hear, wrong_clients
from privtalk.attacks.reconstruction.gallery import (
    Gallery,
    Likeness,
    cross_gains,
    gains,
    told_apart,
    wrong_client_control,
)
from privtalk.attacks.reconstruction.learned_inversion import Simulation, simulate
from privtalk.attacks.reconstruction.matching import Progress
from privtalk.attacks.reconstruction.prior import PublicPrior
from privtalk.attacks.reconstruction.problem import Secrets
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm
from privtalk.attacks.views import ServerView
from privtalk.core.intervals import Interval, mean_interval
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

LOWER_IS_NEARER = frozenset({"lpips"})
"""Measures, by the name before the bracket, of which less is more alike."""
UNITS = {"psnr": "dB"}


@dataclass(frozen=True, kw_only=True)
class Victims:
    """The clients whose messages are inverted, and the truth, which only the scoring reads."""

    clients: tuple[int, ...]
    frames: Tensor
    """uint8 [V, F, H, W, 3] frames that each of them trained on."""
    secrets: Secrets | None = None
    """Timesteps and noise of each victim's message in the first of the rounds read, for a planted positive."""

    def __post_init__(self) -> None:
        distinct = len(set(self.clients))
        if not distinct == len(self.clients) == len(self.frames) or not distinct:
            raise ValueError(
                f"victims {list(self.clients)} with frames of {len(self.frames)}; give distinct clients, each its own"
            )


@dataclass(frozen=True, kw_only=True)
class InversionSettings:
    """The attacks, and how much work they may do."""

    algorithm: LocalAlgorithm
    """The clients' recipe (`LocalAlgorithm.of`)."""
    attacks: tuple[str, ...] = ("learned_inversion", "prior_guided")
    rounds: int = 1
    """Rounds whose messages are read; more where victims share none (`evidence.choose_victims` draws some that do)."""
    components: int = 40
    """The components of the public prior."""
    planted: int = 8
    """Public people kept out of the attacker's models, on whom its strength is measured; 0 for none."""
    effort: Effort = field(default_factory=Effort)

    def __post_init__(self) -> None:
        unknown = [name for name in self.attacks if name not in ATTACKS]
        if unknown:
            raise ValueError(f"unknown attack {unknown[0]!r}; valid: {', '.join(ATTACKS)}")
        if self.rounds < 1 or self.planted < 0:
            raise ValueError(f"{self.rounds} rounds, {self.planted} planted people; need at least 1 and 0")


def attack_messages(
    view: ServerView,
    knowledge: Knowledge,
    victims: Victims,
    settings: InversionSettings,
    progress: Callable[[str], Progress] | None = None,
    measure: Likeness | None = None,
) -> tuple[dict[str, AttackOutcome], Gallery]:
    """Attack -> outcome, and the pictures. `progress(attack)` gives the callback that an attack reports to.

    `knowledge.public` are the people of the prior and of the simulations; `knowledge.stream` gives all randomness.
    `measure` adds likenesses such as LPIPS, whose gains are recorded beside PSNR's.
    """
    case, planted = prepare(view, knowledge, victims.clients, settings)
    case = replace(case, secrets=victims.secrets)
    truth = ReconstructionTruth.of(case.backbone, case.prior, victims.frames.cpu(), planted, measure)
    outcomes, gallery = {}, truth.gallery(victims.clients)
    for name in settings.attacks:
        faces = ATTACKS[name].run(case, progress(name) if progress else None)
        declaration = ATTACKS[name].declaration
        if isinstance(faces, str):
            outcomes[name] = _missing(declaration, faces)
        else:
            pictures = case.backbone.decode(faces).cpu()
            outcomes[name] = score(declaration, truth, pictures)
            gallery = gallery.with_attack(name, pictures)
    return outcomes, gallery


def prepare(
    view: ServerView, knowledge: Knowledge, clients: Sequence[int], settings: InversionSettings
) -> tuple[Case, Sequence[Batch]]:
    """The messages that the attacks read, and the public people who are planted among the rows."""
    backbone, template = cast(Backbone, view.backbone), cast(AdapterBank, knowledge.initial)
    kept = len(knowledge.public) - settings.planted
    if kept < 2:
        raise ValueError(
            f"{len(knowledge.public)} public people, {settings.planted} planted; at least 2 must be left to learn from"
        )
    people, planted = knowledge.public[:kept], knowledge.public[kept:]
    rounds = choose_rounds(view, clients, settings.rounds)
    rows = (*clients, *wrong_clients(rounds, clients, knowledge.stream))
    heard = tuple(
        with_planted(hear(r, rows), backbone, template, settings.algorithm, planted, knowledge.stream)
        for r in rounds
    )
    case = Case(
        backbone=backbone,
        template=template,
        algorithm=settings.algorithm,
        people=people,
        prior=PublicPrior.of(people, settings.components),
        heard=heard,
        stream=knowledge.stream,
        effort=settings.effort,
    )
    return case, planted


def with_planted(
    heard: HeardMessages,
    backbone: Backbone,
    template: AdapterBank,
    algorithm: LocalAlgorithm,
    planted: Sequence[Batch],
    stream: Stream,
) -> HeardMessages:
    """With a message of each of the `planted` people, made by the recipe and never clipped, weighted or noised."""
    if not planted:
        return heard

    def own(*names: str | int) -> torch.Generator:
        return stream("attack", "planted", "round", heard.number, *names)

    once = Simulation(repeats=1, frames=algorithm.frames)
    made = simulate(backbone, template, heard.start, planted, algorithm, once, own)
    return replace(
        heard,
        messages=torch.cat([heard.messages, made.to(heard.messages)]),
        present=torch.cat([heard.present, torch.ones(len(planted), dtype=torch.bool)]),
    )


@dataclass(frozen=True, kw_only=True)
class ReconstructionTruth:
    """The truth that reconstructions are scored by."""

    frames: Tensor
    """uint8 [V, F, H, W, 3]."""
    planted: Tensor
    """uint8 [P, F', H, W, 3]: planted people as the autoencoder draws them."""
    prior: Tensor
    """uint8 [H, W, 3]."""
    measure: Likeness | None

    @classmethod
    def of(
        cls,
        backbone: Backbone,
        prior: PublicPrior,
        frames: Tensor,
        planted: Sequence[Batch],
        measure: Likeness | None = None,
    ) -> ReconstructionTruth:
        mean = backbone.decode(prior.mean[None])[0].cpu()
        people = [backbone.decode(person.latents[0]).cpu() for person in planted]
        empty = frames.new_zeros(0, 1, *mean.shape)
        return cls(
            frames=frames, planted=torch.stack(people) if people else empty, prior=mean, measure=measure
        )

    def gallery(self, clients: tuple[int, ...]) -> Gallery:
        """Without an attack's pictures."""
        return Gallery(clients=clients, victim=self.frames[:, 0].clone(), prior=self.prior)


def score(declaration: Declaration, truth: ReconstructionTruth, pictures: Tensor) -> AttackOutcome:
    """Outcome of reconstructions [N, H, W, 3] of victims, wrong clients and planted people, who may lack."""
    v, p = len(truth.frames), len(truth.planted)
    own, wrong, planted = pictures[:v], pictures[v : 2 * v], pictures[2 * v : 2 * v + p]
    found = gains(truth.frames, own, truth.prior, truth.measure)
    measures = {f"{name}_gain": _gain(name, values) for name, values in found.items()}
    measures["told_apart"] = MeasureOutcome(
        estimate=told_apart(cross_gains(truth.frames, own, truth.prior)),
        chance=0.5,
        unit="rate",
        about="share of other victims at whose frames a reconstruction gains less than at its own",
    )
    control = cross_gains(truth.frames, wrong, truth.prior)
    measures["psnr_gain_wrong_client"] = MeasureOutcome(
        estimate=mean_interval(np.diagonal(control)),
        chance=0.0,
        unit="dB",
        about="the same attack on the message of another client; what a plausible face gains, mostly a loss",
    )
    controls = {"wrong_client": wrong_client_control(control)} if v > 1 else {}
    return AttackOutcome(
        declaration=declaration,
        evaluation=None,
        measures=measures,
        controls=controls,
        strength=_strength(truth, planted),
    )


def _strength(truth: ReconstructionTruth, pictures: Tensor) -> StrengthOutcome | None:
    if not len(pictures):
        return None
    values = gains(truth.planted, pictures, truth.prior)["psnr"]
    return StrengthOutcome(
        estimate=mean_interval(values),
        planted="messages of public people kept out of the attack's models, by the clients' recipe, without protection",
    )


def _gain(name: str, values: NDArray[np.float64]) -> MeasureOutcome:
    lower = name.partition("[")[0] in LOWER_IS_NEARER
    return MeasureOutcome(
        estimate=mean_interval(values),
        chance=0.0,
        unit=UNITS.get(name, ""),
        direction="lower" if lower else "higher",
        about=f"{name} at the victim's frames less that of the prior's mean face",
    )


def _missing(declaration: Declaration, reason: str) -> AttackOutcome:
    measure = MeasureOutcome(estimate=Interval(missing=reason), chance=0.0, unit="dB")
    return AttackOutcome(declaration=declaration, evaluation=None, measures={"psnr_gain": measure})
