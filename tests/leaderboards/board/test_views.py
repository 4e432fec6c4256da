"""Boards of records that hold variants: each is a row like any other."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from privtalk.core.records import RunStore
from privtalk.leaderboards.board.build import build, build_all
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.board.progress import ends, started, tracks
from privtalk.leaderboards.board.statistics import paired_difference
from privtalk.leaderboards.board.views import View, expanded, home
from privtalk.leaderboards.regression.comparison import OK, REGRESSION, RUN_FAILURE
from privtalk.leaderboards.regression.regression import compare, compare_runs
from privtalk.leaderboards.sections.guarantee.findings import price_of_privacy
from privtalk.leaderboards.show import show
from privtalk.leaderboards.site.publish import publish
from tests.leaderboards.conftest import Runs, make_runs
from tests.leaderboards.progressed import GAIN, STEPS, leaking, personalised


@pytest.fixture(scope="module")
def varied() -> Runs:
    return personalised(make_runs(seeds=(0,), clients=8))


def test_every_variant_is_a_row_with_its_own_samples(varied):
    board = build(varied.records, varied.samples)
    released, after = board.row("fedavg", "eps=8"), board.row("fedavg", "eps=8, personal=16")
    apart = board.difference(after.key, released.key, "psnr")
    assert apart.value == pytest.approx(GAIN["16"])
    assert (after.at, after.kind) == ("ε = 8, personalised in 16 steps", "method")
    assert after.privacy == released.privacy
    assert after.attacks == {}
    assert released.attacks
    assert board.tiers[:5] == ["none", *(f"personal={n}" for n in STEPS), "eps=8"]


def test_a_record_without_variants_makes_the_board_it_made(runs):
    views, samples = expanded(runs.records, runs.samples)
    assert views == runs.records
    assert samples == runs.samples


def test_rows_are_placed_among_rows_of_the_same_place(varied):
    board = build(varied.records, varied.samples)
    for tier in board.tiers:
        places = [row.cells["psnr"].rank.place for row in board.methods(tier)]
        assert len(places) == 3
        assert min(places) == 1


def test_views_name_their_record_and_count_nothing_twice(varied):
    views, _ = expanded(varied.records, varied.samples)
    own = [view for view in views if isinstance(view, View)]
    assert len(own) == 9 * len(STEPS)
    assert {home(view) for view in own} <= {record.cell_id for record in varied.records}
    assert len({view.cell_id for view in views}) == len(views)
    assert all(not view.timings and not view.audits and not view.variants for view in own)
    board = build(varied.records, varied.samples)
    assert [found.cell_id for _, found in board.recorded] == list(
        dict.fromkeys(found.cell_id for _, found in board.recorded)
    )
    assert len(board.recorded) == len(varied.records)


def test_overviews_show_the_ends_and_charts_of_what_is_released_the_start(varied):
    board = build(varied.records, varied.samples)
    assert {row.key.tier for row in ends(board).methods()} == {
        "none", "personal=64", "eps=8", "eps=8, personal=64", "eps=2", "eps=2, personal=64",
    }  # fmt: skip
    assert {row.key.tier for row in started(board).methods()} == {"none", "eps=8", "eps=2"}
    assert len(ends(board).references()) == len(started(board).references()) == len(board.references())
    found = {track.tier: list(rows) for track, rows in tracks(board).items() if track.method == "fedavg"}
    assert found == {tier: [None, 4.0, 16.0, 64.0] for tier in ("none", "eps=8", "eps=2")}


def test_a_guarantee_is_paid_for_at_equal_progress(varied):
    board = build(varied.records, varied.samples)
    told = price_of_privacy(board)
    lines = {line.subject: line for line in told.lines}
    line = lines["FedAvg, ε = 8, personalised in 16 steps − no DP, personalised in 16 steps"]
    same = paired_difference(
        board.scores[board.row("fedavg", "eps=8").key]["psnr"], board.scores[board.row("fedavg").key]["psnr"]
    )
    assert f"{same.value:.2f}".replace("-", "−") in line.figure
    assert len(lines) == 2 * 3 * 4


def test_a_variant_that_got_worse_or_is_gone_is_told(varied):
    base = make_runs(seeds=(0,), clients=8)
    same = compare(varied.records, varied.samples, varied.records, varied.samples)
    assert (same.exit_code, same.pairs) == (OK, len(varied.records) + 9 * len(STEPS))
    worse = personalised(base, GAIN | {"64": 0.5})
    told = compare(varied.records, varied.samples, worse.records, worse.samples)
    assert told.exit_code == REGRESSION
    assert {change.row.tier.rpartition("personal=")[2] for change in told.noteworthy} == {"64"}
    fewer = personalised(base, {"4": 0.2})
    told = compare(varied.records, varied.samples, fewer.records, fewer.samples)
    assert told.exit_code == RUN_FAILURE
    more = compare(base.records, base.samples, varied.records, varied.samples)
    assert more.exit_code == OK
    assert any(f"{9 * len(STEPS)} records in new have no partner" in text for text in more.warnings)


def test_a_run_folder_with_variants_is_shown_published_and_compared(varied, tmp_path):
    folder = varied.write(tmp_path / "run")
    runs = load([folder])
    (board,) = build_all(runs).values()
    screen = io.StringIO()
    show(board, Console(file=screen, width=200), whole=True)
    assert "personalised in 64 steps" in screen.getvalue()
    publish([folder], tmp_path / "site")
    written = {path.name for path in (tmp_path / "site/data/records").iterdir()}
    assert len(written) == len(varied.records)
    kept = RunStore(tmp_path / "again")
    record = varied.records[6]
    for sub, suffix in (("records", "json"), ("samples", "jsonl")):
        target = kept.folder / sub / f"{record.cell_id}.{suffix}"
        target.parent.mkdir(parents=True)
        target.write_bytes((tmp_path / "site/data" / sub / f"{record.cell_id}.{suffix}").read_bytes())
    assert kept.has(record.cell_id)  # what is offered for download is what was recorded
    assert compare_runs(runs, load([folder])).exit_code == OK


def test_a_board_of_starts_has_no_attack_that_only_dropped_rows_have(varied):
    """Without the row that trains alone, personal adapters are attacked on personalised rows and nowhere else."""
    leaky = leaking(varied)
    board = build(leaky.records, leaky.samples)
    assert "clip_in_personal" in board.attacks
    assert "clip_in_personal" not in started(board).attacks
    assert set(started(board).attacks) == {name for row in started(board).rows for name in row.attacks}
