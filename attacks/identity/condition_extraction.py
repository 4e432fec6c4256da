"""Condition extraction: read a face's embedding out of the updates, without a gallery (TIGER, 2606.18312).

The rows of ΔA of the layers that read condition tokens, of all of a client's rounds, are stacked. Landmark and audio
tokens change from window to window; the identity does not, so it is the strongest direction that is the client's own:

    ê_k = top right singular vector of the stacked rows,    score(k, p) = |cos(ê_k, e_p - mean_q e_q)|

The sign is lost with the rows' coefficients. `verification` is what a face-recognition gate sees: how often ê_k passes
as its own person at a false-acceptance rate of 10 %.

Shape legend: K clients, P people, n stacked rows of a client, E token width.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import Evaluation
from privtalk.attacks.identity.tokens import row_space, token_rows
from privtalk.attacks.outcome import MeasureOutcome
from privtalk.attacks.pairs import CandidateFeatures, MessageAttack, NotApplicable, ScoreMatrix, centred, unit
from privtalk.attacks.views import ServerRound


def extracted(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> dict[int, Tensor]:
    """Client -> [E] unit vector (zero where its messages are), of the identity token up to sign."""
    rows: dict[int, list[Tensor]] = {}
    for r in rounds:
        for client, part in zip(r.cohort, token_rows(candidates.template, r.messages), strict=True):
            rows.setdefault(client, []).append(part)
    return {client: row_space(torch.cat(rows[client])[None], 1)[0, 0] for client in sorted(rows)}


def condition_extraction(rounds: Sequence[ServerRound], candidates: CandidateFeatures) -> ScoreMatrix:
    """Scores in 0..1 of every client that took part with every person; larger means "this person"."""
    found = extracted(rounds, candidates)
    if not found:
        raise NotApplicable("no client took part in any round")
    cosines = torch.stack(list(found.values())) @ unit(centred(candidates.tokens)).T
    return ScoreMatrix(tuple(found), np.abs(cosines.double().numpy()))


def verification(evaluation: Evaluation) -> MeasureOutcome:
    """Rate at which an extracted embedding passes as its own person, at a false-acceptance rate of at most 10 %."""
    point = evaluation.points[0]
    return MeasureOutcome(
        estimate=point.tpr,
        chance=point.fpr_target,
        unit="rate",
        about=f"true acceptance at a false-acceptance rate of {point.fpr_target:g}",
    )


ATTACK = MessageAttack(
    declaration=Declaration(
        name="condition_extraction",
        family="identity",
        view="server",
        statistic="|cosine| of the identity token with the top singular vector of all of a client's ΔA",
        source="TIGER, 2606.18312",
        headline="verification",
    ),
    score=condition_extraction,
)
