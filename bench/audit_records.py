"""The verdicts of canaries, in the record's types."""

from __future__ import annotations

import math
from typing import TypeVar

from pydantic import BaseModel

from privtalk.attacks.audit.canary_run import CanaryAudit
from privtalk.attacks.audit.report import AccountedBound
from privtalk.core import records
from privtalk.core.records import Audit, Estimate, Privacy
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting

VIEW = "sums"
"""The view that canaries are looked for in: every round's sum."""
Recorded = TypeVar("Recorded", bound=BaseModel)


def outsiders(guarantee: Privacy, clients: int) -> AccountedBound:
    """Returns the outsider's ε as a bound for canaries: nobody who looks for one knows its rounds.

    Infinite where nothing is guaranteed; δ is then the default of so many clients.
    """
    epsilon = guarantee.epsilons.outsider if guarantee.guarantee else None
    return AccountedBound(
        epsilon=math.inf if epsilon is None else epsilon,
        delta=guarantee.delta or accounting.default_delta(clients),
        accountant=guarantee.accountant or "none",
        neighbouring=guarantee.neighbouring or "add or remove one client",
    )


def audited(found: CanaryAudit, seconds: float) -> Audit:
    """Returns an audit by canaries as records hold it; `seconds` are those that it took."""
    report = found.report
    return Audit(
        view=VIEW,
        subject=report.subject,
        canaries=found.canaries,
        norm=found.norm,
        auc=Estimate(**vars(found.auc)),
        upper=tuple(
            records.UpperBound(
                accountant=bound.accountant,
                epsilon=bound.epsilon if math.isfinite(bound.epsilon) else None,
                delta=bound.delta,
                neighbouring=bound.neighbouring,
            )
            for bound in report.upper
        ),
        certified=tuple(_as(records.LowerBound, low) for low in report.certified),
        estimates=tuple(_as(records.EpsilonEstimate, guess) for guess in report.estimates),
        violations=tuple(str(violation) for violation in report.violations),
        seconds=seconds,
    )


def _as(model: type[Recorded], thing: object) -> Recorded:
    """The record's form of a thing that has all its fields."""
    return model.model_validate({name: getattr(thing, name) for name in model.model_fields})
