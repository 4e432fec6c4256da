"""The layouts of films by name."""

from __future__ import annotations

import re

from privtalk.bench.corpus.video.layouts.folders import FoldersLayout
from privtalk.bench.corpus.video.layouts.grid import GridLayout
from privtalk.bench.corpus.video.layouts.hdtf import HdtfLayout
from privtalk.bench.corpus.video.layouts.layout import FilmLayout
from privtalk.bench.corpus.video.layouts.lrs3 import Lrs3Layout
from privtalk.bench.corpus.video.layouts.mead import MeadLayout
from privtalk.bench.corpus.video.layouts.ravdess import RavdessLayout
from privtalk.bench.corpus.video.layouts.voxceleb2 import VoxCeleb2Layout
from privtalk.core.errors import unknown

FOLDERS = FoldersLayout.name
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
SAID = ("about", "dataset", "licence", "citation", "version", "split")

FILM_LAYOUTS: dict[str, FilmLayout] = {
    layout.name: layout
    for layout in (
        FoldersLayout(),
        GridLayout(),
        HdtfLayout(),
        Lrs3Layout(),
        MeadLayout(),
        RavdessLayout(),
        VoxCeleb2Layout(),
    )
}


def find_film_layout(name: str) -> FilmLayout:
    """Returns a layout by its name; a `UserError` that lists them where there is none."""
    if name not in FILM_LAYOUTS:
        raise unknown("layout", name, sorted(FILM_LAYOUTS))
    return FILM_LAYOUTS[name]


def register(found: object) -> str:
    """Enters a layout, or its class; returns its name. `ValueError` in one line where it is none.

    >>> register(FoldersLayout)
    'folders'
    """
    layout = found() if isinstance(found, type) and issubclass(found, FilmLayout) else found
    if not isinstance(layout, FilmLayout):
        shown = getattr(found, "__name__", type(found).__name__)
        raise ValueError(f"{shown} is no layout; make it a subclass of FilmLayout")
    kind = type(layout)
    for said in ("name", *SAID):
        if not isinstance(getattr(layout, said, None), str):
            raise ValueError(f'layout {kind.__name__}: it has no {said}; write {said} = "..."')
    if not NAME.fullmatch(layout.name):
        raise ValueError(f"layout {layout.name!r}: a name is small letters, digits and _; write it so")
    held = FILM_LAYOUTS.get(layout.name)
    if not (held is None or held is layout or type(held) is kind):
        raise ValueError(f"layout {layout.name!r} is there already; give it another name")
    FILM_LAYOUTS[layout.name] = held or layout
    return layout.name


def forget(name: str) -> None:
    """Takes out a layout that was entered, so that its name is free again."""
    del FILM_LAYOUTS[name]
