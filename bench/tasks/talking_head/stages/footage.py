"""The footage that an attacker holds: fresh windows that nobody trained on, or windows of a device's own clips."""

from __future__ import annotations

from collections.abc import Callable

import torch

from privtalk.bench.corpus.population import Person
from privtalk.bench.tasks.talking_head.settings import AttackSpec
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.bench.tasks.talking_head.stages.train import clip_features
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.federation.clients import ClientData, join, take

LEAST_OF_A_CLIP = 2
"""Windows by which a whole clip is judged, at least: a single one may be a frame that no step drew."""
Cut = Callable[[AttackSpec, Person, FeatureStore], Batch]


def fresh(spec: AttackSpec, person: Person, store: FeatureStore) -> Batch:
    """Windows of fresh clips, and a portrait from another fresh clip.

    The portrait is frame 0 of the first clip, which gives no windows: an enrolment portrait would be a frame that a
    member's device trained on, and a non-member's did not.
    """
    clips = store.load(person, "fresh")
    if len(clips) < 2:
        raise ValueError(f"{person.name} has {len(clips)} fresh clip; attacks need a portrait's and another")
    features = [clip_features(clips, number, store.network.device) for number in range(len(clips))]
    length = clips.latents.shape[1]
    starts = [
        number * length + start
        for number in range(1, len(clips))
        for start in range(0, length - spec.window + 1, spec.window)
    ]
    if not starts:
        raise ValueError(f"fresh clips have {length} frames, attack.window is {spec.window}; set it lower")
    first = torch.tensor(starts[: spec.windows])
    return take(join(features), first, spec.window, torch.zeros_like(first))


def exact(spec: AttackSpec, person: Person, store: FeatureStore) -> Batch:
    """One window of the clips that a device trains on, from the middle of the first; its portrait is frame 0 of the
    second, as references come from other clips, or of the first where that is all.

    Of people who did not take part: of the clips that theirs would have trained on.
    """
    clips = store.load(person, "train")
    length = clips.latents.shape[1]
    if length < spec.exact:
        raise ValueError(f"training clips have {length} frames, attack.exact is {spec.exact}; set it lower")
    start = torch.tensor([(length - spec.exact) // 2])
    used = [clip_features(clips, number, store.network.device) for number in range(min(2, len(clips)))]
    portrait = torch.full_like(start, length if len(used) > 1 else 0)
    return take(join(used), start, spec.exact, portrait)


def seen_or_not(spec: AttackSpec, person: Person, number: int, store: FeatureStore) -> tuple[Batch, Batch]:
    """Windows of the training clip `number`, and of a fresh clip of the same person, cut at the same places.

    Both have one portrait, frame 0 of another fresh clip, so that nothing but the clip tells them apart.
    """
    trained, clips = store.load(person, "train"), store.load(person, "fresh")
    if len(clips) < 2:
        raise ValueError(f"{person.name} has {len(clips)} fresh clip; attacks need a portrait's and another")
    own = store.network.device
    used = [clip_features(clips, 0, own), clip_features(trained, number, own), clip_features(clips, 1, own)]
    portrait, seen = len(used[0].latents), len(used[1].latents)
    places = _spread(min(seen, len(used[2].latents)), spec.exact, max(spec.windows, LEAST_OF_A_CLIP))
    frames, whole = min(spec.exact, seen, len(used[2].latents)), join(used)
    cuts = [
        take(whole, places + first, frames, torch.zeros_like(places)) for first in (portrait, portrait + seen)
    ]
    return cuts[0], cuts[1]


def _spread(length: int, frames: int, windows: int) -> torch.Tensor:
    """int64 [windows] starts of windows of `frames` frames, each in the middle of an equal part of a clip.

    >>> _spread(16, 2, 2).tolist(), _spread(5, 1, 1).tolist(), _spread(3, 4, 2).tolist()
    ([3, 11], [2], [0, 0])
    """
    last = max(length - frames, 0)
    return torch.tensor(
        [min(max(int((w + 0.5) * length / windows - frames / 2), 0), last) for w in range(windows)]
    )


def device(person: Person, store: FeatureStore) -> ClientData:
    """All that a person's device would train on."""
    clips = store.load(person, "train")
    features = [clip_features(clips, number, store.network.device) for number in range(len(clips))]
    return ClientData.of(person.index, features)
