from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.tasks.talking_head.display import DISPLAY
from privtalk.core.records import Estimate
from privtalk.leaderboards.board.build import build, group
from privtalk.leaderboards.board.model import verdict


def test_pure_function_of_records_in_any_order(runs):
    shuffled = list(runs.records)
    random.Random(3).shuffle(shuffled)
    assert build(shuffled, runs.samples) == build(runs.records, runs.samples)


def test_value_is_the_mean_over_clients_of_all_seeds(runs):
    row = build(runs.records, runs.samples).row("fedavg", "eps=8")
    by_client: dict[str, list[float]] = {}
    for seed in (0, 1):
        for sample in runs.samples[runs.cell("fedavg", "eps=8", seed)]:
            by_client.setdefault(sample.client, []).append(sample.scores["psnr"])
    means = [math.fsum(values) / len(values) for values in by_client.values()]
    estimate = row.cells["psnr"].estimate
    assert estimate.value == pytest.approx(math.fsum(means) / len(means))
    assert (estimate.n, estimate.clusters) == (2 * 24 * 3, 24)
    assert estimate.low < estimate.value < estimate.high


def test_difference_is_paired_so_client_levels_cancel(runs):
    cell = build(runs.records, runs.samples).row("fedavg").cells["psnr"]
    paired, marginal = (e.high - e.low for e in (cell.difference, cell.estimate))
    assert paired < marginal / 3
    assert cell.verdict == "better"


def test_baseline_has_no_difference_to_itself(runs):
    cell = build(runs.records, runs.samples).row("difftalk").cells["psnr"]
    assert cell.difference.value is None
    assert cell.difference.missing == "this is the baseline"


def test_missing_baseline_is_said(runs):
    board = build(runs.records, runs.samples, baseline="absent")
    assert board.baseline is None
    assert any("absent" in problem for problem in board.problems)
    assert board.row("fedavg").cells["psnr"].difference.missing == "no baseline row"


def test_methods_only_are_placed_and_within_their_tier(runs):
    board = build(runs.records, runs.samples)
    assert all(row.cells["psnr"].rank is None for row in board.references())
    for tier in board.tiers:
        assert min(row.cells["psnr"].rank.place for row in board.methods(tier)) == 1
    assert board.tiers == ["none", "eps=8", "eps=2"]


def test_equal_methods_share_a_place(make):
    runs = make({("difftalk", "none"): 0.0, ("fedavg", "none"): 1.0, ("fedprox", "none"): 1.0})
    ranks = [row.cells["psnr"].rank for row in build(runs.records, runs.samples).methods()]
    assert [(rank.place, rank.shared) for rank in ranks] == [(1, True), (1, True)]


def test_reference_metrics_are_not_placed(runs):
    cell = build(runs.records, runs.samples).row("fedavg").cells["jitter"]
    assert cell.rank is None
    assert cell.verdict is None


def test_lower_is_better_turns_the_verdict(runs):
    board = build(runs.records, runs.samples)
    cell = board.row("fedavg").cells["jitter_error"]
    assert board.metric("jitter_error").sign == -1
    assert cell.difference.high < 0
    assert cell.verdict == "better"


def test_what_nobody_measured_makes_no_row_incomplete(runs):
    board = build(runs.records, runs.samples)
    assert all(row.cells["lpips[alex]"].estimate.value is None for row in board.rows)
    assert all(row.incomplete == () for row in board.rows)
    assert all(row.cells["lpips[alex]"].rank is None for row in board.rows)


def test_columns_say_what_they_are(runs):
    metric = build(runs.records, runs.samples).metric("fid[talkhead]")
    assert (metric.family, metric.level, metric.base, metric.evaluator) == (
        "distribution",
        "set",
        "fid",
        "talkhead",
    )
    assert metric.about == "What fid[talkhead] measures"


def test_shares_of_a_set_are_paired_like_scores(runs):
    cell = build(runs.records, runs.samples).row("privfedtalk").cells["fid[talkhead]"]
    assert cell.verdict == "better"
    assert cell.difference.low < cell.difference.value < cell.difference.high < 0


def test_small_values_keep_their_digits(runs):
    assert build(runs.records, runs.samples).metric("kid[talkhead]").digits in (5, 6)


def test_a_missing_seed_is_shown_and_not_ranked(runs):
    partial = runs.only(lambda r: (r.method, r.tier, r.seed) != ("fedavg", "none", 1))
    row = build(partial.records, partial.samples).row("fedavg")
    assert row.incomplete == ("seed 1 missing",)
    assert row.cells["psnr"].estimate.value is not None
    assert row.cells["psnr"].rank is None


def test_missing_clips_are_counted_and_not_ranked(runs):
    samples = dict(runs.samples) | {
        runs.cell("fedavg", "none", 0): runs.samples[runs.cell("fedavg", "none", 0)][:-2]
    }
    row = build(runs.records, samples).row("fedavg")
    assert row.incomplete == ("psnr missing for 2 of 144 clips",)
    assert row.cells["psnr"].rank is None


