from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.attacks import galleries


def pictured(runs, folder: Path, names=("dlg", "gidm")):
    """The same runs on disk, with a picture of each named attack on every attacked record."""

    def add(record):
        artifacts = dict(record.artifacts)
        for name in names if record.attacks else ():
            path = f"artifacts/{record.cell_id}/{name}.png"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((16, 64, 3), record.seed, np.uint8)).save(folder / path)
            artifacts[f"gallery/{name}"] = path
        return record.model_copy(update={"artifacts": artifacts})

    runs.changed(add).write(folder)
    return load([folder])


@pytest.fixture
def shown(attacked_runs, tmp_path):
    loaded = pictured(attacked_runs, tmp_path / "run")
    board = build(loaded.records, loaded.samples)
    return board, loaded, galleries.galleries(board, loaded.folders, tmp_path / "site", "index")


def test_every_attacked_row_has_its_picture_once(shown, tmp_path):
    board, _, found = shown
    assert [g.attack for g in found] == ["dlg", "gidm"]
    for gallery in found:
        assert len(gallery.pictures) == sum(bool(row.attacks) for row in board.rows)
        assert {p.seed for p in gallery.pictures} == {0}
        for picture in gallery.pictures:
            assert (tmp_path / "site" / picture.href).is_file()
            assert picture.size == (64, 16)
            assert picture.figure.startswith("PSNR gain")


def test_the_next_seed_steps_in_where_a_picture_is_gone(shown, tmp_path):
    board, loaded, _ = shown
    for record in loaded.records:
        if record.seed == 0 and record.method == "fedavg":
            (tmp_path / "run" / "artifacts" / record.cell_id / "dlg.png").unlink(missing_ok=True)
    found = galleries.galleries(board, loaded.folders, tmp_path / "again", "index")
    seeds = {p.label: p.seed for p in found[0].pictures}
    assert (seeds["FedAvg"], seeds["PrivFedTalk"]) == (1, 0)


def test_what_lies_outside_or_is_no_picture_is_left(attacked_runs, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    (folder / "page.html").write_text("<script>")
    (folder / "broken.png").write_bytes(b"not a picture")
    names = {"gallery/dlg": "../secret.png", "gallery/gidm": "page.html", "gallery/x": "broken.png"}
    attacked_runs.changed(lambda r: r.model_copy(update={"artifacts": names})).write(folder)
    loaded = load([folder])
    board = build(loaded.records, loaded.samples)
    assert galleries.galleries(board, loaded.folders, tmp_path / "site", "index") == []


def test_hostile_names_stay_inside_the_site(attacked_runs, tmp_path):
    loaded = pictured(attacked_runs, tmp_path / "run", names=("plain",))
    evil = [
        r.model_copy(update={"artifacts": {"gallery/../../../evil": r.artifacts["gallery/plain"]}})
        if r.attacks
        else r
        for r in loaded.records
    ]
    found = galleries.galleries(build(evil, loaded.samples), loaded.folders, tmp_path / "site", "index")
    for picture in found[0].pictures:
        assert (tmp_path / "site" / picture.href).resolve().is_relative_to((tmp_path / "site").resolve())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "site"]
