"""Curves along private steps: what is told of them, and only what intervals support."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.sections.catalogue import sections_of
from privtalk.leaderboards.sections.progress.chart import chart_rows
from privtalk.leaderboards.sections.progress.curves import curves, reference
from privtalk.leaderboards.sections.progress.findings import at_equal_progress, with_less
from privtalk.leaderboards.sections.progress.section import Progress, abouts
from privtalk.leaderboards.show import show
from privtalk.leaderboards.site.publish import publish
from tests.leaderboards.conftest import make_runs
from tests.leaderboards.progressed import ALONE, personalised, with_alone


@pytest.fixture(scope="module")
def runs_of_steps():
    return with_alone(personalised(make_runs(seeds=(0,), clients=12)))


@pytest.fixture(scope="module")
def board(runs_of_steps):
    return build(runs_of_steps.records, runs_of_steps.samples)


def test_curves_begin_with_what_is_released(board):
    found = {(curve.label, curve.place): curve for curve in curves(board)}
    assert len(found) == 9 + 1
    curve = found["FedAvg", "eps=8"]
    assert list(curve.rows) == [0.0, 4.0, 16.0, 64.0]
    assert curve.rows[0.0].key.tier == "eps=8"
    against = reference(board)
    assert (against.label, list(against.rows), against.released) == ("Local only", [4.0, 16.0, 64.0], None)


def test_a_board_without_steps_has_no_such_section(runs):
    plain = build(runs.records, runs.samples)
    assert not Progress.present(plain)
    assert "progress" not in {section.name for section in sections_of(plain)}


def test_who_is_better_at_equal_steps_is_told(board):
    """No DP gains about .9 dB over the reference's start, which is .45 above zero-shot; at ε = 2 nearly nothing."""
    told = dict(at_equal_progress(board).answers)
    assert at_equal_progress(board).question == "After 64 private steps, are methods better than Local only?"
    assert told["no DP"].startswith("PrivFedTalk, FedAvg and FedProx better on psnr")
    assert "worse on psnr" in told["ε = 2"]


def test_who_needs_fewer_steps_is_told(board):
    """Local only ends at .45 + .9 dB; FedAvg without DP is there after 16 steps (.92 + .5), PrivFedTalk within .1 dB
    after 4 (1.08 + .2), and at ε = 2 nobody is."""
    told = dict(with_less(board).answers)
    assert told["no DP"].startswith(
        "Psnr within 0.1 dB: PrivFedTalk after 4 private steps, FedAvg and FedProx after 16 private steps"
    )
    assert "Local only itself after 64 private steps" in told["no DP"]
    assert told["ε = 2"].startswith("Psnr within 0.1 dB: nobody is shown to")


def test_what_the_reference_does_not_need_either_is_no_saving():
    """A reference that is at its end after 4 steps: methods that are there after 16 save nothing."""
    quick = with_alone(personalised(make_runs(seeds=(0,), clients=12)), ALONE | {"4": 0.9, "16": 0.9})
    told = dict(with_less(build(quick.records, quick.samples)).answers)
    assert "after 16" not in told["no DP"]
    assert "Local only itself after 4 private steps" in told["no DP"]


def test_what_intervals_do_not_support_is_not_told():
    """Few clients that differ much: no saving, whatever the means say."""
    few = with_alone(personalised(make_runs(seeds=(0,), clients=3)))
    wide = few.rescored(
        lambda record, sample: (
            {"psnr": sample.scores["psnr"] + 3.0 * (int(sample.client[1:]) - 1)}
            if record.kind == "method"
            else {}
        )
    )
    told = dict(with_less(build(wide.records, wide.samples)).answers)
    assert all(text.startswith("Psnr within 0.1 dB: nobody is shown to") for text in told.values())


def test_charts_place_methods_side_by_side_and_carry_intervals(board):
    rows = chart_rows(board, board.metric("psnr"))
    at = {r["x"] for r in rows if r["progress"] == 16.0 and r["kind"] == "method"}
    assert len(at) == 3
    assert all(r["low"] < r["value"] < r["high"] for r in rows)
    assert {r["label"] for r in rows} == {"FedAvg", "FedProx", "PrivFedTalk", "Local only"}


def test_it_is_shown_and_published_with_what_is_guaranteed(runs_of_steps, board, tmp_path):
    assert abouts(board) == ["of its owner"]
    screen = io.StringIO()
    show(board, Console(file=screen, width=160), whole=True)
    assert "psnr − Zero-shot DiffTalk by private steps" in screen.getvalue()
    assert "of its owner" in screen.getvalue()
    publish([runs_of_steps.write(tmp_path / "run")], tmp_path / "site")
    pages = "".join(path.read_text() for path in (tmp_path / "site").glob("*.html"))
    assert "psnr by private steps" in pages
    assert "Who comes as far as Local only" in pages
    assert list((tmp_path / "site/charts").rglob("progress-psnr.vl.json"))
