"""Was this clip in this personal adapter? (Yeom et al., 1709.01604, over the base as Kandpal et al., 2310.09266)

The attacker holds a leaked adapter and a clip of its owner, and asks whether private steps were taken on it:

    score(adapter, clip) = mean of  loss_base(x, t, ε) - loss_adapter(x, t, ε)  over windows x, timesteps t, noise ε

A clip that was trained on stands against one of the same person that was not, so that a face alone tells nothing.
Every owner gives one of each: adapters are independent of one another, clips of one adapter are not. Both have the
same portrait and are cut at the same places.

The same clips asked of the next owner's adapter stand beside: what they have in common by their start, not by leaking.

Shape legend: K leaked adapters, 2K clips.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from privtalk.attacks.controls import CHANCE
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.outcomes import outcome
from privtalk.attacks.outcome import AttackOutcome, MeasureOutcome
from privtalk.attacks.personal.target import PersonalTarget, each_loss
from privtalk.attacks.probing import Scores
from privtalk.attacks.roc import auc_interval
from privtalk.attacks.rounding import difference
from privtalk.attacks.views import PersonalView
from privtalk.core.streams import Stream

DECLARATION = Declaration(
    name="clip_in_personal",
    family="membership",
    view="personal",
    statistic="mean over a clip's windows, timesteps and noise of base loss - loss of its owner's leaked adapter",
    source="cf. Yeom et al. 2018 (1709.01604), Kandpal et al. 2023 (2310.09266)",
    footage="exact",
)
ANOTHER = "another_adapter"


def clip_in_personal(view: PersonalView, target: PersonalTarget, stream: Stream) -> AttackOutcome:
    """The outcome on clips of the adapters' owners, in their order: K that were trained on, then K that were not."""
    scores, known = gains(view, target), target.known
    found = outcome(DECLARATION, scores, known, target.blanks, stream)
    count = int(known.sum())
    if count < 2:
        return found
    order = np.roll(np.arange(count), -1)
    flat = view.adapters.flatten()
    other = gains(replace(view, adapters=view.adapters.unflatten(flat[order.tolist()])), target)
    common = MeasureOutcome(
        estimate=auc_interval(other[known], other[~known]),
        chance=CHANCE,
        unit="auc",
        about="of the same clips, asked of the next owner's adapter",
    )
    return replace(found, measures={ANOTHER: common})


def gains(view: PersonalView, target: PersonalTarget) -> Scores:
    """[2K] what each adapter gains over the base on its owner's clips."""
    count = len(view.adapters.flatten())
    if 2 * count != len(target.footage):
        raise ValueError(f"{count} adapters and {len(target.footage)} clips; give two clips an adapter")
    halves = (target.footage[:count], target.footage[count:])
    losses = np.concatenate([each_loss(view, half, target.draws) for half in halves])
    return difference(target.base, losses)
