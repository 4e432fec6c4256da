"""The folder of videos: which films there are, whose they are, what they are called, and what is wrong with them.

SRC holds one folder an identity. Links are followed, each real folder once for an identity, so that no loop is
endless. What is there and cannot be taken comes along with the reason; hidden files and folders are passed over.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

from privtalk.bench.corpus.prepared import names
from privtalk.bench.corpus.prepared.provenance import CORPUS
from privtalk.bench.corpus.prepared.stamps import STAMPS
from privtalk.bench.corpus.prepared.store import INDEX
from privtalk.bench.corpus.prepared.summary import SUMMARY
from privtalk.bench.corpus.video.ingest import VideoSource
from privtalk.bench.corpus.video.layouts.folders import FoldersLayout
from privtalk.bench.corpus.video.layouts.layout import FilmPlace, LaidOutPerson
from privtalk.core.locks import HOLDER, LOCK

PICTURES = (
    "mp4",
    "m4v",
    "mov",
    "mkv",
    "webm",
    "avi",
    "mpg",
    "mpeg",
    "ts",
    "mts",
    "flv",
    "wmv",
    "ogv",
    "3gp",
    "mxf",
)
SOUNDS = ("wav", "flac", "mp3", "m4a", "aac", "ogg", "opus")
MEDIA = frozenset(f".{suffix}" for suffix in PICTURES + SOUNDS)
"""Suffixes of what is tried; other files are passed over. Sound alone is refused with the reason."""

RESERVED = frozenset(map(names.fold_folder, (SUMMARY, INDEX, CORPUS, STAMPS, LOCK, HOLDER)))
"""Names in DST that are taken."""


class Film(NamedTuple):
    """A file below SRC."""

    source: VideoSource
    video: str
    """Its path below SRC, as text; no two films have the same."""
    fault: str | None = None
    """Why it cannot even be tried."""
    attributes: tuple[tuple[str, str], ...] = ()
    """The attributes of the film itself."""
    person: LaidOutPerson = LaidOutPerson()
    """The facts that the layout tells of the person."""


class FoundPath(NamedTuple):
    """A path below SRC."""

    path: Path
    fault: str | None


def find_films(src: Path) -> list[Film]:
    """Media files below `src` in the order of their names; the first folder of the path is the identity."""
    found = find_media(src, "SRC holds one folder of videos an identity")
    if all(each.path.parent == src and each.fault is None for each in found):
        raise ValueError(
            f"{names.shown(src)}: its videos stand in no identity's folder; where they are one person's, name the "
            f"folder above it ({names.shown(src.resolve().parent)}), otherwise move each to SRC/<identity>/"
        )
    layout = FoldersLayout()
    places = [layout.place(below(src, each.path)) for each in found]
    return name_films(src, list(zip(found, places, strict=True)), layout.people(src))


def find_media(src: Path, wanted: str) -> list[FoundPath]:
    """Everything below `src` that is or should be a media file, in the order of the names; raises where nothing is."""
    if not src.is_dir():
        raise ValueError(f"{names.shown(src)}: not a folder; {wanted}")
    found = sorted(_walk(src), key=lambda each: each.path)
    if not found:
        raise ValueError(f"{names.shown(src)}: no videos; {wanted}")
    return found


def below(src: Path, path: Path) -> PurePosixPath:
    """The path of a film below SRC."""
    return PurePosixPath(*path.relative_to(src).parts)


def name_films(
    src: Path,
    found: Sequence[tuple[FoundPath, FilmPlace | None]],
    people: Mapping[str, LaidOutPerson],
    sounds: Mapping[Path, Path] | None = None,
) -> list[Film]:
    """Films with the names that they get in the corpus; those without a place stand in no identity's folder.

    `people` are those of the layout's tables, `sounds` the files of sound by film.
    """
    sounds = sounds or {}
    paths = [below(src, each.path) for each, _ in found]
    videos = names.distinct([names.readable(path) for path in paths], paths)
    faults = _identity_faults(place.identity for _, place in found if place is not None)
    called = _utterances([place for _, place in found], paths)
    films = []
    for (each, place), video, utterance in zip(found, videos, called, strict=True):
        identity = place.identity if place else None
        fault = faults.get(identity) if identity else None
        source = VideoSource(each.path, None if fault else identity, utterance, sounds.get(each.path))
        attributes = tuple(sorted(place.attributes.items())) if place else ()
        person = _person(place, people) if place else LaidOutPerson()
        films.append(Film(source, video, fault or each.fault, attributes, person))
    return films


def _person(place: FilmPlace, people: Mapping[str, LaidOutPerson]) -> LaidOutPerson:
    """The person of a film, by its path and by the tables, which prevail."""
    told = people.get(place.identity, LaidOutPerson())
    return LaidOutPerson({**place.person, **told.attributes}, told.role or place.role)


def _utterances(places: Sequence[FilmPlace | None], paths: Sequence[PurePath]) -> list[str]:
    owned: dict[str | None, list[int]] = {}
    for number, place in enumerate(places):
        owned.setdefault(place.identity if place else None, []).append(number)
    found = [""] * len(paths)
    for numbers in owned.values():
        own = [place.utterance if (place := places[k]) else paths[k] for k in numbers]
        for k, name in zip(numbers, names.utterances(own), strict=True):
            found[k] = name
    return found


def _identity_faults(identities: Iterable[str]) -> dict[str, str]:
    """Why the films of some identities cannot be taken."""
    faults: dict[str, str] = {}
    owners: dict[str, str] = {}
    for name in dict.fromkeys(identities):
        told = names.shown(name)
        if problem := names.unnameable(name):
            faults[name] = f"{told} cannot name an identity: {problem}; rename the folder"
        elif names.fold_folder(name) in RESERVED:
            faults[name] = (
                f"{told} cannot name an identity: a file of the corpus is called so; rename the folder"
            )
        elif (other := owners.setdefault(names.fold_folder(name), name)) != name:
            faults[name] = alike(name, other)
    return faults


def alike(name: str, other: str) -> str:
    """The reason why an identity is refused whose name is another's for some disk."""
    return (
        f"identity {name!a} differs from {other!a} only in the case or form of letters, or in dots and "
        "spaces at the end; rename the folder, or move its videos there"
    )


