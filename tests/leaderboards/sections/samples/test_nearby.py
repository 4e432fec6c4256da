"""Close-ups side by side: which rows, in which order, and on the page."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.samples import media
from privtalk.leaderboards.sections.samples.nearby import featured, side_by_side
from privtalk.leaderboards.site.publish import publish
from tests.leaderboards.progressed import personalised, with_alone

CLIP = "c000-u0"


@pytest.fixture(scope="module")
def near(make, tmp_path_factory):
    """A run in which every row, each of its variants and the truth have a close-up of a clip."""
    folder = tmp_path_factory.mktemp("near") / "run"
    name = f"closeups/{CLIP}.png"

    def drawn(path):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((12, 4, 3), np.uint8)).save(folder / path)
        return path

    def shown(record):
        variants = tuple(
            v.model_copy(
                update={"artifacts": {name: drawn(f"artifacts/{record.cell_id}/{v.at['personal']}.png")}}
            )
            for v in record.variants
        )
        own = {name: drawn(f"artifacts/{record.cell_id}/own.png")}
        own[f"truth/{name}"] = drawn("artifacts/truth/near.png")
        return record.model_copy(update={"variants": variants, "artifacts": own})

    return personalised(make(seeds=(0,), clients=6), {"16": 0.3, "64": 0.8}).changed(shown).write(folder)


@pytest.fixture(scope="module")
def board(near):
    runs = load([near])
    return build(runs.records, runs.samples), runs


def test_the_best_method_stands_between_the_baseline_and_its_own_adapters(board):
    made, runs = board
    (scene,) = media.scenes(made, runs.folders)
    told = [(take.label, take.tier) for take in side_by_side(made, scene)]
    assert told == [
        ("Ground truth", ""),
        ("Zero-shot DiffTalk", "reference"),
        ("PrivFedTalk", "no DP"),
        ("PrivFedTalk", "no DP, personalised in 64 steps"),
        ("PrivFedTalk", "ε = 8"),
        ("PrivFedTalk", "ε = 8, personalised in 64 steps"),
        ("Local only", "reference"),
    ]


def test_the_best_method_is_chosen_by_the_headline(board):
    made, _ = board
    ends = {row.label: row for row in made.methods("personal=64")}
    best = max(ends.values(), key=lambda row: row.cells["psnr"].difference.value)
    assert best.key.method in {key.method for key in featured(made)}
    assert {key.method for key in featured(made)} == {"difftalk", "local", best.key.method}


def test_a_board_without_progress_shows_what_was_released(runs):
    made = build(runs.records, runs.samples)
    assert [key[:2] for key in featured(made)] == [
        ("difftalk", "none"),
        ("privfedtalk", "none"),
        ("privfedtalk", "eps=8"),
        ("local", "none"),
    ]


def test_a_reference_that_takes_private_steps_is_shown_after_the_last(make):
    runs = with_alone(personalised(make(seeds=(0,), clients=6)))
    made = build(runs.records, runs.samples)
    assert [key[:2] for key in featured(made) if key.method == "local"] == [("local", "personal=64")]


def test_strips_alone_have_nothing_to_stand_side_by_side(run_folder):
    loaded = load([run_folder])
    made = build(loaded.records, loaded.samples)
    assert all(side_by_side(made, scene) == [] for scene in media.scenes(made, loaded.folders))


def test_the_page_has_them_before_the_whole_clips(near, run_folder, tmp_path):
    text = publish([near], tmp_path / "site").read_text(encoding="utf-8")
    assert text.count("-closeup.png") == 7
    assert "<h3>Close up</h3>" in text
    assert 'alt="c000-u0 close up: PrivFedTalk ε = 8"' in text
    names = {path.name for path in (tmp_path / "site/media").rglob("*-closeup.png")}
    assert len(names) == 7
    assert "Close up" not in publish([run_folder], tmp_path / "other").read_text(encoding="utf-8")
