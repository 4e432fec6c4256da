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

from privtalk.attacks.declaration import Declaration
from privtalk.attacks.probing import Scores, Suspect, person_losses, probes
from privtalk.attacks.rounding import difference
from privtalk.attacks.views import Bank, ReleaseView
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch

TIMESTEPS = (100, 300, 500, 700)

DECLARATION = Declaration(
    name="user_inference",
    family="membership",
    view="release",
    statistic="mean over fresh windows, timesteps and noise of base loss - adapted loss",
    source="Kandpal et al. 2023 (2310.09266)",
    footage="fresh",
)


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
    base, adapted = (
        person_losses(suspect(view, adapter), people, shared) for adapter in (None, view.adapter)
    )
    return difference(base, adapted)
