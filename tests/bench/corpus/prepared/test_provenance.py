"""A prepared corpus says which data sets it is made of, and deals its public people once and for all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privtalk.bench.commands import data
from privtalk.bench.corpus.origins import origins
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.bench.corpus.prepared.provenance import (
    CORPUS,
    MANY,
    Provenance,
    check_asked,
    deal_public,
    public_people,
    read_provenance,
)
from privtalk.bench.corpus.prepared.store import PersonRole, StoreError, read_index
from privtalk.bench.corpus.video.ingest import PrepareOptions
from privtalk.bench.corpus.video.layouts.registry import FILM_LAYOUTS
from privtalk.core.errors import UserError
from tests.bench.corpus.prepared.squares import shots

Cast = dict[str, PersonRole]


def free(count: int) -> Cast:
    return {f"p{k:02d}": "" for k in range(count)}


# ---- dealing


def test_half_are_public_from_twelve_on() -> None:
    assert [len(deal_public(free(count), None, ())) for count in (4, MANY - 1, MANY, 13, 40)] == [
        0,
        0,
        6,
        6,
        20,
    ]


def test_as_many_are_public_as_are_asked_for_and_can_be_spared() -> None:
    assert [len(deal_public(free(8), asked, ())) for asked in (0, 3, 4, 7)] == [0, 3, 4, 4]


def test_who_is_public_stays_so_and_the_draw_goes_on() -> None:
    dealt = deal_public(free(12), None, ())
    more = deal_public(free(30), None, dealt)
    assert set(dealt) < set(more)
    assert len(more) == 15
    assert deal_public(free(30), None, more) == more
    assert set(deal_public(free(12), 0, dealt)) == set(dealt)


def test_the_draw_depends_on_names_alone() -> None:
    backwards: Cast = dict(reversed(free(12).items()))
    assert deal_public(backwards, None, ()) == deal_public(free(12), None, ())


def test_official_roles_come_first() -> None:
    roles: Cast = free(12) | {"p00": "public", "p01": "public", "p02": "heldout", "p03": "heldout"}
    for asked, count in ((None, 4), (2, 0), (3, 1)):
        dealt = deal_public(roles, asked, ())
        assert len(dealt) == count
        assert not {"p00", "p01", "p02", "p03"} & set(dealt)


def test_too_many_or_too_few_are_refused_before_the_work() -> None:
    with pytest.raises(UserError, match=r"--public 5: of 8 people 4 must be left .*; ask for 4$"):
        check_asked(Provenance(asked=5), 8, 0)
    with pytest.raises(UserError, match=r"--public 2: of 4 people .*; bring at least 6, or ask for 0$"):
        check_asked(Provenance(asked=2), 4, 0)
    with pytest.raises(UserError, match=r"--public 1: 2 people were dealt already"):
        check_asked(Provenance(asked=1, public=("ann", "bob")), 8, 0)
    for fine in (
        Provenance(),
        Provenance(asked=0),
        Provenance(asked=4),
        Provenance(asked=2, public=("a", "b")),
    ):
        check_asked(fine, 8, 0)


# ---- in a folder


@pytest.fixture
def shoot(tmp_path: Path, film: Any, sine: Any) -> Callable[..., Path]:
    """A SRC of people with one film each, by their paths."""

    def run(*paths: str, name: str = "src") -> Path:
        for number, path in enumerate(paths, 1):
            film(
                tmp_path / name / path,
                shots(50, speed=number),
                sound=sine(2.0),
                codec="libx264",
                sound_codec="aac",
            )
        return tmp_path / name

    return run


def test_a_folder_says_where_it_comes_from(red_squares: Any, shoot: Any, tmp_path: Path) -> None:
    src = shoot("M003/video/front/sad/level_1/001.mp4", "W009/video/front/sad/level_1/001.mp4")
    options = PrepareOptions(seconds=2.0)
    prepare(src, tmp_path / "dst", options, layout=FILM_LAYOUTS["mead"])
    found = read_provenance(tmp_path / "dst")
    assert found is not None
    (origin,) = origins(tmp_path / "dst")
    mead = FILM_LAYOUTS["mead"]
    assert found.datasets == (origin,)
    assert origin.model_dump() == {
        "name": mead.dataset, "layout": "mead", "licence": mead.licence, "citation": mead.citation,
        "version": mead.version,
    }  # fmt: skip
    assert found.prepared is not None
    assert (found.prepared.size, found.prepared.seconds) == (64, 2.0)
    index = read_index(tmp_path / "dst" / "W009")
    assert (index.attributes, index.role) == ({"sex": "female", "language": "english"}, "")
    more = shoot("ann/a.mkv", name="more")
    prepare(more, tmp_path / "dst", options)
    assert [origin.layout for origin in origins(tmp_path / "dst")] == ["mead", "folders"]
    assert read_index(tmp_path / "dst" / "W009").attributes == index.attributes


def test_official_roles_stand_in_the_index_and_a_table_mends_them(
    red_squares: Any, shoot: Any, tmp_path: Path
) -> None:
    src, dst = shoot("ann/a.mkv", "bob/a.mkv"), tmp_path / "dst"
    prepare(src, dst)
    assert "role" not in json.loads((dst / "ann" / "index.json").read_text())
    calls = red_squares.calls
    (src / "people.csv").write_text("identity,role,accent\nann,public,scots\nbob,heldout,\n")
    prepare(src, dst)
    assert red_squares.calls == calls
    assert public_people(dst) == ("ann",)
    found = {name: read_index(dst / name) for name in ("ann", "bob")}
    assert {name: index.role for name, index in found.items()} == {"ann": "public", "bob": "heldout"}
    assert found["ann"].attributes == {"accent": "scots"}


def test_a_folder_from_before_has_no_public_people_unless_asked(
    red_squares: Any, shoot: Any, tmp_path: Path
) -> None:
    src, dst = shoot(*(f"p{k:02d}/a.mkv" for k in range(MANY))), tmp_path / "dst"
    prepare(src, dst)
    assert len(public_people(dst)) == MANY // 2
    (dst / CORPUS).unlink()  # as an earlier version left it
    assert public_people(dst) == ()
    prepare(src, dst)
    assert public_people(dst) == ()
    prepare(src, dst, public=3)
    dealt = public_people(dst)
    assert len(dealt) == 3
    prepare(src, dst)
    assert public_people(dst) == dealt
    with pytest.raises(UserError, match=r"--public 9: of 12 people 4 must be left"):
        prepare(src, dst, public=9)


def test_damage_is_named_in_one_line(red_squares: Any, shoot: Any, tmp_path: Path) -> None:
    src, dst = shoot("ann/a.mkv"), tmp_path / "dst"
    prepare(src, dst)
    for text in ("{", '{"public": ["../x"]}', '{"format": 99}', '{"layout": "vocaset"}'):
        (dst / CORPUS).write_text(text)
        with pytest.raises(StoreError, match=r"corpus\.json: ") as caught:
            prepare(src, dst)
        assert "\n" not in str(caught.value)
    for text in ("{", "[]", '{"datasets": [{"name": 3}]}', '{"datasets": 7}'):
        (dst / CORPUS).write_text(text)
        assert origins(dst) == ()


def test_moving_faces_have_an_origin_too(tmp_path: Path) -> None:
    (tmp_path / CORPUS).write_text('{"layout": "vocaset", "licence": "L", "citation": "C", "clips": []}')
    (origin,) = origins(tmp_path)
    assert (origin.name, origin.licence, origin.citation) == ("vocaset", "L", "C")
    assert origins(tmp_path / "gone") == ()


def test_the_command_passes_it_on(red_squares: Any, shoot: Any, tmp_path: Path) -> None:
    src = shoot(*(f"{name}/a.mkv" for name in "abcde"))
    done = data.prepare(
        src, tmp_path / "dst", size=64, seconds=3.0, min_seconds=2.0, detector=None, landmarks=None, workers=1,
        layout="folders", public=1,
    )  # fmt: skip
    assert done == 0
    assert len(public_people(tmp_path / "dst")) == 1
