"""The findings of attacks, in the record's types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import Evaluation
from privtalk.attacks.outcome import AttackOutcome, StrengthOutcome
from privtalk.core import records
from privtalk.core.records import AttackResult, Control, Estimate, Measure, OperatingPoint

NOT_CALLED = "this attack calls nobody a member; see its measures"


def recorded(outcome: AttackOutcome, seconds: float) -> AttackResult:
    """An attack's result; `seconds` are those of all attacks that shared its passes."""
    about, found = outcome.declaration, outcome.evaluation
    whole = dict.fromkeys(("auc", "advantage"), Estimate(missing=_reason(outcome)))
    if found is not None:
        whole = {"auc": estimate(found.auc), "advantage": estimate(found.advantage)}
    return AttackResult(
        view=about.view,
        statistic=about.statistic,
        positives=0 if found is None else found.positives,
        negatives=0 if found is None else found.negatives,
        **whole,
        points=() if found is None else _points(found),
        roc=() if found is None else found.roc,
        controls={
            name: Control(auc=estimate(control.auc), passed=control.passed)
            for name, control in outcome.controls.items()
        },
        valid=outcome.valid,
        seconds=seconds,
        family=about.family,
        source=about.source,
        footage=about.footage,
        headline=about.headline,
        measures={
            name: Measure(
                estimate=estimate(measure.estimate),
                chance=measure.chance,
                unit=measure.unit,
                direction=measure.direction,
                about=measure.about,
            )
            for name, measure in outcome.measures.items()
        },
        curves=dict(outcome.curves),
        strength=None if outcome.strength is None else _strength(outcome.strength),
    )


def all_recorded(outcomes: Mapping[str, AttackOutcome], seconds: float) -> dict[str, AttackResult]:
    """The results of attacks that shared their passes."""
    return {name: recorded(outcome, seconds) for name, outcome in outcomes.items()}


def missing(about: Declaration, reason: str) -> AttackResult:
    """An attack that was not run."""
    nothing = Estimate(missing=reason)
    return AttackResult(
        view=about.view,
        statistic=about.statistic,
        positives=0,
        negatives=0,
        auc=nothing,
        advantage=nothing,
        points=(),
        roc=(),
        controls={},
        valid=False,
        seconds=0.0,
        family=about.family,
        source=about.source,
        footage=about.footage,
        headline=about.headline,
    )


def strengthened(
    outcomes: Mapping[str, AttackOutcome], strengths: Mapping[str, StrengthOutcome]
) -> dict[str, AttackOutcome]:
    """With how strong each attack was shown to be, where that is known."""
    return {
        name: replace(outcome, strength=strengths[name]) if name in strengths else outcome
        for name, outcome in outcomes.items()
    }


def estimate(interval: Any) -> Estimate:
    """The record's form of an `attacks.roc.Interval`."""
    return Estimate(**vars(interval))


def _points(found: Evaluation) -> tuple[OperatingPoint, ...]:
    return tuple(
        OperatingPoint(
            fpr_target=point.fpr_target,
            fpr_realised=point.fpr_realised,
            threshold=point.threshold,
            tpr=estimate(point.tpr),
        )
        for point in found.points
    )


def _strength(strength: StrengthOutcome) -> records.Strength:
    return records.Strength(estimate=estimate(strength.estimate), planted=strength.planted)


def _reason(outcome: AttackOutcome) -> str:
    """Why there is no AUC: what the headline lacks, or that the attack has none."""
    headline = outcome.measures.get(outcome.declaration.headline)
    reason = None if headline is None else headline.estimate.missing
    return reason or NOT_CALLED
