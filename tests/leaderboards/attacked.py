"""Synthetic results of the whole attack set, as records of schema 3 state them: for tests only, never published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri
from scipy.stats import beta

from privtalk.core.records import (
    AttackResult,
    Audit,
    Control,
    EpsilonEstimate,
    Estimate,
    LowerBound,
    Measure,
    OperatingPoint,
    Privacy,
    Record,
    Strength,
    UpperBound,
)

PEOPLE = 96
PLANTED = "adapters of one person each, 16 steps"
STRANGERS = 150


class Kind(NamedTuple):
    """An attack and how it fares."""

    family: str
    view: str
    auc: tuple[float, float, float]
    """Without DP, at ε = 8, at ε = 2."""
    strength: float | None
    """On what is planted; None where nobody looked."""
    footage: str = "fresh"


def _chance(strength: float | None, view: str = "release", family: str = "membership") -> Kind:
    return Kind(family, view, (0.5, 0.5, 0.5), strength)


RELEASED = {
    "loss": 0.78,
    "loss_over_base": 0.84,
    "secmi": 0.66,
    "secmi_over_base": 0.71,
    "pia": 0.74,
    "pia_over_base": 0.8,
    "pian": 0.72,
    "pfami": None,
    "sima": 0.7,
    "clid": 0.52,
    "gsa1": 0.93,
    "gsa2": 0.9,
    "lira": 0.95,
    "rmia": 0.94,
    "cdi": None,
}
KINDS: dict[str, Kind] = {
    "user_inference": Kind("membership", "release", (0.68, 0.55, 0.5), 0.93),
    **{name: _chance(strength) for name, strength in RELEASED.items()},
    "ensemble": Kind("membership", "release", (0.66, 0.54, 0.5), 0.96),
    "malicious_client": Kind("membership", "client", (0.62, 0.54, 0.5), 0.9),
    "update_cosine": Kind("membership", "server", (0.92, 0.92, 0.91), 0.99),
    "gradient_difference": Kind("membership", "server", (0.84, 0.84, 0.83), 0.97, "exact"),
    "fedmia": Kind("membership", "server", (0.95, 0.94, 0.94), 0.99),
    "source_inference": Kind("membership", "server", (0.8, 0.79, 0.78), 0.9),
    "span": Kind("identity", "server", (0.9, 0.89, 0.88), 0.99),
    "condition_extraction": Kind("identity", "server", (0.86, 0.85, 0.85), 0.98),
    "weights_to_identity": Kind("identity", "server", (0.7, 0.69, 0.69), None),
    "attribute_inference": Kind("identity", "server", (0.52, 0.51, 0.5), 0.6),
    "distinguishing": Kind("aggregation", "sums", (0.72, 0.55, 0.5), 0.99),
    "span_on_sums": Kind("aggregation", "sums", (0.6, 0.52, 0.5), 0.95),
}
GAINS = {"dlg": 0.1, "inverting_gradients": 1.4, "gidm": 2.2, "prior_guided": 3.1}
"""Decibels over the prior without DP."""
HEADLINES = {
    "span": "rank1",
    "weights_to_identity": "rank1",
    "condition_extraction": "verification",
    "source_inference": "source",
}
"""Attacks that are not headed by their AUC."""
TIERS = ("none", "eps=8", "eps=2")
SUM_SIZES = (1, 2, 5, 10, 20, 48, 95)


def attacked(record: Record) -> Record:
    """The record with the whole attack set and audits, where it was attacked at all."""
    if not record.attacks:
        return record
    column = TIERS.index(record.tier)
    attacks = {
        name: membership(name, kind, kind.auc[column], record.seed, record.method)
        for name, kind in KINDS.items()
    }
    attacks |= {
        name: reconstruction(name, gain / (1, 4, 20)[column], record.seed) for name, gain in GAINS.items()
    }
    return record.model_copy(update={"attacks": attacks, "audits": (audit(record.privacy),)})


def membership(
    name: str, kind: Kind, auc: float, seed: int, method: str, people: int = PEOPLE
) -> AttackResult:
    """An attack whose scores are Gaussian with the given AUC."""
    generator = np.random.default_rng([seed, *name.encode(), *method.encode()])
    shift = math.sqrt(2) * float(ndtri(auc))
    positives, negatives = generator.normal(shift, 1, people), generator.normal(0, 1, STRANGERS)
    thresholds = np.sort(np.concatenate([positives, negatives]))[::-1]
    roc = (
        (0.0, 0.0),
        *((float((negatives >= t).mean()), float((positives >= t).mean())) for t in thresholds),
    )
    measured = auc_estimate(float((positives[:, None] > negatives[None]).mean()), people)
    control = Control(auc=auc_estimate(0.5, people), passed=True)
    curves = {"auc by clients in the sum": by_size(auc)} if kind.family == "aggregation" else {}
    headline = HEADLINES.get(name, "auc")
    measures = {} if headline == "auc" else {headline: rate(round(people * max(0.01, 2 * auc - 1.3)), people)}
    return AttackResult(
        view=kind.view,
        statistic=f"what {name} scores",
        positives=people,
        negatives=STRANGERS,
        auc=measured,
        advantage=Estimate(value=max(t - f for f, t in roc), low=0.0, high=1.0, n=people + STRANGERS),
        points=(_point(roc, 0.1), _point(roc, 0.01), _refused(0.001)),
        roc=roc,
        controls={"gaussian update": control, "permuted labels": control},
        valid=True,
        seconds=1.5,
        family=kind.family,
        source="a paper",
        footage=kind.footage,
        headline=headline,
        measures=measures,
        curves=curves,
        strength=None
        if kind.strength is None
        else Strength(estimate=auc_estimate(kind.strength, 60), planted=PLANTED),
    )


def reconstruction(name: str, gain: float, seed: int) -> AttackResult:
    """An inversion that says decibels over the prior and calls nobody a member."""
    none = Estimate(missing="reconstruction calls nobody a member")
    value = gain + 0.05 * seed
    decibels = Estimate(value=value, low=value - 0.4, high=value + 0.4, n=24, clusters=24)
    similar = Estimate(value=0.1 + gain / 10, low=0.05 + gain / 10, high=0.15 + gain / 10, n=24, clusters=24)
    return AttackResult(
        view="server",
        statistic=f"what {name} restores",
        positives=0,
        negatives=0,
        auc=none,
        advantage=none,
        points=(),
        roc=(),
        controls={"wrong client": Control(auc=auc_estimate(0.5, 24), passed=True)},
        valid=True,
        seconds=20.0,
        family="reconstruction",
        source="a paper",
        headline="psnr_gain",
        measures={
            "psnr_gain": Measure(estimate=decibels, chance=0.0, unit="dB", about="over the prior alone"),
            "identity_gain": Measure(estimate=similar, chance=0.0, unit="cosine"),
        },
        strength=Strength(
            estimate=decibels.model_copy(update={"value": 9.0, "low": 8.0, "high": 10.0}), planted="x"
        ),
    )


def audit(privacy: Privacy, certified: float = 0.4, **more: Any) -> Audit:
    """An audit of sums by canaries."""
    delta = privacy.delta or 1e-3
    return Audit(
        view="sums",
        subject="500 canaries in, 500 out",
        canaries=1000,
        norm=1.0,
        auc=auc_estimate(0.6, 500),
        upper=(
            UpperBound(
                accountant="PLD",
                epsilon=privacy.epsilons.outsider,
                delta=delta,
                neighbouring="add or remove one client",
            ),
        ),
        certified=(
            LowerBound(name="one_run", epsilon=certified, delta=delta, confidence=0.95, n=1000),
            LowerBound(
                name="gaussian_dp",
                epsilon=certified,
                delta=delta,
                confidence=0.95,
                n=1000,
                assumption="the mechanism is Gaussian",
            ),
        ),
        estimates=(EpsilonEstimate(name="one_shot", epsilon=1.1, low=0.2, high=2.1, delta=delta),),
        **more,
    )


def by_size(auc: float) -> tuple[tuple[float, float], ...]:
    """AUC that falls with the number of clients in the sum."""
    return tuple((float(n), 0.5 + (auc - 0.5) * 1.6 / (1 + 0.25 * (n - 1))) for n in SUM_SIZES)


def auc_estimate(value: float, people: int) -> Estimate:
    """An AUC with an interval on the logit scale."""
    value = min(max(value, 0.001), 0.999)
    centre, half = math.log(value / (1 - value)), 1.96 * 0.55 / math.sqrt(people * value * (1 - value))
    low, high = (1 / (1 + math.exp(-end)) for end in (centre - half, centre + half))
    return Estimate(value=value, low=low, high=high, n=2 * people, clusters=2 * people)


def rate(hits: int, people: int) -> Measure:
    """A rank-1 rate."""
    return Measure(
        estimate=_binomial(hits, people), chance=1 / STRANGERS, unit="rate", about="of people named first"
    )


def _point(roc: Sequence[tuple[float, float]], target: float) -> OperatingPoint:
    fpr, tpr = max(p for p in roc if p[0] <= target)
    return OperatingPoint(
        fpr_target=target, fpr_realised=fpr, threshold=0.5, tpr=_binomial(round(tpr * PEOPLE), PEOPLE)
    )


def _refused(target: float) -> OperatingPoint:
    return OperatingPoint(
        fpr_target=target, tpr=Estimate(missing=f"needs at least 1000 non-members, there are {STRANGERS}")
    )


def _binomial(hits: int, n: int) -> Estimate:
    low = float(beta.ppf(0.025, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0
    return Estimate(value=hits / n, low=low, high=high, n=n, clusters=n)


def guaranteed(record: Record, privacy: Privacy) -> Record:
    """The record with another guarantee."""
    assert record.federation
    block = record.federation.model_copy(update={"privacy": privacy})
    return record.model_copy(update={"federation": block})
