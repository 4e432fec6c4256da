"""Audio control retained: how much of what speech does to the mouth a protection has left.

An animation is made twice, with nothing changed but the speech. Where the true mouths of the two speeches open
differently, the animated one should; the slope of its difference on the true difference is how far speech controls
it. That of the protected portrait over that of the clean one is what is retained: 1 is no protection, 0 is silence.
Unlike a low confidence of lip sync, it does not reward a video that is merely destroyed: noise that no speech moves
reads 0 only if the reader is not moved by it either, and intactness stands beside it.

N clips of F frames; openings [N, F] in eye distances.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.frechet import SetScore

AUDIO_CONTROL = Metric(
    name="audio_control",
    family="control",
    direction="lower",
    unit="",
    range=(float("-inf"), float("inf")),
    worst=None,
    needs=("truth", "landmarks", "audio", "mouth_reader"),
    about="audio control retained: the mouth's response to a change of speech, over the clean portrait's",
    level="set",
)
Array = NDArray[np.float64]


def response(first: Array, second: Array, truth_first: Array, truth_second: Array) -> Array:
    """Returns [N] each clip's Σ_f x y of true (x) and animated (y) differences of the mouth's opening between two
    speeches; their sum over that of x² is the slope by least squares through the origin.

    >>> response(np.array([[0.2, 0.0]]), np.zeros((1, 2)), np.array([[0.4, 0.1]]), np.zeros((1, 2))).round(3).tolist()
    [0.08]
    """
    for other in (second, truth_first, truth_second):
        if other.shape != first.shape:
            raise ValueError(
                f"openings are {list(first.shape)} and {list(other.shape)}; give one a clip and frame"
            )
    found: Array = ((first - second) * (truth_first - truth_second)).sum(1)
    return found


def audio_control(protected: Array, clean: Array) -> SetScore:
    """Returns Σ protected / Σ clean of the responses [N], with each clip's share; lower is more silent.

    Shares are the value plus the clip's influence on it (the delta method for a ratio), so that their mean is the
    value and their spread its standard error.

    >>> audio_control(np.array([0.5, 1.0]), np.array([1.0, 2.0]))
    SetScore(value=0.5, shares=(0.5, 0.5))
    """
    total = float(clean.sum())
    if not total > 0:
        raise Undefined("speech does not control the clean portrait's mouth either")
    value = float(protected.sum()) / total
    shares = value + (protected - value * clean) * len(clean) / total
    return SetScore(value, tuple(shares.tolist()))
