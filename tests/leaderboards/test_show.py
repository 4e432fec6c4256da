from __future__ import annotations

import io

import pytest
from rich.console import Console

from privtalk.core.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards import show as terminal
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.regression import regression
from privtalk.leaderboards.regression.reports import change_digits
from privtalk.leaderboards.regression.table import show_comparison
from privtalk.leaderboards.sections.utility import tables


def printed(show, thing, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show(thing, console)
    return console.file.getvalue()


def test_tables_fit_120_columns_and_cut_nothing_off(runs):
    text = printed(terminal.show, build(runs.records, runs.samples), 200)
    assert max(map(len, text.splitlines())) <= 120 or "…" not in text
    narrow = printed(terminal.show, build(runs.records, runs.samples))
    assert max(map(len, narrow.splitlines())) <= 120
    assert "…" not in narrow


@pytest.mark.parametrize("width", [80, 100, 120, 160])
def test_every_metric_and_row_is_shown_at_any_width(runs, width):
    text = printed(terminal.show, build(runs.records, runs.samples), width)
    for name in ("psnr", "psnr_mouth", "ssim", "jitter_error", "mouth_sync_offset", "kid", "[talkhead]"):
        assert name in text
    for label in ("FedAvg", "PrivFedTalk", "Zero-shot DiffTalk", "Static reference"):
        assert label in text


def test_no_figure_is_cut_on_a_narrow_terminal(runs):
    """Names are broken into lines; intervals stand whole in the overview and in a comparison."""
    board = build(runs.records, runs.samples)
    text = printed(terminal.show, board, 80)
    assert "…" not in text
    for row in board.rows:
        cell = row.cells[board.headline]
        if cell.difference.value is not None:
            assert (
                formats.with_interval(cell.difference, board.metric(board.headline).digits, signed=True)
                in text
            )
    worse = runs.rescored(lambda r, s: {"psnr": s.scores["psnr"] - 4.123})
    found = regression.compare(runs.records, runs.samples, worse.records, worse.samples)
    shown = printed(show_comparison, found, 80)
    assert "…" not in shown
    for change in found.noteworthy:
        assert formats.with_interval(change.difference, change_digits(change), signed=True) in shown
        assert f"{change.status} " in shown


def test_missing_values_are_dashes_with_a_reason(runs):
    text = printed(terminal.show, build(runs.records, runs.samples))
    assert (
        "- mouth_sync, mouth_sync_offset and lse_c[talkhead]: the generated frames do not move (Static"
        in text
    )


def test_an_overview_then_families_then_what_is_not_measured(runs):
    text = printed(terminal.show, build(runs.records, runs.samples))
    order = ("privacy_utility, default", "Quality: ", "Distribution: ", "Temporal: ", "Not measured here: ")
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Identity: " not in text  # its one measured column stands in the overview
    overview = text[: places[1]]
    assert [name for name in ("psnr", "fid", "identity", "jitter_error", "mouth_sync") if name in overview]
    assert "ssim" not in overview


def test_what_is_not_measured_is_a_line_a_reason(runs):
    lines = tables.not_measured(build(runs.records, runs.samples))
    assert len(lines) == 6
    assert lines[0] == (
        "Not measured here: lpips[alex], lpips_face[alex] - "
        "no weights of lpips-alex: bench weights fetch lpips-alex"
    )


def test_records_without_families_are_shown_in_one_run_of_tables(runs):
    def old(record):
        plain = {n: s.model_copy(update={"family": ""}) for n, s in record.metrics.items()}
        return record.model_copy(update={"metrics": plain})

    text = printed(terminal.show, build(runs.changed(old).records, runs.samples), 160)
    assert "Quality" not in text
    for name in ("psnr", "ssim_mouth", "kid", "mouth_sync_offset"):
        assert name in text


def test_partial_runs_are_shown_and_marked(runs):
    partial = runs.only(lambda r: r.method in ("difftalk", "fedavg") and (r.tier, r.seed) != ("none", 1))
    text = printed(terminal.show, build(partial.records, partial.samples))
    assert "FedAvg*" in text
    assert "not ranked" in text


def test_one_record_alone_is_shown(runs):
    one = runs.only(lambda r: r.cell_id == runs.cell("fedavg", "eps=8", 0))
    text = printed(terminal.show, build(one.records, one.samples))
    assert "FedAvg" in text
    assert "no row 'difftalk' to compare with" in text


def test_realised_false_positive_rate_stands_beside_the_rate(runs):
    board = build(runs.records, runs.samples)
    strongest = max(board.methods("none"), key=lambda row: row.attacks["user_inference"].headline.margin)
    point = next(p for p in strongest.attacks["user_inference"].points if p.fpr_target == 0.01)
    assert f"{point.tpr.value:.2f} ({point.fpr_realised:.3f})" in printed(terminal.show, board)


def test_a_refused_attack_is_a_dash_and_not_a_passed_control(runs):
    def refuse(record):
        gone = Estimate(missing="each client keeps its own adapter")
        empty = {"auc": gone, "points": (), "roc": (), "controls": {}, "positives": 0, "negatives": 0}
        attacks = {n: a.model_copy(update=empty) for n, a in record.attacks.items()}
        return record.model_copy(update={"attacks": attacks})

    refused = runs.only(lambda r: r.method in ("difftalk", "fedavg")).changed(refuse)
    board = build(refused.records, refused.samples)
    assert board.row("fedavg").attacks["user_inference"].verdict == "missing"
    text = printed(terminal.show, board)
    assert "at chance" not in text.split("Guarantee")[1].split("Does training")[0]
    assert "From the released adapter: not measured for FedAvg" in text


def test_no_guarantee_is_written_out(runs):
    text = printed(terminal.show, build(runs.records, runs.samples))
    assert "no guarantee" in text
    assert "7.99 / 7.99 / none" in text


def test_comparison_names_what_got_worse(runs):
    worse = runs.rescored(lambda r, s: {"psnr": s.scores["psnr"] - 1} if r.method == "fedavg" else {})
    found = regression.compare(runs.records, runs.samples, worse.records, worse.samples)
    text = printed(show_comparison, found)
    assert "regression" in text
    assert "−1.00" in text
    assert "FedProx" not in text


def test_comparison_of_equals_says_ok(runs):
    found = regression.compare(runs.records, runs.samples, runs.records, runs.samples)
    assert printed(show_comparison, found).startswith("ok: no regression (30 pairs")