def test_a_missing_metric_keeps_its_reason(runs):
    def without(record):
        if record.method != "fedprox":
            return record
        score = record.metrics["ssim"].model_copy(update={"estimate": Estimate(missing="no weights")})
        return record.model_copy(update={"metrics": {**record.metrics, "ssim": score}})

    changed = runs.changed(without).rescored(lambda r, s: {"ssim": None} if r.method == "fedprox" else {})
    row = build(runs.changed(without).records, changed.samples).row("fedprox")
    assert row.cells["ssim"].estimate.value is None
    assert row.cells["ssim"].estimate.missing == "no weights"
    assert row.incomplete == ("ssim missing",)


def test_cells_that_differ_in_settings_become_rows_of_their_own(runs):
    other = [
        r.model_copy(update={"cell_id": r.cell_id + "-mu", "cell": {**r.cell, "training": {"rounds": 60}}})
        for r in runs.records
        if (r.method, r.tier) == ("fedavg", "none")
    ]
    samples = dict(runs.samples) | {r.cell_id: runs.samples[r.cell_id.removesuffix("-mu")] for r in other}
    board = build([*runs.records, *other], samples)
    variants = {row.key.variant for row in board.methods("none") if row.key.method == "fedavg"}
    assert len(variants) == 2
    assert any("rounds=60" in variant for variant in variants)


def test_the_newest_of_two_records_of_a_cell_counts(runs):
    old = runs.records[0].model_copy(update={"started": "2020-01-01T00:00:00Z", "peak_memory_mib": 1.0})
    board = build([old, *runs.records], runs.samples)
    assert all(r.peak_memory_mib > 1 for row in board.rows for r in row.records)
    assert any("more than once" in problem for problem in board.problems)


def test_rows_on_other_corpora_are_remarked(runs):
    moved = runs.changed(
        lambda r: r.model_copy(update={"cell": {**r.cell, "corpus": {"name": "other"}}}) if r.seed else r
    )
    assert any("corpus.name" in problem for problem in build(moved.records, moved.samples).problems)


def test_group_splits_by_suite_preset_corpus_and_task(runs):
    smoke = [r.model_copy(update={"preset": "smoke"}) for r in runs.records]
    real = [r.model_copy(update={"cell": {**r.cell, "corpus": {"name": "films"}}}) for r in runs.records]
    toys = [r.model_copy(update={"task": "toy"}) for r in runs.records]
    groups = group([*smoke, *real, *toys, *runs.records])
    assert list(groups) == [
        ("privacy_utility", "default", "films", "talking_head"),
        ("privacy_utility", "default", "talkhead", "talking_head"),
        ("privacy_utility", "default", "talkhead", "toy"),
        ("privacy_utility", "smoke", "talkhead", "talking_head"),
    ]
    assert all(len(records) == len(runs.records) for records in groups.values())


def test_no_records_and_mixed_presets_are_refused(runs):
    with pytest.raises(ValueError, match="no records"):
        build([], {})
    smoke = runs.records[0].model_copy(update={"preset": "smoke"})
    with pytest.raises(ValueError, match="one suite and preset"):
        build([*runs.records, smoke], runs.samples)


def test_unknown_headline_lists_the_metrics(runs):
    with pytest.raises(ValueError, match=r"no metric 'fid'.*psnr, psnr_mouth"):
        build(runs.records, runs.samples, headline="fid")


def test_without_samples_the_records_estimates_are_pooled_and_nothing_is_compared(runs):
    board = build(runs.records, {})
    cell = board.row("fedavg").cells["psnr"]
    recorded = [r.metrics["psnr"].estimate.value for r in board.row("fedavg").records]
    assert cell.estimate.value == pytest.approx(sum(recorded) / 2)
    assert cell.difference.missing == "no clip is scored in both rows"


def test_one_client_gives_a_value_without_an_interval(make):
    runs = make(clients=1)
    cell = build(runs.records, runs.samples).row("fedavg").cells["psnr"]
    assert cell.estimate.value is not None
    assert cell.estimate.low is None
    assert cell.verdict is None


@given(st.floats(-5, 5), st.floats(0.001, 5), st.sampled_from([-1, 1]))
def test_verdict_mirrors_with_the_sign(middle, half, sign):
    estimate = Estimate(value=middle, low=middle - half, high=middle + half)
    mirrored = Estimate(value=-middle, low=-middle - half, high=-middle + half)
    assert verdict(estimate, sign) == verdict(mirrored, -sign)
    assert (verdict(estimate, sign) == "level") == (abs(middle) <= half)


@given(st.lists(st.floats(0.1, 100), min_size=1, unique=True))
def test_tiers_fall_from_no_dp_to_the_strongest(values):
    tiers = [f"eps={value!r}" for value in values]
    ordered = sorted([*tiers, "none"], key=DISPLAY.at_order)
    assert ordered[0] == "none"
    assert [float(t.removeprefix("eps=")) for t in ordered[1:]] == sorted(values, reverse=True)
