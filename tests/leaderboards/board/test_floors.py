from __future__ import annotations

import pytest

from privtalk.leaderboards.board.build import build

GAINS = {("difftalk", "none"): 0.0, ("static", "none"): -3.0, ("noise", "none"): -14.0}
GAINS |= {("autoencoder", "none"): 9.0, ("fedprox", "none"): 1.0}


@pytest.fixture(scope="module")
def board(make):
    runs = make(GAINS | {("fedavg", "none"): -3.5, ("privfedtalk", "none"): -14.0})
    return build(runs.records, runs.samples)


def test_methods_that_do_not_clear_a_floor_are_marked(board):
    assert set(board.row("fedavg").cells["psnr"].not_above) == {"static"}
    assert set(board.row("privfedtalk").cells["psnr"].not_above) == {"static", "noise"}
    assert board.row("fedprox").flags == ()


def test_flags_stay_short(board):
    assert board.row("fedavg").flags == ("not above static reference on 5 metrics (quality 5)",)
    assert any(flag.startswith("at noise level on ") for flag in board.row("privfedtalk").flags)


def test_few_metrics_are_named(make):
    moved = make(GAINS).rescored(lambda r, s: {"psnr": 1.0} if r.method == "fedprox" else {})
    assert build(moved.records, moved.samples).row("fedprox").flags == (
        "at noise level on psnr",
        "not above static reference on psnr",
    )


@pytest.mark.parametrize("name", ["identity[talkhead]", "fid[talkhead]", "kid[talkhead]"])
def test_a_still_portrait_is_the_right_person_and_a_real_picture(board, name):
    assert board.row("static").cells[name].estimate.value is not None
    assert all("static" not in row.cells[name].not_above for row in board.methods())


def test_noise_is_a_floor_everywhere(make):
    runs = make(GAINS).rescored(lambda r, s: {"identity[talkhead]": -1.0} if r.method == "fedprox" else {})
    board = build(runs.records, runs.samples)
    assert board.row("fedprox").cells["identity[talkhead]"].not_above == ("noise",)


def test_a_metric_that_rewards_stillness_has_no_floor_in_the_still_portrait(board):
    """Nothing is as consistent as a picture; its jitter is wrong all the same."""
    assert board.row("fedprox").cells["subject_consistency[talkhead]"].not_above == ()
    assert board.row("fedprox").cells["jitter_error"].not_above == ()


def test_a_frozen_clip_is_not_above_the_still_portrait_in_time(make):
    runs = make(GAINS).rescored(lambda r, s: {"jitter_error": 1.0} if r.method == "fedprox" else {})
    board = build(runs.records, runs.samples)
    assert "static" in board.row("fedprox").cells["jitter_error"].not_above


def test_reference_metrics_have_no_floor(board):
    for name in ("jitter", "mouth_sync_offset"):
        assert all(row.cells[name].not_above == () for row in board.rows)


def test_floors_themselves_are_not_marked(board):
    assert all(row.flags == () for row in board.references())
