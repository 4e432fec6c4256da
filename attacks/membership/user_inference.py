"""Client-level user inference on the released adapter (Kandpal et al., 2310.09266).

The attacker holds a few fresh windows of a person, none of them trained on, and asks whether the person took
part. Fine-tuning on anybody's data lowers the loss on that person's other data too; how much is told by the
log-ratio to the public backbone, which cancels how hard a person is to draw:

    score(person) = mean of  loss_base(x, t, ε) - loss_adapted(x, t, ε)  over windows x, timesteps t, noise ε

Timesteps and noise are the same for both networks and for everybody, by named streams: what is left differs
by the person and the adapter alone. The unit matches client-level differential privacy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from privtalk.attacks.controls import Control, control, gaussian_update, permuted_labels
from privtalk.attacks.declaration import Declaration
from privtalk.attacks.evaluation import Evaluation, evaluate
from privtalk.attacks.probing import Probes, Scores, Suspect, person_losses, probes
from privtalk.attacks.views import Bank, ReleaseView
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.streams import Stream

VIEW = "release"
STATISTIC = "mean over fresh windows, timesteps and noise of base loss - adapted loss"
TIMESTEPS = (100, 300, 500, 700)

DECLARATION = Declaration(
    name="user_inference",
    family="membership",
    view="release",
    statistic=STATISTIC,
    source="Kandpal et al. 2023 (2310.09266)",
    footage="fresh",
)


@dataclass(frozen=True, kw_only=True)
class MembershipResult(Evaluation):
    """What a record states about this attack, but for the seconds it took."""

    view: str = VIEW
    statistic: str = STATISTIC
    controls: dict[str, Control]
    valid: bool
    """All controls are at chance."""


def suspect(view: ReleaseView, adapter: Bank | None) -> Suspect:
    """The view's backbone with another adapter, or without one."""
    return Suspect(backbone=view.backbone, adapter=adapter, adapt=view.adapt)


def user_inference(
    view: ReleaseView,
    people: Sequence[Batch],
    stream: Stream,
    timesteps: Sequence[int] = TIMESTEPS,
    draws: int = 1,
) -> Scores:
    """[n] score of each person, given by their fresh windows; larger means "took part"."""
    shared = probes(people, stream, timesteps, draws)
    return person_losses(suspect(view, None), people, shared) - person_losses(
        suspect(view, view.adapter), people, shared
    )


@dataclass(frozen=True, kw_only=True)
class Target:
    """Whom an attack is after, and all of it that no trained adapter enters: equal for adapters that start alike."""

    members: int
    people: Sequence[Batch]
    """Members, then non-members."""
    initial: Bank
    """The public adapter that training starts from."""
    shared: Probes
    base: Scores
    """[n] losses without an adapter."""
    never_trained: Scores
    """[n] losses with the initial adapter."""


def aim(
    view: ReleaseView,
    members: Sequence[Batch],
    nonmembers: Sequence[Batch],
    stream: Stream,
    timesteps: Sequence[int] = TIMESTEPS,
    draws: int = 1,
) -> Target:
    """The target of attacks on adapters that start from the one in `view`."""
    people = [*members, *nonmembers]
    shared = probes(people, stream, timesteps, draws)
    return Target(
        members=len(members),
        people=people,
        initial=view.adapter,
        shared=shared,
        base=person_losses(suspect(view, None), people, shared),
        never_trained=person_losses(suspect(view, view.adapter), people, shared),
    )


def attack(view: ReleaseView, target: Target, stream: Stream) -> MembershipResult:
    """Attack members against non-members, with controls.

    Controls: the never-trained adapter (B = 0: every score is exactly 0), a Gaussian update of equal norm, a
    blind attacker that sees the data alone (the backbone's loss), and permuted labels.
    """
    n, base, people, shared = target.members, target.base, target.people, target.shared
    gaussian = stream("attack", "user_inference", "control", "gaussian")
    random = gaussian_update(view.adapter, target.initial, gaussian)
    scores = base - person_losses(suspect(view, view.adapter), people, shared)
    without = {
        "never_trained": base - target.never_trained,
        "gaussian_update": base - person_losses(suspect(view, random), people, shared),
        "blind": -base,
    }
    controls = {name: control(blank[:n], blank[n:]) for name, blank in without.items()}
    labels = stream("attack", "user_inference", "control", "labels")
    controls["permuted_labels"] = permuted_labels(scores[:n], scores[n:], labels)
    evaluation = evaluate(scores[:n], scores[n:])
    return MembershipResult(
        **vars(evaluation), controls=controls, valid=all(c.passed for c in controls.values())
    )
