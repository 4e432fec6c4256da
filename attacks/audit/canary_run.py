"""Audit of a run by canary clients, at no training cost (one-run auditing: Steinke, Nasr and Jagielski, 2305.08846).

The rounds of a run are summed once more with canaries among the clients, and with noise of its own where whoever sums
adds it. A canary that is in by its coin takes part in a round with the run's own chance, as any client does. Whoever
sees every round's sum scores canary i by

    Σ_r ⟨c_i, S_r⟩

and so does whoever sees the released adapter alone, which moves by the sum of the S_r (up to a constant, without
momentum). The run itself is left as it is: canaries would change what is trained.

Shape legend: T rounds, n canaries, d numbers in an update.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from privtalk.attacks.audit.canaries import Canaries, summed
from privtalk.attacks.audit.report import AccountedBound, AuditReport
from privtalk.attacks.audit.scores import evidence
from privtalk.attacks.roc import auc_interval
from privtalk.core.intervals import Interval
from privtalk.core.streams import Stream
from privtalk.methods.federation.aggregate import Aggregation, with_noise
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism

LEVEL = 0.999
"""The confidence of each certified bound: a correct mechanism that is tight fails one run in a thousand."""
PUBLIC = Aggregation(denominator=1.0)
SUBJECT = "every round's sum, with canary clients among the others"


@dataclass(frozen=True, kw_only=True)
class Sums:
    """The sums of a run."""

    totals: Tensor
    """float64 [T, d]: sums of messages, before noise that is added to the sum."""
    clips: tuple[float | None, ...]
    """C of each round, which is how long a canary is; where nothing is clipped, a usual message (`usual_norms`)."""
    rate: float
    """q: chance of a client to take part in a round, which nobody else is told."""
    separation: int | None = None
    """Rounds between two turns of a client, where clients take turns instead."""
    how: Aggregation = PUBLIC
    """How they were aggregated; of what is carried beside an update the totals hold nothing."""


@dataclass(frozen=True, kw_only=True)
class CanaryAudit:
    """The verdict of the canaries."""

    report: AuditReport
    canaries: int
    norm: float
    """Largest of any round."""
    auc: Interval
    """The AUC of canaries that are in against those that are out."""


def audit_sums(
    sums: Sums, mechanism: RunMechanism, upper: AccountedBound, stream: Stream, *, count: int
) -> CanaryAudit:
    """`count` canaries, half of them in by fair coins, against the ε that `upper` accounts for the whole run."""
    norms = [_length(clip) for clip in sums.clips]
    made = Canaries(count=count, dim=sums.totals.shape[1], norm=max(norms), stream=stream)
    rounds = range(len(sums.totals))
    present = torch.stack([_present(made, r, sums) for r in rounds])
    totals = sums.totals + made.totals(present, torch.tensor(norms, dtype=torch.float64))
    released = torch.stack([_released(total, mechanism, r, sums, stream) for r, total in enumerate(totals)])
    scores = summed(made.scores(released)).numpy()
    inside = made.included.numpy()
    found = evidence(scores, inside, stream("audit", "run", "splits"), delta=upper.delta, level=LEVEL)
    report = AuditReport(
        subject=SUBJECT, upper=(upper,), certified=found.certified, estimates=found.estimates
    )
    return CanaryAudit(
        report=report, canaries=count, norm=max(norms), auc=auc_interval(scores[inside], scores[~inside])
    )


def usual_norms(messages: Sequence[Tensor]) -> tuple[float, ...]:
    """Median L2 norm of each round's messages [K, d]: how long a canary is where nothing is clipped.

    >>> usual_norms([torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 2.0]])])
    (2.0,)
    """
    return tuple(float(np.median(sent.double().norm(dim=1).numpy())) for sent in messages)


def _present(canaries: Canaries, round_: int, sums: Sums) -> Tensor:
    """bool [n]: who of those that are in takes part in a round."""
    if sums.separation is None:
        return canaries.present(round_, sums.rate)
    turn = torch.arange(canaries.count) % sums.separation == round_ % sums.separation
    return canaries.included & turn


def _length(clip: float | None) -> float:
    if clip is None or not clip > 0:
        raise ValueError(f"a round has clip {clip}: state how long a canary is (`usual_norms`)")
    return clip


def _released(total: Tensor, mechanism: RunMechanism, round_: int, sums: Sums, stream: Stream) -> Tensor:
    """float64 [d] a sum with noise of its own, by the function that aggregates; shares are in messages already."""

    def renamed(*names: str | int) -> torch.Generator:
        return stream("audit", "run", *names)

    if not mechanism.private:
        return total
    used = mechanism.in_round(round_, sums.clips[round_], renamed)
    carries = sums.how.normalisation != "public"
    whole = torch.cat([total, total.new_zeros(int(carries))])
    return with_noise(whole, used, sums.how, renamed("round", round_, "privacy"))[: len(total)]
