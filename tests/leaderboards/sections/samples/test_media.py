from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.samples import media


@pytest.fixture
def found(run_folder: Path):
    runs = load([run_folder])
    return build(runs.records, runs.samples), runs


def test_scenes_go_from_the_baselines_worst_to_its_best(found):
    board, runs = found
    shown = media.scenes(board, runs.folders)
    assert {scene.clip for scene in shown} == {"c000-u0", "c007-u1", "c019-u2"}
    base = [next(t.score for t in scene.takes if t.label == "Zero-shot DiffTalk") for scene in shown]
    assert base == sorted(base)


def test_every_row_is_there_once_references_first(found):
    board, runs = found
    takes = media.scenes(board, runs.folders)[0].takes
    assert len(takes) == len(board.rows) == len({take.slug for take in takes})
    assert takes[0].tier == "ceiling"
    assert [t.tier for t in takes[-9:]] == ["no DP"] * 3 + ["ε = 8"] * 3 + ["ε = 2"] * 3


def test_scores_are_those_of_the_clip(found):
    board, runs = found
    scene = media.scenes(board, runs.folders)[0]
    client, clip = scene.clip.split("-")
    expected = board.scores[board.row("fedavg").key]["psnr"][0, client, clip]
    assert next(t for t in scene.takes if (t.label, t.tier) == ("FedAvg", "no DP")).score == expected


def test_a_named_folder_makes_a_row_of_its_own_and_truth_comes_first(run_folder, runs):
    strip = f"artifacts/{runs.cell('fedavg', 'none', 0)}/frames/c000-u0.png"
    loaded = load([run_folder])
    records = [
        r.model_copy(update={"artifacts": {**r.artifacts, "truth/frames/c000-u0.png": strip}})
        if r.cell_id == runs.cell("fedavg", "none", 0)
        else r
        for r in loaded.records
    ]
    scene = media.scenes(build(records, loaded.samples), loaded.folders, count=1)[0]
    assert scene.clip == "c000-u0"
    assert (scene.takes[0].label, scene.takes[0].tier, scene.takes[0].score) == ("Ground truth", "", None)


def test_files_outside_the_run_folder_are_left_alone(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    assert media.inside(tmp_path / "run", "../secret.png") is None
    assert media.inside(tmp_path / "run", str(tmp_path / "secret.png")) is None
    assert media.inside(tmp_path / "run", "absent.png") is None


def test_the_sheet_holds_all_strips(found):
    board, runs = found
    scene = media.scenes(board, runs.folders)[0]
    sheet = media.sheet(scene, size=64)
    assert sheet.height == 70 * len(scene.takes) + 6
    strip = Image.open(scene.takes[0].strip).convert("RGB").resize((8 * 64, 64), Image.Resampling.BICUBIC)
    left = sheet.width - 12 - strip.width
    assert sheet.crop((left, 6, left + strip.width, 70)).tobytes() == strip.tobytes()


def test_a_broken_picture_is_left_out(found, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    scene = media.ShownClip(clip="x", seed=0, takes=(media.Take(label="a", tier="", slug="a", strip=broken),))
    assert media.sheet(scene) is None
    assert media.poster(broken) is None
    assert media.dimensions(broken) is None


def test_records_without_artifacts_show_nothing(runs):
    assert media.scenes(build(runs.records, runs.samples), {}) == ()
