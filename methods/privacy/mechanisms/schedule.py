"""The mechanism of each round: the same in all, with a clip that follows the norms, or with noise that rounds share."""

from __future__ import annotations

from privtalk.core.streams import Stream
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping, ClipState
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.matrix_factorisation import (
    BandedMatrixFactorisation,
    CorrelatedRound,
)
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

PrivacyMechanism = GaussianMechanism | DiscreteMechanism | AdaptiveClipping | BandedMatrixFactorisation
"""Of a run."""
RoundMechanism = GaussianMechanism | DiscreteMechanism | CorrelatedRound
"""Of a round."""


def in_round(mechanism: PrivacyMechanism, round_: int, clip: float | None, stream: Stream) -> RoundMechanism:
    """The mechanism of a round; `clip` is what adaptive clipping has come to, None before the first round."""
    if isinstance(mechanism, AdaptiveClipping):
        return mechanism.mechanism(ClipState(clip=mechanism.initial_clip if clip is None else clip))
    if isinstance(mechanism, BandedMatrixFactorisation):
        return mechanism.at(round_, lambda r: stream("round", r, "privacy"))
    return mechanism
