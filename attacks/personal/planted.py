"""How strong the attacks on personal adapters are where there is something to find: adapters of the attacker's people.

Some of them take the run's private steps from the initial adapter, which is public, and are asked what leaked ones are
asked: whose an adapter is, beside as many strangers, and which of two clips was in it. Whether it tells of others is
asked of people who go on from what a few others trained together.

Shape legend: K of the attacker's people who own an adapter, W adapters that go on from others', S people asked about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.membership.planted import mean_rate
from privtalk.attacks.outcome import StrengthOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.personal.clip_in_personal import clip_in_personal
from privtalk.attacks.personal.others_in_personal import mean_gains
from privtalk.attacks.personal.owners import attack_owners
from privtalk.attacks.personal.target import PersonalTarget
from privtalk.attacks.planted_messages import headline
from privtalk.attacks.roc import auc
from privtalk.attacks.shadows import Members
from privtalk.attacks.views import PersonalView
from privtalk.core.streams import Stream


def clip_strength(
    view: PersonalView, target: PersonalTarget, stream: Stream, planted: str
) -> StrengthOutcome | None:
    """AUC of `clip_in_personal` on K adapters and two clips of each of their owners; None where it is undefined."""
    found = headline(clip_in_personal(view, target, stream))
    return None if found is None else StrengthOutcome(estimate=found, planted=planted)


def owner_strength(
    view: PersonalView, knowledge: Knowledge, truth: PairLabels, planted: str
) -> StrengthOutcome | None:
    """Rank-1 rate of whose an adapter is, on K adapters beside the strangers of `truth`; None where it is undefined."""
    found = headline(attack_owners(view, knowledge, truth))
    return None if found is None else StrengthOutcome(estimate=found, planted=planted)


def others_strength(
    view: PersonalView, target: PersonalTarget, owners: Sequence[int], members: Members, planted: str
) -> StrengthOutcome:
    """AUC of `others_in_personal` on each of W adapters alone, mean over them with Student's interval.

    `members` [W, S] says who trained what an adapter goes on from; `owners` [W] whose it is, who is not asked about.
    """
    values = []
    for row, owner in enumerate(owners):
        alone = replace(view, adapters=view.adapters.unflatten(view.adapters.flatten()[[row]]))
        gains = mean_gains(alone, target)
        others = np.arange(members.shape[1]) != owner
        values.append(auc(gains[members[row] & others], gains[~members[row] & others]))
    return StrengthOutcome(estimate=mean_rate(values), planted=planted)
