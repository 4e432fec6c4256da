"""The audit of the federated row: what canaries among its sums certify of its ε, beside what the accountant says."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from privtalk.attacks.audit.canary_run import Sums, audit_sums, usual_norms
from privtalk.bench.audit_records import audited, outsiders
from privtalk.bench.tasks.speech_3d.federating import federation_of, mechanism, stream_of
from privtalk.bench.tasks.speech_3d.settings import EPS, Speech3dCell
from privtalk.core.records import Audit, Privacy
from privtalk.methods.speech_3d.federated import FederatedRound

CANARIES = 2000
"""Made-up clients, half of whom are in, as in the talking heads' federation."""


def audits(
    cell: Speech3dCell, clients: int, rounds: Sequence[FederatedRound], guarantee: Privacy
) -> tuple[Audit, ...]:
    """Returns the canaries' audit of the sums of a federation's rounds; none where nobody sent anything.

    Parameters: `clients`, those of the population; `rounds`, as they were played; `guarantee`, as the record claims
    it. Raises `PrivacyViolationError` where the canaries certify more than the accountant allows.
    """
    said = [seen.messages for seen in rounds if seen.messages.any()]
    if not said:
        return ()
    started, federation = time.perf_counter(), federation_of(cell)
    used = mechanism(cell, clients, said[0].shape[1])
    clips = (federation.clip,) * len(said) if EPS in cell.at else usual_norms(said)
    sums = Sums(
        totals=torch.stack([messages.double().sum(0) for messages in said]), clips=clips, rate=federation.rate
    )
    found = audit_sums(sums, used, outsiders(guarantee, clients), stream_of(cell), count=CANARIES)
    found.report.check()
    return (audited(found, time.perf_counter() - started),)
