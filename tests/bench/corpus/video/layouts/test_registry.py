"""Layouts go by name: of films and of moving faces by one option, and those that people bring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from privtalk.bench import plugins
from privtalk.bench.commands import data
from privtalk.bench.corpus.mesh.layouts.registry import LAYOUTS
from privtalk.bench.corpus.video.layouts import registry
from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS, FOLDERS, SAID, find_film_layout
from privtalk.core.errors import UserError

MINE = """
from pathlib import PurePosixPath
from privtalk.bench.corpus.video.layouts.layout import FilmLayout, FilmPlace

class Mine(FilmLayout):
    name, about, dataset, licence = "mine", "<person>-<film>.mkv", "My set", "CC0"
    citation, version, split = "me, 2020", "3", "none"

    def place(self, path):
        person, dash, film = path.name.partition("-")
        return FilmPlace(identity=person, utterance=PurePosixPath(film)) if dash else None

class Folders(Mine):
    name = "folders"

class Silent(Mine):
    licence = None

NOTHING = 3
"""


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    plugins.forget()
    yield path
    plugins.forget()


def test_names_of_films_and_of_meshes_do_not_collide() -> None:
    assert FILM_LAYOUTS.keys() & LAYOUTS.keys() == set()
    assert {data.is_of_meshes(name) for name in LAYOUTS} == {True}
    assert {data.is_of_meshes(name) for name in (None, *FILM_LAYOUTS)} == {False}


def test_everything_is_said_of_a_data_set() -> None:
    for name, layout in FILM_LAYOUTS.items():
        told = {said: getattr(layout, said) for said in SAID}
        assert name == FOLDERS or all(told.values()), name
        assert all("\n" not in text for text in told.values())


def test_an_unknown_name_lists_all() -> None:
    with pytest.raises(
        UserError, match=r"unknown layout 'lrs2' \(did you mean lrs3\?\); valid: 3d_etf, beat.*voxceleb2"
    ):
        data.is_of_meshes("lrs2")
    with pytest.raises(UserError, match="valid: folders, grid"):
        find_film_layout("vocaset")


def test_a_layout_of_ones_own_goes_by_its_file(mine: Path) -> None:
    assert data.is_of_meshes(f"{mine}:Mine") is False
    assert data.layout_name(f"{mine}:Mine") == "mine"
    assert find_film_layout("mine").dataset == "My set"
    plugins.forget()
    assert "mine" not in FILM_LAYOUTS


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NOTHING", "int is no layout; make it a subclass of FilmLayout"),
        ("Silent", 'layout Silent: it has no licence; write licence = "..."'),
        ("Folders", "layout 'folders' is there already; give it another name"),
    ],
)
def test_what_is_no_layout_is_said(mine: Path, name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        plugins.enrol("layout", f"{mine}:{name}")
    assert str(caught.value).endswith(said)
    assert type(FILM_LAYOUTS[FOLDERS]) is registry.FoldersLayout


def test_a_name_of_moving_faces_is_taken(mine: Path) -> None:
    mine.write_text(MINE.replace('"mine"', '"vocaset"'))
    with pytest.raises(UserError, match="layout 'vocaset' is there already"):
        data.layout_name(f"{mine}:Mine")
