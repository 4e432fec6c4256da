"""People who stand in a prepared corpus under two names, found by a face recogniser (dlib's).

One person under two names would be a member and a non-member at once, and attacks would be scored against the wrong
truth. An identity's template is the mean descriptor of `FRAMES` frames, evenly spread over its clips. Two names are
told as one person where their templates are nearer than `NEAR` times the usual distance between two names of that
corpus. The usual distance adapts the threshold to the faces: seven real videos lie .83 apart (median; least .64) and
two videos of one person .11, rendered faces lie .43 to .44 apart, where the published threshold of single pictures
(.6) would take nearly everybody for one person.

Measured on 40 rendered people of 64 and 128 px, each under two names that share no light, clothes or backdrop: 88 and
90 % of the people are found, 0 and 2 of the 1560 pairs of two people are taken for one (at most .13 %).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.prepared import store
from privtalk.bench.corpus.prepared.names import shown
from privtalk.bench.corpus.prepared.recorded import RecordedIdentity, identities
from privtalk.core.cache import cache_folder, content_hash, read_tensors, verified, write_tensors
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.bundle import InstalledEvaluators
from privtalk.metrics.evaluators.protocols import FaceEmbedder

VERSION = 1
"""Raise it whenever the same clips give other templates."""
FRAMES = 8
"""Frames that an identity's template is made of."""
NEAR = 0.45
"""Share of the usual distance between two names below which they are told as one person."""
USUAL = 0.8
"""Usual distance between two real people's templates, for corpora with too few pairs to tell their own."""
ENOUGH = 10
"""Pairs of names from which their median is the usual distance."""
MOST = 20
"""Lines that are told of a corpus."""

Template = NDArray[np.float64]
Progress = Callable[[int, int], None]
"""Called with the identities that are done, and how many there are."""


class SamePerson(NamedTuple):
    """Two identities that look like one person."""

    first: str
    second: str
    distance: float
    """Euclidean distance of their templates."""
    usual: float
    """Usual distance between two identities of the corpus."""


def recogniser() -> FaceEmbedder:
    """Returns dlib's recogniser. Raises `Undefined` with the reason where the extra is not installed."""
    found: FaceEmbedder = InstalledEvaluators(embedded=False).get("identity", "dlib")
    return found


def same_people(
    folder: Path, embedder: FaceEmbedder | None = None, progress: Progress | None = None
) -> list[SamePerson]:
    """Returns the pairs of identities of a prepared corpus that look like one person, the nearest first.

    folder: what `bench data prepare` wrote. embedder: a recogniser whose descriptors are compared by distance; None:
    dlib's, whose templates are kept in the cache. Raises `Undefined` where there is no recogniser, `ValueError` where
    there is no corpus, and `StoreError` for damaged clips.
    """
    own = recogniser() if embedder is None else embedder
    found = identities(folder)
    templates: dict[str, Template] = {}
    for done, (name, identity) in enumerate(found.items()):
        if progress is not None:
            progress(done, len(found))
        try:
            templates[name] = _template(identity, own) if embedder else _kept(identity, own)
        except Undefined:
            continue  # nobody's face could be placed there
    return nearest(templates)


def nearest(templates: Mapping[str, Template]) -> list[SamePerson]:
    """Returns the pairs of names whose templates [D] are suspiciously near one another, the nearest first.

    >>> one, other = np.zeros(2), np.array([0.8, 0.0])
    >>> nearest({"ann": one, "bob": other, "ann again": one + 0.1})
    [SamePerson(first='ann', second='ann again', distance=0.1414, usual=0.8)]
    """
    names = list(templates)
    if len(names) < 2:
        return []
    points = np.stack([templates[name] for name in names]).astype(np.float64)
    first, second = np.triu_indices(len(points), 1)
    distance = np.concatenate(
        [np.linalg.norm(points[k + 1 :] - points[k], axis=1) for k in range(len(points))]
    )
    usual = float(np.median(distance)) if len(distance) >= ENOUGH else USUAL
    near = np.flatnonzero(distance < NEAR * usual)
    return [
        SamePerson(names[first[k]], names[second[k]], round(float(distance[k]), 4), round(usual, 4))
        for k in near[np.argsort(distance[near], kind="stable")]
    ]


def warnings(folder: Path, progress: Progress | None = None) -> list[str]:
    """Returns a line for each pair of identities that look like one person; none where there is no recogniser."""
    try:
        return told(folder, same_people(folder, progress=progress))
    except (Undefined, store.StoreError, ValueError):
        return []  # damaged clips and empty corpora are told of where they are used


def told(folder: Path, pairs: list[SamePerson]) -> list[str]:
    """Returns a line for each pair, which names both folders; at most `MOST`, and how many more there are.

    >>> told(Path("dst"), [SamePerson("ann", "ann-2", 0.11, 0.83)])[0].partition("; ")[0]
    'dst/ann and dst/ann-2 look like one person (distance 0.11, two people are usually 0.83 apart)'
    """
    lines = [
        f"{shown(folder / pair.first)} and {shown(folder / pair.second)} look like one person (distance "
        f"{pair.distance:.2f}, two people are usually {pair.usual:.2f} apart); if they are, join the two folders of "
        "videos and prepare again"
        for pair in pairs[:MOST]
    ]
    return lines + ([f"{len(pairs) - MOST} more pairs look like one person"] if len(pairs) > MOST else [])


def _kept(identity: RecordedIdentity, embedder: FaceEmbedder) -> Template:
    """The template by dlib's recogniser, from the cache where it was made before."""
    clips = {name: entry.sha256 for name, entry in identity.index.clips.items()}
    path = (
        cache_folder()
        / "faces"
        / f"{content_hash({'version': [VERSION, FRAMES], 'clips': clips})}.safetensors"
    )
    if not verified(path):
        write_tensors(path, {"template": _template(identity, embedder)})
    return read_tensors(path)["template"]


def _template(identity: RecordedIdentity, embedder: FaceEmbedder) -> Template:
    """[D] mean descriptor of an identity's frames."""
    descriptors = []
    for name, moments in chosen({n: e.length for n, e in identity.index.clips.items()}).items():
        clip = store.load_listed(identity.folder / name, identity.index.identity, identity.index.clips[name])
        descriptors.append(embedder(clip.frames[moments], clip.landmarks[moments]))
    mean: Template = np.concatenate(descriptors).astype(np.float64).mean(0)
    return mean


def chosen(lengths: Mapping[str, int], frames: int = FRAMES) -> dict[str, list[int]]:
    """Returns clip -> the frames of it that are looked at: about `frames` in all, evenly spread over the clips.

    lengths: clip -> its frames, at least 1 each.

    >>> chosen({"a": 100, "b": 40}, 4)
    {'a': [25, 75], 'b': [10, 30]}
    >>> chosen({"a": 3}, 8)
    {'a': [0, 1, 2]}
    """
    names = sorted(lengths)
    picked = [
        names[k]
        for k in np.unique(np.linspace(0, len(names) - 1, min(frames, len(names))).round().astype(int))
    ]
    each = -(-frames // max(1, len(picked)))
    return {name: sorted({int((k + 0.5) / each * lengths[name]) for k in range(each)}) for name in picked}
