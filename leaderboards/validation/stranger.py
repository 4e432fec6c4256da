"""A judge from outside the project: does a recogniser of real faces see faces in rendered people, and tell them apart?

dlib's detector and recogniser have seen no rendered person. Two sittings of a person share no light, camera, backdrop
or clothes; a template is the mean descriptor of a sitting's frames, compared by Euclidean distance as published.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.rendered.studio import Portraits
from privtalk.core.seeds import numpy_stream
from privtalk.leaderboards.validation.checks import BarCheck, Share, judged, not_done, wilson
from privtalk.leaderboards.validation.identity import Cosines, PeopleInterval, over_people
from privtalk.metrics.evaluators.fitting.identity_fitting import area

JUDGE = "dlib"
SIZES = (64, 128)
"""Pixels a side of the pictures that are judged."""
PEOPLE = 40
SITTINGS, FRAMES = 4, 2
"""Sittings of a person, and frames of a sitting."""
BAR, SEEN = 0.98, 0.95
"""The bars on the area under the curve, and on the share of frames in which a face is found."""

Finder = Callable[[NDArray[np.uint8]], list[Any]]
"""Faces in an RGB picture [H, W, 3]."""


class StrangerFound(NamedTuple):
    """The findings of the judge on pictures of one size."""

    size: int
    people: int
    seen: Share
    """Frames in which its detector finds a face."""
    templates: PeopleInterval
    """AUC."""
    templates_eer: PeopleInterval
    frames_auc: float
    genuine: float
    """Mean distance between two sittings of one person."""
    impostor: float
    """Mean distance between sittings of two people."""


def distances(
    descriptors: NDArray[np.floating], person: NDArray[np.int64], sitting: NDArray[np.int64]
) -> Cosines:
    """Pairs of rows [N, D] of different people, or of one person's different sittings; likeness is minus the distance.

    >>> found = distances(np.array([[0.0], [1.0], [3.0]]), np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> found.cosine.tolist(), found.genuine.tolist()
    ([-1.0, -3.0, -2.0], [True, False, False])
    """
    first, second = np.triu_indices(len(descriptors), 1)
    same = person[first] == person[second]
    kept = ~same | (sitting[first] != sitting[second])
    first, second = first[kept], second[kept]
    rows = descriptors.astype(np.float64)
    apart = np.linalg.norm(rows[first] - rows[second], axis=1)
    return Cosines(cosine=-apart, genuine=same[kept], first=first, second=second)


def judge(
    portraits: Portraits, descriptors: NDArray[np.floating], find: Finder, frames: int = FRAMES, seed: int = 0
) -> StrangerFound:
    """Returns what a detector and descriptors [N, D] say of portraits, `frames` a sitting."""
    person, sitting = portraits.person[::frames], portraits.sitting[::frames]
    means = descriptors.astype(np.float64).reshape(-1, frames, descriptors.shape[1]).mean(1)
    found = distances(means, person, sitting)
    size = int(portraits.frames.shape[1])
    auc, eer = over_people(found, person, numpy_stream(seed, "validation", "stranger", size))
    genuine, impostor = found.parts
    seen = sum(bool(find(frame)) for frame in portraits.frames)
    return StrangerFound(
        size=size,
        people=len(np.unique(person)),
        seen=wilson(seen, len(portraits)),
        templates=auc,
        templates_eer=eer,
        frames_auc=area(*distances(descriptors, portraits.person, portraits.sitting).parts),
        genuine=float(-genuine.mean()),
        impostor=float(-impostor.mean()),
    )


def check(size: int, found: StrangerFound | None, reason: str = "") -> BarCheck:
    """The bars on one size."""
    title = f"identity[{JUDGE}], a judge from outside: rendered people of {size} px"
    bar = f"AUC of templates at least {BAR}, faces found in at least {SEEN:.0%} of the frames"
    if found is None:
        return not_done("identity", title, bar, reason)
    auc, eer, seen = found.templates, found.templates_eer, found.seen
    measured = (
        f"AUC {auc.value:.4f} [{auc.low:.4f}, {auc.high:.4f}] (single frames {found.frames_auc:.4f}), "
        f"EER {100 * eer.value:.1f} % [{100 * eer.low:.1f}, {100 * eer.high:.1f}], {found.people} people; faces found "
        f"in {100 * seen.value:.1f} % of {seen.n} frames; distance {found.genuine:.2f} within and "
        f"{found.impostor:.2f} between people"
    )
    holds = auc.value >= BAR and seen.value >= SEEN
    return judged("identity", title, bar, holds, measured, auc.value, auc.low, auc.high)
