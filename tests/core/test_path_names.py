"""Names in paths stay apart, whatever they are made of and whatever the file system folds."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from privtalk.core.path_names import is_plain, path_name

NAMES = st.text(max_size=300)


@given(NAMES, NAMES)
@example("a b", "a_b")
@example("a+b", "a&b")
@example("Ann", "ann")
@example("e\u0301", "\u00e9")
@example("a/b", "a_b")
@example("x" * 250, "x" * 251)
@example("", "_")
@example("\udce9", "\udcea")
def test_two_names_never_share_a_path(one, other):
    assert (path_name(one) == path_name(other)) == (one == other)


@given(NAMES)
@example("..")
@example(".")
@example("con")
@example("nul.txt")
@example("../../victim")
@example("/etc/passwd")
@example("C:\\x")
@example("trailing.")
def test_a_path_name_is_one_part_that_every_file_system_takes(name):
    made = path_name(name)
    assert made.isascii()
    assert made == made.lower() == unicodedata.normalize("NFC", made)
    assert 0 < len(made) < 130
    assert not set(made) & set('/\\:*?"<>| \t\n\0')
    assert made not in (".", "..")
    assert not made.endswith(".")
    assert made.partition(".")[0] not in ("con", "nul")


@pytest.mark.parametrize("name", ["clients-00001", "test-00", "e_20", "fid.talkhead"])
def test_plain_names_stay(name):
    assert path_name(name) == name


def test_a_made_name_is_never_plain():
    assert not is_plain(path_name("a b"))
