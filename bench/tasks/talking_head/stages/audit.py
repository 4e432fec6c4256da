"""The audit of a cell: what canary clients among its sums certify of its ε, beside what the accountant says."""

from __future__ import annotations

import time
from functools import partial

import torch
from torch import Tensor

from privtalk.attacks.audit.canary_run import Sums, audit_sums, usual_norms
from privtalk.bench.audit_records import audited, outsiders
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell, Training
from privtalk.bench.tasks.talking_head.stages.train import Trained
from privtalk.core.records import Audit, Privacy
from privtalk.core.seeds import torch_stream
from privtalk.methods.federation.aggregate import Aggregation
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.registry import METHODS


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
    upper = outsiders(guarantee, clients)
    found = audit_sums(
        _sums(training, trained),
        mechanism,
        upper,
        partial(torch_stream, cell.seed),
        count=training.attack.canaries,
    )
    found.report.check()
    return (audited(found, time.perf_counter() - started),)


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
