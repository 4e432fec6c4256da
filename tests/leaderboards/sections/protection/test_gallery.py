"""The gallery: the first owner of every row at the main budget, with the clips that attackers left, in the site."""

from __future__ import annotations

import pytest

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.protection.gallery import gallery
from privtalk.leaderboards.sections.protection.protection_board import ProtectionBoard
from privtalk.leaderboards.sections.section import PagePlace
from tests.leaderboards.protected import protected

OWNER = "owner-00"
LEFT = {f"clips/{OWNER}.mp4": "clips/a.mp4", f"attacked/diffpure/{OWNER}.mp4": "attacked/a.mp4"}


def shown_of(tmp_path, left=LEFT, written=True):
    """The gallery of runs whose rows at 8/255 left these artifacts."""
    runs = protected().changed(
        lambda record: record.model_copy(
            update={"artifacts": {name: f"{record.cell_id}/{path}" for name, path in left.items()}}
        )
    )
    folder = runs.write(tmp_path / "run")
    for record in runs.records:
        for path in record.artifacts.values() if written else ():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(f"{record.method} {path}")
    loaded = load([folder])
    place = PagePlace(runs=loaded, site=tmp_path / "site", slug="index")
    return gallery(ProtectionBoard(build(loaded.records, loaded.samples)), place)


def test_every_row_at_the_main_budget_shows_what_was_left_of_the_first_owner(tmp_path):
    owner, found = shown_of(tmp_path)
    assert owner == OWNER
    labels = [exhibit.label for exhibit in found]
    assert labels[0] == "Unprotected"
    assert {exhibit.at for exhibit in found[1:]} == {"8/255"}
    assert len(set(labels)) == len(labels) == 6
    for exhibit in found:
        assert list(exhibit.clips) == ["", "diffpure"]
        assert exhibit.portrait == ""
    files = [tmp_path / "site" / path for exhibit in found for path in exhibit.clips.values()]
    assert len({file.read_text() for file in files}) == len(files) == 12
    silencer = next(exhibit for exhibit in found if exhibit.label == "Silencer I")
    assert (tmp_path / "site" / silencer.clips["diffpure"]).read_text().startswith("silencer ")


@pytest.mark.parametrize("case", ["no attacker's clip", "files gone"])
def test_without_clips_there_is_no_gallery(case, tmp_path):
    left = {f"clips/{OWNER}.mp4": "clips/a.mp4"} if case == "no attacker's clip" else LEFT
    _, found = shown_of(tmp_path, left, written=case != "files gone")
    assert list(found) == []


def test_names_that_lead_out_of_the_site_stay_in_it(tmp_path):
    _, found = shown_of(tmp_path, {"attacked/diffpure/..mp4": "a.mp4", "attacked/blur/<b>.mp4": "b.mp4"})
    site = (tmp_path / "site").resolve()
    files = [(site / path).resolve() for exhibit in found for path in exhibit.clips.values()]
    assert files
    assert all(file.is_relative_to(site) and file.is_file() for file in files)
