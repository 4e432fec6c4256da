"""The footage that leaked personal adapters are asked about, with all that no trained adapter enters.

It is made once and shared by every row: the losses of the backbone alone, and of an adapter that was never trained.

Shape legend: P people's footage, of W windows each; K adapters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from privtalk.attacks import probing
from privtalk.attacks.membership.outcomes import Blanks, Labels
from privtalk.attacks.probing import Probes, Scores, Suspect, per_person, person_losses, probes
from privtalk.attacks.rounding import difference
from privtalk.attacks.views import Bank, FrozenBackbone, PersonalView
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch


@dataclass(frozen=True, kw_only=True)
class PersonalTarget:
    """The footage, and what it tells without a leak."""

    footage: tuple[Batch, ...]
    """[P]."""
    known: Labels
    """[P] the truth, which the evaluation alone reads."""
    draws: Probes
    base: Scores
    """[P] losses of the backbone alone."""
    untrained: Scores
    """[P] losses of the initial adapter."""

    @classmethod
    def of(
        cls,
        backbone: FrozenBackbone,
        initial: Bank,
        positives: Sequence[Batch],
        negatives: Sequence[Batch],
        stream: Stream,
        timesteps: Sequence[int],
        draws: int = 1,
    ) -> PersonalTarget:
        """Footage that is asked about: first what the answer is yes to."""
        footage = (*positives, *negatives)
        shared = probes(footage, stream, timesteps, draws)
        return cls(
            footage=footage,
            known=np.arange(len(footage)) < len(positives),
            draws=shared,
            base=person_losses(Suspect(backbone=backbone, adapter=None), footage, shared),
            untrained=person_losses(Suspect(backbone=backbone, adapter=initial), footage, shared),
        )

    @property
    def blanks(self) -> Blanks:
        """Scores that must be at chance: without an adapter, and of one that was never trained."""
        return {
            "blind": (-self.base, self.known),
            "never_trained": (difference(self.base, self.untrained), self.known),
        }


@torch.no_grad()
def each_loss(view: PersonalView, footage: Sequence[Batch], draws: Probes) -> Scores:
    """[K] mean denoising loss of every adapter on footage of its own; adapters share passes."""
    if len({len(windows) for windows in footage}) > 1:
        raise ValueError("clips have different numbers of windows; cut all of them alike")
    flat, each = view.adapters.flatten(), len(footage[0]) * draws.count
    size, losses = max(1, probing.CHUNK // each), []
    for first in range(0, len(footage), size):
        some = slice(first, first + size)
        with view.adapt(view.backbone.denoiser, view.adapters.unflatten(flat[some])):
            losses += [view.backbone.loss(*probe) for probe in draws.of(footage[some])]
    return per_person(torch.cat(losses), footage, draws)
