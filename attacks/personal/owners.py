"""The owners of leaked personal adapters: `identity.weights_to_identity` on what their private steps moved.

Shape legend: K personal adapters.
"""

from __future__ import annotations

from privtalk.attacks.identity import weights_to_identity
from privtalk.attacks.judgement import judged
from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.server import DEFAULT, ServerSettings, candidates
from privtalk.attacks.views import PersonalView


def attack_owners(
    view: PersonalView, knowledge: Knowledge, truth: PairLabels, settings: ServerSettings = DEFAULT
) -> AttackOutcome:
    """Asks of each of the K adapters whose it is. `truth.own` numbers owners as the bank does.

    Gradients are taken at the adapters' mean, which the attacker of a shared folder of them has.
    """
    moved = weights_to_identity.displacement(view.adapters, view.start)
    mean = knowledge.initial.unflatten(view.adapters.flatten().mean(0, keepdim=True))
    known = candidates(view.backbone, mean, knowledge, settings)
    return judged(weights_to_identity.ATTACK, (moved,), known, truth, knowledge.stream)