# What stands below a folder


def _walk(src: Path) -> Iterator[FoundPath]:
    for entry in _entries(src):
        kind = _kind(entry)
        if kind == "folder":
            yield from _below(entry, os.path.realpath(src))
        elif isinstance(kind, FoundPath):
            yield kind


def _below(top: Path, above: str) -> Iterator[FoundPath]:
    """Everything of one identity: real folders first, so that a link to one of them adds nothing."""
    seen = {above}
    folders, links = deque([top]), deque[Path]()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        if (real := os.path.realpath(folder)) in seen:
            continue
        seen.add(real)
        try:
            entries = _entries(folder)
        except OSError as error:
            yield FoundPath(folder, f"the folder cannot be opened ({error.strerror})")
            continue
        for entry in entries:
            kind = _kind(entry)
            if isinstance(kind, FoundPath):
                yield kind
            elif kind == "folder":
                (links if entry.is_symlink() else folders).append(entry)


def _entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _kind(entry: Path) -> FoundPath | str | None:
    """A film or what is wrong with one; ``folder``; None for what is passed over."""
    media = entry.suffix.lower() in MEDIA
    try:
        mode = entry.stat().st_mode
    except OSError as error:
        if entry.is_symlink():
            return FoundPath(entry, f"a link to {names.shown(entry.readlink())}, which is not there")
        return FoundPath(entry, f"cannot be looked at ({error.strerror})") if media else None
    if stat.S_ISDIR(mode):
        return "folder"
    if not media:
        return None
    return FoundPath(entry, None if stat.S_ISREG(mode) else "not a regular file")


# What may be meant otherwise


def doubts(src: Path, films: Sequence[Film]) -> list[str]:
    """The remarks before the work begins where SRC seems to be the wrong folder."""
    owners: dict[str, set[str]] = {}
    for film in films:
        first, *rest = film.source.path.relative_to(src).parts
        if rest:
            owners.setdefault(first, set()).add(rest[0] if len(rest) > 1 else "")
    nested = {name: sorted(below) for name, below in owners.items() if len(below) > 1 and "" not in below}
    if not nested or len(nested) < len(owners) or len(owners) > FEW:
        return []
    return [
        f"{names.shown(src / name)} becomes one identity, {names.shown(name)}, with all videos of its "
        f"{len(below)} folders ({', '.join(map(names.shown, below[:3]))}{', ...' if len(below) > 3 else ''}); "
        f"where each of these is a person, SRC is one level too high: name {names.shown(src / name)}"
        for name, below in nested.items()
    ]


FEW = 3
"""Identities too few for a run: so many folders of folders are rather splits or data sets than people."""
