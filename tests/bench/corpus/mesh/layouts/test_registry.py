"""The list of layouts: each found by its name, none recognised in an empty folder."""

from __future__ import annotations

import pytest

from privtalk.bench.corpus.mesh.layouts.registry import LAYOUTS, find_layout
from privtalk.core.errors import UserError


def test_layouts_are_found_by_name_and_say_what_they_are():
    assert sorted(LAYOUTS) == ["3d_etf", "beat", "biwi", "faceformer", "vocaset"]
    with pytest.raises(UserError, match=r"unknown layout 'voca' \(did you mean vocaset\?\)"):
        find_layout("voca")
    for layout in LAYOUTS.values():
        assert layout.about
        assert layout.licence
        assert layout.citation
        assert layout.split


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_an_empty_folder_is_of_no_layout(name, tmp_path):
    assert "no " in LAYOUTS[name].recognises(tmp_path)
