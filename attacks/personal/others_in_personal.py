"""Does a leaked personal adapter tell of others than its owner? (user inference, Kandpal et al., 2310.09266)

A personal adapter goes on from the released one, to which all clients added. The attacker holds a few leaked adapters
and fresh footage of a person whose adapter is not among them, and asks whether that person took part:

    score(person) = mean over the leaked adapters of  base loss - adapter's loss  on fresh windows of the person

Private steps are a function of the release and of their owner's clips: of other clients nothing can be told that the
release does not tell, and its guarantee holds here too. Of adapters that start from scratch it must be at chance.

Shape legend: P people, L leaked adapters.
"""

from __future__ import annotations

import numpy as np

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.outcomes import outcome
from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.personal.target import PersonalTarget
from privtalk.attacks.probing import Scores, Suspect, person_losses
from privtalk.attacks.rounding import difference
from privtalk.attacks.views import PersonalView
from privtalk.core.streams import Stream

DECLARATION = Declaration(
    name="others_in_personal",
    family="membership",
    view="personal",
    statistic="mean over leaked adapters and a person's fresh windows of base loss - adapted loss; not of owners",
    source="cf. Kandpal et al. 2023 (2310.09266)",
    footage="fresh",
)


def others_in_personal(view: PersonalView, target: PersonalTarget, stream: Stream) -> AttackOutcome:
    """The outcome on people who own none of the adapters: first other clients', then people who took no part."""
    return outcome(DECLARATION, mean_gains(view, target), target.known, target.blanks, stream)


def mean_gains(view: PersonalView, target: PersonalTarget) -> Scores:
    """[P] what the leaked adapters gain over the base on each person's footage, on average."""
    losses = [
        person_losses(
            Suspect(backbone=view.backbone, adapter=view.adapters.unflatten(flat[None]), adapt=view.adapt),
            target.footage,
            target.draws,
        )
        for flat in view.adapters.flatten()
    ]
    return difference(target.base, np.mean(losses, axis=0))
