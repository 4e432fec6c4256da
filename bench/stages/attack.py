"""User inference on the released adapter: who of these people took part?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch

from privtalk.attacks.membership import user_inference
from privtalk.attacks.views import ReleaseView
from privtalk.bench.corpus.population import Person
from privtalk.bench.networks import open_backbone
from privtalk.bench.records import AttackResult, Control, Estimate, OperatingPoint
from privtalk.bench.seeds import torch_stream
from privtalk.bench.spec import AttackSpec
from privtalk.bench.stages.features import FeatureStore
from privtalk.bench.stages.train import Trained, clip_features
from privtalk.methods.adapters import AdapterBank, AdapterConfig
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.clients import join, take

NAME = "user_inference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Who is asked about, by which probes, of adapters that start from which: what cells of a seed have in common."""

    spec: AttackSpec
    seed: int
    adapter: AdapterConfig
    members: tuple[Person, ...]
    nonmembers: tuple[Person, ...]
    store: FeatureStore


def attack_release(question: Question, trained: Trained) -> AttackResult:
    """Members against held-out people, by fresh clips of both."""
    started = time.perf_counter()
    view = ReleaseView(backbone=open_backbone(question.store.network), adapter=trained.bank)
    result = user_inference.attack(view, aimed(question), partial(torch_stream, question.seed))
    return recorded(result, time.perf_counter() - started)


@lru_cache(maxsize=1)
def aimed(question: Question) -> user_inference.Target:
    """The target, which the cells of a process share."""
    stream, spec = partial(torch_stream, question.seed), question.spec
    backbone = open_backbone(question.store.network)
    initial = AdapterBank.initial(backbone.denoiser, question.adapter, stream)
    return user_inference.aim(
        ReleaseView(backbone=backbone, adapter=initial),
        [probe(spec, person, question.store) for person in question.members],
        [probe(spec, person, question.store) for person in question.nonmembers],
        stream,
        timesteps=spec.timesteps,
        draws=spec.draws,
    )


def missing(reason: str) -> AttackResult:
    """An attack that was not run."""
    nothing = Estimate(missing=reason)
    return AttackResult(
        view=user_inference.VIEW,
        statistic=user_inference.STATISTIC,
        positives=0,
        negatives=0,
        auc=nothing,
        advantage=nothing,
        points=(),
        roc=(),
        controls={},
        valid=False,
        seconds=0.0,
    )


def probe(spec: AttackSpec, person: Person, store: FeatureStore) -> Batch:
    """What the attacker holds of a person: windows of fresh clips, and a portrait from another fresh clip.

    The portrait is frame 0 of the first clip, which gives no windows: an enrolment portrait would be a frame that a
    member's device trained on, and a non-member's did not.
    """
    fresh = store.load(person, "fresh")
    if len(fresh) < 2:
        raise ValueError(
            f"{person.name} has {len(fresh)} fresh clip; user inference needs a portrait's and another"
        )
    clips = [clip_features(fresh, number, store.network.device) for number in range(len(fresh))]
    length = fresh.latents.shape[1]
    starts = [
        number * length + start
        for number in range(1, len(fresh))
        for start in range(0, length - spec.window + 1, spec.window)
    ]
    if not starts:
        raise ValueError(f"fresh clips have {length} frames, attack.window is {spec.window}; set it lower")
    first = torch.tensor(starts[: spec.windows])
    return take(join(clips), first, spec.window, torch.zeros_like(first))


def recorded(result: user_inference.MembershipResult, seconds: float) -> AttackResult:
    """The attack's result in the record's types."""
    return AttackResult(
        view=result.view,
        statistic=result.statistic,
        positives=result.positives,
        negatives=result.negatives,
        auc=_estimate(result.auc),
        advantage=_estimate(result.advantage),
        points=tuple(
            OperatingPoint(
                fpr_target=point.fpr_target,
                fpr_realised=point.fpr_realised,
                threshold=point.threshold,
                tpr=_estimate(point.tpr),
            )
            for point in result.points
        ),
        roc=result.roc,
        controls={
            name: Control(auc=_estimate(control.auc), passed=control.passed)
            for name, control in result.controls.items()
        },
        valid=result.valid,
        seconds=seconds,
    )


def _estimate(interval: Any) -> Estimate:
    return Estimate(**vars(interval))
