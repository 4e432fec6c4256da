"""The audit of a cell: what canary clients among its sums certify of its ε, beside what the accountant says."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TypeVar

import torch
from pydantic import BaseModel
from torch import Tensor

from privtalk.attacks.audit.canary_run import CanaryAudit, Sums, audit_sums, usual_norms
from privtalk.attacks.audit.report import AccountedBound
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell, Training
from privtalk.bench.tasks.talking_head.stages.train import Trained
from privtalk.core import records
from privtalk.core.records import Audit, Estimate, Privacy
from privtalk.core.seeds import torch_stream
from privtalk.methods.federation.aggregate import Aggregation
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.registry import METHODS

VIEW = "sums"
Recorded = TypeVar("Recorded", bound=BaseModel)


def audit(
    cell: TalkingHeadCell, trained: Trained, mechanism: RunMechanism, guarantee: Privacy, clients: int
) -> tuple[Audit, ...]:
    """One audit of a federated row; none of rows that send no messages.

    Raises `PrivacyViolationError` where the canaries certify more than the accountant allows.
    """
    training = cell.training
    if training is None or cell.method not in METHODS or not training.attack.canaries:
        return ()
    started = time.perf_counter()
    upper = _upper(guarantee, clients)
    found = audit_sums(
        _sums(training, trained),
        mechanism,
        upper,
        partial(torch_stream, cell.seed),
        count=training.attack.canaries,
    )
    found.report.check()
    return (_recorded(found, guarantee, time.perf_counter() - started),)


def _upper(guarantee: Privacy, clients: int) -> AccountedBound:
    """The outsider's ε: no canary's rounds are known to whoever looks for it."""
    epsilon = guarantee.epsilons.outsider if guarantee.guarantee else None
    return AccountedBound(
        epsilon=math.inf if epsilon is None else epsilon,
        delta=guarantee.delta or accounting.default_delta(clients),
        accountant=guarantee.accountant or "none",
        neighbouring=guarantee.neighbouring or "add or remove one client",
    )


def _sums(training: Training, trained: Trained) -> Sums:
    """The sums of the last rounds, as they were kept."""
    said, dim = trained.state.transcript, trained.message_length
    if not any(map(len, said.messages.values())):
        raise ValueError("no round kept a message; raise federation.rate or attack.rounds")
    sent = [(r, messages[:, :dim]) for r, messages in said.messages.items() if messages.any()]
    if not sent:
        raise ValueError("every message that was kept is zero; raise federation.local_steps or attack.rounds")
    federation = training.federation
    return Sums(
        totals=torch.stack([messages.double().sum(0) for _, messages in sent]),
        clips=_clips(trained, sent),
        rate=federation.rate,
        separation=federation.separation if federation.sampling == "cyclic" else None,
        how=Aggregation(1.0, federation.normalisation, federation.appended_share),
    )


def _clips(trained: Trained, sent: list[tuple[int, Tensor]]) -> tuple[float, ...]:
    """C of each round, which adaptive clipping changes; without one, a usual message."""
    curve = trained.state.curves.get("clip", ())
    known = [curve[r] for r, _ in sent]
    usual = usual_norms([messages for _, messages in sent])
    return tuple(u if c is None else c for c, u in zip(known, usual, strict=True))


def _recorded(found: CanaryAudit, guarantee: Privacy, seconds: float) -> Audit:
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
