"""Synthetic records of protections, each by two attackers, as hand-made as the figures that they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from privtalk.bench.tasks.portrait_protection.task import KINDS
from privtalk.core.cache import content_hash
from privtalk.core.record_parts import ControlCheck, Estimate, ProtectionBlock, Score, Variant
from privtalk.core.records import Code, Record, Sample
from privtalk.core.upgrade import at_of
from privtalk.metrics.protection.registry import PROTECTION_METRICS, UNDER_ATTACK
from tests.leaderboards.conftest import Runs, estimate

OWNERS = 12
CONTROL: Mapping[tuple[str, str], float] = {
    ("unprotected", "none"): 1.0,
    ("random_noise", "budget=8"): 0.99,
    ("audio_swap", "budget=8"): 0.1,
    ("silencer", "budget=8"): 0.4,
    ("silencer_latent", "budget=8"): 0.3,
    ("mouth_freeze", "budget=8"): 0.2,
    ("silencer", "budget=16"): 0.25,
}
"""Row -> audio control retained where nobody attacks."""
RESTORED: Mapping[str, float] = {"jpeg_and_half_size": 0.2, "diffpure": 0.5}
"""Attacker -> what it adds to that."""
COST: Mapping[tuple[str, str], float] = {
    ("silencer_latent", "budget=8"): 33.0,
    ("silencer", "budget=16"): 28.5,
}
"""I-PSNR of those rows whose budget does not say it."""


def figures(method: str, tier: str, control: float) -> dict[str, float]:
    """Every metric's mean of a row."""
    clean = method == "unprotected"
    return {
        "audio_control": control,
        "mouth_energy": 0.5 + control / 2,
        "identity_kept[talkhead]": 0.97,
        "face_shift[talkhead]": 0.01,
        "still_psnr": 38.0,
        "portrait_psnr": 100.0 if clean else COST.get((method, tier), 34.0),
        "portrait_ssim": 1.0 if clean else 0.92,
        "portrait_lpips[talkhead]": 0.0 if clean else 0.08,
        "sync[talkhead]": 3.0 * control,
        "v_psnr": 30.0,
        "v_ssim": 0.9,
        "m_lmd[talkhead]": 0.02,
        "v_fid[talkhead]": 1.0,
    }


def shots(at: dict[str, str], means: Mapping[str, float], names: Any, seed: int) -> list[Sample]:
    """A clip of each owner about the means, whose deviations sum to nothing."""
    draw = np.random.default_rng([seed, *repr(sorted(at.items())).encode()])
    off = {name: 0.02 * draw.permutation(np.linspace(-1, 1, OWNERS)) for name in names}
    return [
        Sample(
            client=f"owner-{k:02d}",
            clip="test-00",
            at=at,
            scores={name: means[name] * (1 + off[name][k]) for name in names},
        )
        for k in range(OWNERS)
    ]


def scores(samples: list[Sample], names: Any) -> dict[str, Score]:
    return {
        name: Score(
            estimate=estimate(samples, name),
            unit=PROTECTION_METRICS[name].unit,
            direction=PROTECTION_METRICS[name].direction,
            family=PROTECTION_METRICS[name].family,
            about=PROTECTION_METRICS[name].about,
            level=PROTECTION_METRICS[name].level,
        )
        for name in names
    }


def block(tier: str, *, fails: bool = False, bounded: bool = True) -> ProtectionBlock:
    """The block of a row, with a control that decides and one that is shown."""
    kept = Estimate(
        value=0.5 if fails else 1.0, low=0.4 if fails else 0.98, high=0.6 if fails else 1.02, n=12
    )
    return ProtectionBlock(
        budget=float(at_of(tier)["budget"]),
        bounded=bounded,
        largest=8,
        controls={
            "noise of equal I-PSNR": ControlCheck(
                estimate=kept, about="uniform noise", decides=True, passed=not fails
            ),
            "shuffled by blocks": ControlCheck(
                estimate=kept, about="in another order", decides=False, passed=True
            ),
        },
    )


def protected(
    control: Mapping[tuple[str, str], float] = CONTROL,
    restored: Mapping[str, float] = RESTORED,
    seeds: tuple[int, ...] = (0,),
) -> Runs:
    """A record a row and seed; rows at 8/255 and the clean portrait are attacked."""
    runs = Runs()
    for seed in seeds:
        for (method, tier), kept in control.items():
            runs.add(*one(method, tier, seed, kept, restored if tier in ("none", "budget=8") else {}))
    return runs


def one(
    method: str, tier: str, seed: int, kept: float, restored: Mapping[str, float]
) -> tuple[Record, list[Sample]]:
    cell = {"task": "portrait_protection", "method": method, "at": at_of(tier), "seed": seed}
    own = shots({}, figures(method, tier, kept), tuple(PROTECTION_METRICS), seed)
    samples, variants = list(own), []
    for attacker, more in restored.items():
        at = {"attacker": attacker}
        attacked = shots(at, figures(method, tier, min(kept + more, 1.1)), UNDER_ATTACK, seed)
        variants.append(Variant(at=at, about=f"what {attacker} does", metrics=scores(attacked, UNDER_ATTACK)))
        samples += attacked
    record = Record(
        task="portrait_protection",
        cell_id=content_hash(cell),
        cell=cell,
        suite="portrait_protection",
        preset="small",
        row=method,
        at=at_of(tier),
        seed=seed,
        kind=KINDS.get(method, "method"),
        code=Code(version="0.1.0"),
        environment={"python": "3.12"},
        started="2026-01-01T10:00:00Z",
        timings={"protecting": 0.5},
        peak_memory_mib=10.0,
        metrics=scores(own, tuple(PROTECTION_METRICS)),
        protection=None if method == "unprotected" else block(tier, bounded=method != "silencer_latent"),
        variants=tuple(variants),
    )
    return record, samples


def without(runs: Runs, *metrics: str) -> Runs:
    """The runs in which nobody could take some metrics, in no row and by no attacker."""

    def missing(found: Mapping[str, Score]) -> dict[str, Score]:
        gone = Estimate(missing="no network reads it")
        return {n: s.model_copy(update={"estimate": gone}) if n in metrics else s for n, s in found.items()}

    def blind(record: Record) -> Record:
        seen = tuple(v.model_copy(update={"metrics": missing(v.metrics)}) for v in record.variants)
        return record.model_copy(update={"metrics": missing(record.metrics), "variants": seen})

    changed = runs.changed(blind)
    for cell, samples in changed.samples.items():
        changed.samples[cell] = [
            s.model_copy(update={"scores": {n: None if n in metrics else v for n, v in s.scores.items()}})
            for s in samples
        ]
    return changed


def failing(runs: Runs, method: str) -> Runs:
    """The runs in which a control of a row fails."""

    def fail(record: Record) -> Record:
        if record.row != method:
            return record
        return record.model_copy(update={"protection": block(record.tier, fails=True)})

    return runs.changed(fail)
