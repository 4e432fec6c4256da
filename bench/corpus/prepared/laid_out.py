"""The films of a data set by its layout, and what to say where SRC is not of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from privtalk.bench.corpus.prepared.folder import (
    SOUNDS,
    Film,
    FoundPath,
    below,
    doubts,
    find_films,
    find_media,
    name_films,
)
from privtalk.bench.corpus.prepared.names import shown
from privtalk.bench.corpus.video.layouts.layout import FilmLayout, FilmPlace, FilmRole, PassedOver
from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS, FOLDERS
from privtalk.core.errors import UserError

Remark = Callable[[str], None]

LEVELS = 3
"""Levels by which SRC may be off and is still found out."""
SAMPLE = 2000
"""Paths that are looked at to find out what SRC is."""
HEARD = frozenset(f".{suffix}" for suffix in SOUNDS)
SAME_MOMENTS = "of a person who has another role by the official split, whose films may show the same moments"


class _Placed(NamedTuple):
    found: FoundPath
    path: PurePosixPath
    place: FilmPlace


def find_laid_out(src: Path, layout: FilmLayout, remark: Remark) -> list[Film]:
    """Films of a layout in the order of their names; `remark` is told in a line what looks wrong or is passed over.

    Raises a `ValueError` in one line where `src` holds none: it says whether SRC is a level too high or too low, or of
    which other layout it looks.
    """
    if layout.name == FOLDERS:
        films = find_films(src)
        for line in [*doubts(src, films), *_other_layouts(src, films)]:
            remark(line)
        return films
    found = find_media(src, f"layout {layout.name} wants {layout.about}")
    paths = [below(src, each.path) for each in found]
    placed, passed = _place(layout, found, paths)
    if not placed:
        raise UserError(_astray(src, layout, paths, passed))
    people = layout.people(src)
    placed = _of_one_role(placed, passed)
    sounds = _sounds(src, placed, paths)
    used = set(sounds.values())
    unknown = [
        path for each, path in zip(found, paths, strict=True)
        if each.path not in used and layout.place(path) is None
    ]  # fmt: skip
    for line in _told(layout, passed, unknown):
        remark(line)
    return name_films(src, [(each.found, each.place) for each in placed], people, sounds)


def _place(
    layout: FilmLayout, found: Sequence[FoundPath], paths: Sequence[PurePosixPath]
) -> tuple[list[_Placed], dict[str, list[PurePosixPath]]]:
    """The films that have a place, and the paths that are passed over, by the reason."""
    placed: list[_Placed] = []
    passed: dict[str, list[PurePosixPath]] = {}
    for each, path in zip(found, paths, strict=True):
        place = layout.place(path)
        if isinstance(place, FilmPlace):
            placed.append(_Placed(each, path, place))
        elif isinstance(place, PassedOver):
            passed.setdefault(place.reason, []).append(path)
    return placed, passed


def _of_one_role(placed: Sequence[_Placed], passed: dict[str, list[PurePosixPath]]) -> list[_Placed]:
    """The films whose role is their person's: held out if any film is, else free if any is, else public."""
    roles: dict[str, set[FilmRole]] = {}
    for each in placed:
        roles.setdefault(each.place.identity, set()).add(each.place.role)
    order: tuple[FilmRole, ...] = ("heldout", "", "public")
    of = {identity: next(role for role in order if role in held) for identity, held in roles.items()}
    for each in placed:
        if each.place.role != of[each.place.identity]:
            passed.setdefault(SAME_MOMENTS, []).append(each.path)
    return [each for each in placed if each.place.role == of[each.place.identity]]


def _sounds(src: Path, placed: Sequence[_Placed], paths: Sequence[PurePosixPath]) -> Mapping[Path, Path]:
    """The files of sound that are there, by film."""
    there = {path for path in paths if path.suffix.lower() in HEARD}
    return {
        each.found.path: src / sound
        for each in placed
        if (sound := next((path for path in each.place.sounds if path in there), None)) is not None
    }


def _told(
    layout: FilmLayout, passed: Mapping[str, Sequence[PurePosixPath]], unknown: Sequence[PurePosixPath]
) -> list[str]:
    lines = [f"passed over: {reason} ({_some(paths)})" for reason, paths in sorted(passed.items())]
    if unknown:
        lines.append(f"passed over: not of layout {layout.name} ({_some(unknown)})")
    return lines


def _some(paths: Sequence[PurePosixPath]) -> str:
    return f"{len(paths)} files, such as {shown(paths[0])}" if len(paths) > 1 else shown(paths[0])


# What SRC may be instead


def _astray(
    src: Path,
    layout: FilmLayout,
    paths: Sequence[PurePosixPath],
    passed: Mapping[str, Sequence[PurePosixPath]],
) -> str:
    """A line on why no film is of a layout, with the way out."""
    head = f"{shown(src)}: no film of layout {layout.name}"
    if passed:
        return f"{head} to take; passed over: {'; '.join(sorted(passed))}"
    sample = paths[:: max(1, len(paths) // SAMPLE)]
    if where := _off(src, layout, sample):
        return f"{head}; {where}"
    others = [other for other in FILM_LAYOUTS.values() if other.name not in (FOLDERS, layout.name)]
    for other in others:
        if any(_takes(other, path) for path in sample):
            return f"{head}; it looks like {other.name}: give --layout {other.name}"
    for other in others:
        if where := _off(src, other, sample):
            return f"{head}; it looks like {other.name}, and {where}"
    return f"{head} ({layout.about}) among its {len(paths)} media files, such as {shown(paths[0])}"


def _off(src: Path, layout: FilmLayout, sample: Sequence[PurePosixPath]) -> str | None:
    """How to name the folder that is of a layout, where it is one of those above or below SRC."""
    for depth in range(1, LEVELS + 1):
        for path in sample:
            if len(path.parts) > depth and _takes(layout, PurePosixPath(*path.parts[depth:])):
                inner = src.joinpath(*path.parts[:depth])
                return f"SRC is {_levels(depth)} too high: name {shown(inner)}"
    above = src.resolve()
    for depth in range(1, min(LEVELS, len(above.parts) - 1) + 1):
        if any(_takes(layout, PurePosixPath(*above.parts[-depth:], path)) for path in sample):
            return f"SRC is {_levels(depth)} too low: name {shown(above.parents[depth - 1])}"
    return None


def _levels(count: int) -> str:
    return "one level" if count == 1 else f"{count} levels"


def _takes(layout: FilmLayout, path: PurePosixPath) -> bool:
    return layout.place(path) is not None


def _other_layouts(src: Path, films: Sequence[Film]) -> list[str]:
    """A remark where folders of films look like a data set with a layout of its own."""
    sample = [below(src, film.source.path) for film in films[:: max(1, len(films) // SAMPLE)]]
    found = Counter(
        {
            name: sum(_takes(layout, path) for path in sample)
            for name, layout in FILM_LAYOUTS.items()
            if name != FOLDERS
        }
    )
    name, count = found.most_common(1)[0]
    if 2 * count <= len(sample):
        return []
    return [
        f"{shown(src)} looks like {name}: --layout {name} knows its people, its sound and its official split"
    ]
