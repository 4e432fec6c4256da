"""Malicious client: who else took part, from the global adapters that one client was sent.

A client that takes part in rounds r_1 < r_2 < ... is sent θ_{r_1}, θ_{r_2}, ... and may keep them, with the release
θ_T at the end. Each difference is what everybody did in between; its own part it knows and subtracts:

    s_i = θ_{r_{i+1}} - θ_{r_i} - own_i
    cosine(person) = mean over i of cos(s_i, -(g - ḡ)),   g = ∇ loss(person; θ_{r_1}),  ḡ its mean over people
    loss(person)   = loss(person; θ_{r_1}) - loss(person; θ_{r_1} + Σ_i s_i)

The observer is that of Melis et al. (1805.04049) and Nasr et al. (1812.00910): a person who took part has pulled the
steps against its gradient and made its loss smaller. The client follows the protocol, so that nothing can detect it.
Footage is fresh; the candidates and their noise are those of the release's target.

Shape legend: P people, I steps, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.membership.outcomes import outcome
from privtalk.attacks.membership.passes import Asked, Passes
from privtalk.attacks.membership.release import ReleaseTarget
from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.probing import Scores, Suspect
from privtalk.attacks.rounding import difference
from privtalk.attacks.views import ClientView
from privtalk.core.streams import Stream

COSINE = Declaration(
    name="malicious_client",
    family="membership",
    view="client",
    statistic="cosine of minus the gradient and the steps of the global adapter that others made",
    source="Melis et al. 2019 (1805.04049); Nasr et al. 2019 (1812.00910), passive local attacker",
    footage="fresh",
)

LOSS = Declaration(
    name="malicious_client_loss",
    family="membership",
    view="client",
    statistic="loss at the first global adapter it was sent minus loss after all that others did since",
    source="Melis et al. 2019 (1805.04049), with the statistic of 2310.09266",
    footage="fresh",
)


def steps(view: ClientView, own: Mapping[int, Tensor]) -> Tensor:
    """[I, d] what others did between the adapters that the client was sent, and up to the release.

    `own` holds, by round, how far the client's own message moved the global adapter [d].
    """
    rounds = sorted(view.received)
    if not rounds:
        raise ValueError(
            f"client {view.own.index} took part in no round and was sent nothing; choose one that did"
        )
    stranger = sorted(set(own) - set(rounds))
    if stranger:
        raise ValueError(
            f"client {view.own.index} has a part in round {stranger[0]}, in which it did not take part"
        )
    seen = torch.stack([*(view.received[r] for r in rounds), view.released])
    parts = torch.stack([own.get(r, torch.zeros_like(view.released)) for r in rounds])
    # a release that is a mean of adapters has not moved by all that the client sent: it takes the rest back
    missing = torch.tensor([1 - view.parts.get(r, 1.0) for r in rounds]).to(parts)
    parts[-1] -= missing @ parts
    return seen.diff(dim=0) - parts


def matched(moves: Tensor, gradients: Tensor) -> Scores:
    """[P] mean over steps of cos(step, -(g - ḡ)) for `moves` [I, d] and `gradients` [P, d]; 0 for a step of nothing."""
    pulls = torch.nn.functional.normalize((gradients.mean(0) - gradients).double(), dim=1)
    ways = torch.nn.functional.normalize(moves.double(), dim=1)
    return (pulls @ ways.T).mean(1).cpu().numpy()


def attack_client(
    view: ClientView, target: ReleaseTarget, stream: Stream, own: Mapping[int, Tensor] | None = None
) -> dict[str, AttackOutcome]:
    """Outcomes `malicious_client` and `malicious_client_loss` on the people whose fresh footage `target` holds.

    `own` holds, by round, how far the client's own message moved the global adapter [d]; rounds left out count 0.
    Controls: `never_trained`, a run that moved nothing; `gaussian_update`, steps of equal norms; `blind`, the bare
    backbone's loss; `permuted_labels`.
    """
    if "fresh" not in target.scenes:
        raise ValueError("the malicious client holds fresh footage; give `aim` some")
    scene, some = target.scenes["fresh"], list(target.some)
    moves = steps(view, own or {})
    random = gaussian_steps(moves, stream("attack", COSINE.name, "control", "gaussian"))
    first = view.received[min(view.received)]
    before = _passes(view, target, first, scene.asked)
    gradients, start = before.slopes(before.t).gradients, scene.asked.means(before.losses(before.t))
    blind = scene.base.person("loss")

    def after(moved: Tensor, asked: Asked) -> Scores:
        passes = _passes(view, target, first + moved.sum(0), asked)
        return asked.means(passes.losses(passes.t))

    known, known_some = target.known, target.known_some
    cosines = {
        "never_trained": (matched(0 * moves, gradients), known),
        "gaussian_update": (matched(random, gradients), known),
        "blind": (blind, known),
    }
    falls = {
        "never_trained": (difference(start[some], after(0 * moves, scene.some)), known_some),
        "gaussian_update": (difference(start[some], after(random, scene.some)), known_some),
        "blind": (blind, known),
    }
    return {
        COSINE.name: outcome(COSINE, matched(moves, gradients), known, cosines, stream),
        LOSS.name: outcome(LOSS, difference(start, after(moves, scene.asked)), known, falls, stream),
    }


def gaussian_steps(moves: Tensor, generator: torch.Generator) -> Tensor:
    """[I, d] Gaussian steps, each as long as that of `moves`."""
    random = torch.randn(moves.shape, generator=generator).to(moves)
    return random * (moves.norm(dim=1, keepdim=True) / random.norm(dim=1, keepdim=True))


def _passes(view: ClientView, target: ReleaseTarget, adapter: Tensor, asked: Asked) -> Passes:
    suspect = Suspect(backbone=view.backbone, adapter=target.initial.unflatten(adapter[None]))
    return Passes(suspect=suspect, asked=asked, initial=target.initial)
