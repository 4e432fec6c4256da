"""Board statistics against SciPy, against each other, and on the null."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import bootstrap, false_discovery_control, norm, t, ttest_1samp, ttest_rel

from privtalk.core.records import Estimate
from privtalk.leaderboards.board.statistics import (
    client_means,
    clustered_mean,
    holm,
    p_of,
    paired_difference,
    shared_ranks,
    simultaneous,
)
from privtalk.metrics import intervals

SEEDS, CLIENTS, CLIPS = 2, 30, 3


def row(rng, shift=0.0, noise=0.3, common=None):
    """Scores whose clients differ by 1 and whose clips by `noise`."""
    clients = rng.normal(size=CLIENTS) if common is None else common
    return {
        (seed, f"c{client:02}", f"k{clip}"): shift + clients[client] + noise * rng.normal()
        for seed in range(SEEDS)
        for client in range(CLIENTS)
        for clip in range(CLIPS)
    }


def means_of(scores):
    return np.array(list(client_means(scores).values()))


def test_bootstrap_is_scipys():
    scores = row(np.random.default_rng(0))
    ours = clustered_mean(scores, np.random.default_rng(1), resamples=20_000)
    theirs = bootstrap(
        (means_of(scores),), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.015)
    assert ours.value == pytest.approx(means_of(scores).mean())
    assert (ours.n, ours.clusters) == (SEEDS * CLIENTS * CLIPS, CLIENTS)


def test_a_run_and_a_board_give_the_same_interval():
    scores = {key: value for key, value in row(np.random.default_rng(0)).items() if key[0] == 0}
    board = clustered_mean(scores, np.random.default_rng(5))
    run = intervals.clustered_mean(
        list(scores.values()), [client for _, client, _ in scores], np.random.default_rng(5)
    )
    assert (run.value, run.low, run.high, run.n, run.clusters) == pytest.approx(
        (board.value, board.low, board.high, board.n, board.clusters), abs=1e-12
    )


def test_interval_depends_on_the_generator_and_not_on_the_order():
    scores = row(np.random.default_rng(0))
    backwards = dict(reversed(scores.items()))
    first = clustered_mean(scores, np.random.default_rng(5))
    assert first == clustered_mean(backwards, np.random.default_rng(5))
    assert first != clustered_mean(scores, np.random.default_rng(6))


def test_repeating_clips_does_not_shorten_the_interval():
    scores = row(np.random.default_rng(0), noise=0.0)
    repeated = scores | {(seed, client, f"{clip}-again"): v for (seed, client, clip), v in scores.items()}
    once, twice = (clustered_mean(s, np.random.default_rng(5)) for s in (scores, repeated))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high))
    assert twice.n == 2 * once.n


def test_paired_difference_is_students_t_over_clients():
    rng = np.random.default_rng(0)
    a, b = row(rng, 0.2), row(rng)
    difference = paired_difference(a, b)
    oracle = ttest_rel(means_of(a), means_of(b))
    interval = oracle.confidence_interval(0.95)
    assert difference.p == pytest.approx(oracle.pvalue)
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high))
    one = ttest_1samp(means_of({key: a[key] - b[key] for key in a}), 0)
    assert difference.p == pytest.approx(one.pvalue)


def test_paired_difference_is_the_sandwich():
    """Equal numbers of clips: CR1 of a regression on a constant, √(G / (G - 1) Σ_g (Σ_i e_gi)²) / n."""
    rng = np.random.default_rng(3)
    a, b = row(rng, 0.2), row(rng)
    residuals = {key: a[key] - b[key] for key in a}
    mean = np.mean(list(residuals.values()))
    sums = [sum(v - mean for k, v in residuals.items() if k[1] == f"c{g:02}") for g in range(CLIENTS)]
    error = np.sqrt(CLIENTS / (CLIENTS - 1) * np.square(sums).sum()) / len(residuals)
    difference = paired_difference(a, b)
    assert difference.high - difference.value == pytest.approx(t.ppf(0.975, CLIENTS - 1) * error)


def test_only_shared_clips_are_compared():
    rng = np.random.default_rng(0)
    a, b = row(rng), row(rng)
    less = {key: value for key, value in b.items() if key[2] != "k0"}
    assert paired_difference(a, less) == paired_difference({key: a[key] for key in less}, less)
    assert paired_difference(a, {}).missing == "no clip is scored in both rows"


@given(st.permutations(range(SEEDS * CLIENTS * CLIPS)))
def test_difference_is_antisymmetric_and_ignores_order(order):
    rng = np.random.default_rng(0)
    a, b = row(rng, 0.1), row(rng)
    keys = list(a)
    shuffled = {keys[i]: a[keys[i]] for i in order}
    forward, backward = paired_difference(shuffled, b), paired_difference(b, a)
    assert forward == paired_difference(a, b)
    assert (forward.value, forward.low, forward.high) == pytest.approx(
        (-backward.value, -backward.high, -backward.low)
    )
    assert forward.p == pytest.approx(backward.p)


def test_identical_rows_do_not_differ():
    scores = row(np.random.default_rng(0))
    difference = paired_difference(scores, dict(scores))
    assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)


def test_one_client_has_no_interval():
    one = {(0, "ann", "x"): 1.0, (0, "ann", "y"): 2.0}
    assert clustered_mean(one, np.random.default_rng(0)).low is None
    difference = paired_difference(one, dict.fromkeys(one, 0.0))
    assert (difference.value, difference.low, difference.p) == (1.5, None, None)
    assert difference.estimate().clusters == 1


def test_nothing_scored_is_missing():
    estimate = clustered_mean({}, np.random.default_rng(0))
    assert estimate.value is None
    assert estimate.missing


def test_intervals_cover_on_the_null():
    rng = np.random.default_rng(8)
    covered, rejected, runs = 0, 0, 150
    for _ in range(runs):
        # Differences vary by client: an interval over clips would be far too short.
        difference = paired_difference(row(rng, noise=0.1), row(rng, noise=0.1))
        covered += difference.low <= 0 <= difference.high
        rejected += difference.p < 0.05
    assert covered / runs >= 0.89
    assert covered + rejected == runs


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_the_stepwise_procedure_rejects(p_values):
    alpha = 0.05
    rejected, m = set(), len(p_values)
    for step, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] * (m - step) >= alpha:
            break
        rejected.add(int(index))
    assert {int(i) for i in np.flatnonzero(holm(p_values) < alpha)} == rejected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_false_discovery_and_bonferroni(p_values):
    adjusted = holm(p_values)
    assert np.all(adjusted >= false_discovery_control(p_values) - 1e-12)
    assert np.all(adjusted <= np.minimum(np.array(p_values) * len(p_values), 1) + 1e-12)


def test_no_pairs_need_no_correction():
    assert holm([]).size == 0


def test_rows_that_nothing_separates_share_a_rank():
    rng = np.random.default_rng(0)
    common = rng.normal(size=CLIENTS)
    good, same, bad = (row(rng, shift, common=common) for shift in (1.0, 1.0, 0.0))
    higher = shared_ranks({"bad": bad, "good": good, "same": same}, "higher")
    assert higher == {"bad": (3, False), "good": (1, True), "same": (1, True)}
    lower = shared_ranks({"bad": bad, "good": good, "same": same}, "lower")
    assert lower == {"bad": (1, False), "good": (2, True), "same": (2, True)}


def test_incomplete_rows_are_not_ranked_and_change_no_rank():
    rng = np.random.default_rng(0)
    good, bad = row(rng, 3.0), row(rng)
    partial = dict(list(row(rng, 9.0).items())[1:])
    ranks = shared_ranks({"good": good, "partial": partial, "bad": bad, "empty": {}}, "higher")
    assert ranks == {"good": (1, False), "partial": None, "bad": (2, False), "empty": None}
    assert shared_ranks({}, "higher") == {}


def test_equal_methods_are_rarely_told_apart():
    rng = np.random.default_rng(2)
    mistakes, runs = 0, 60
    for _ in range(runs):
        common = rng.normal(size=CLIENTS)
        ranks = shared_ranks({name: row(rng, common=common) for name in "abcd"}, "higher")
        mistakes += any(rank.place > 1 for rank in ranks.values())
    assert mistakes / runs <= 0.15


@given(st.floats(0.01, 0.99), st.floats(0.01, 3.0), st.floats(0.02, 0.98))
def test_a_p_value_is_below_5_percent_exactly_where_the_interval_excludes_chance(value, half, chance):
    def logistic(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    centre = math.log(value / (1 - value))
    low, high = logistic(centre - half), logistic(centre + half)
    assume(min(abs(low - chance), abs(high - chance)) > 1e-6)
    p = p_of(Estimate(value=value, low=low, high=high), chance, bounded=True)
    assert (p < 0.05) == (not low < chance < high)


def test_p_values_of_a_normal_estimate_are_those_of_its_z_score():
    for z in (0.5, 1.0, 2.0, 3.0):
        p = p_of(Estimate(value=z, low=z - 1.959964, high=z + 1.959964), 0.0, bounded=False)
        assert p == pytest.approx(2 * norm.sf(z), rel=1e-5)


def test_p_values_at_the_ends_and_without_intervals():
    assert p_of(Estimate(value=1.0, low=0.96, high=1.0), 0.5, bounded=True) < 1e-12
    assert p_of(Estimate(value=0.5, low=0.5, high=0.5), 0.5, bounded=True) == 1.0
    assert p_of(Estimate(value=0.7), 0.5, bounded=True) is None
    assert p_of(Estimate(missing="x"), 0.5, bounded=True) is None


@given(st.floats(0.05, 0.95), st.floats(0.05, 2.0), st.integers(1, 500))
def test_simultaneous_intervals_are_bonferronis(value, half, count):
    def logistic(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    centre = math.log(value / (1 - value))
    single = Estimate(value=value, low=logistic(centre - half), high=logistic(centre + half))
    wide = simultaneous(single, count, bounded=True)
    stretch = norm.ppf(1 - 0.025 / count) / norm.ppf(0.975)
    assert wide.low == pytest.approx(logistic(centre - stretch * half), abs=1e-9)
    assert wide.high == pytest.approx(logistic(centre + stretch * half), abs=1e-9)
    plain = simultaneous(single, count, bounded=False)
    assert plain.high - value == pytest.approx(stretch * (single.high - value))


@pytest.mark.parametrize("clients", [2, 3, 4])
def test_few_clients_have_students_interval_as_in_a_run(clients):
    """A bootstrap of two values is their range, which holds the mean half of the time."""
    scores = {(0, f"c{client}", "x"): float(client**2) for client in range(clients)}
    found = clustered_mean(scores, np.random.default_rng(0))
    expected = ttest_1samp(list(scores.values()), 0.0).confidence_interval()
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
