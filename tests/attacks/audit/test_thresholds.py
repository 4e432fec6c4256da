"""Choice of a threshold: what a split keeps valid, and what choosing on the same scores breaks."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from privtalk.attacks.audit.bounds import clopper_pearson_bound, gaussian_dp_bound, mu_low
from privtalk.attacks.audit.thresholds import at_delta, best_threshold, count, threshold_by_split

LEVEL, TRIALS = 0.8, 200


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def null_scores(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=100), rng.normal(size=100)


@pytest.mark.parametrize(
    ("objective", "bound"), [(mu_low, gaussian_dp_bound), (at_delta(0.0), clopper_pearson_bound)]
)
def test_null(objective, bound):
    """With the split, positive in at most 1 - level of the trials; without it, the same bound is invalid."""
    honest = cheating = 0
    for seed in range(TRIALS):
        x, y = null_scores(seed)
        split = threshold_by_split(x, y, generator(seed), objective=objective, level=LEVEL)
        honest += bound(split.counts, 1e-5, LEVEL).epsilon > 0
        cheating += bound(count(x, y, best_threshold(x, y, objective, LEVEL)), 1e-5, LEVEL).epsilon > 0
    assert binomtest(honest, TRIALS, 1 - LEVEL, alternative="greater").pvalue > 0.01
    assert binomtest(cheating, TRIALS, 1 - LEVEL, alternative="greater").pvalue < 1e-3


def test_best_threshold_is_the_brute_force():
    for seed in range(5):
        x, y = (np.round(part + shift, 1) for part, shift in zip(null_scores(seed), (1, 0), strict=True))
        found = clopper_pearson_bound(count(x, y, best_threshold(x, y, at_delta(1e-3))), 1e-3).epsilon
        every = [clopper_pearson_bound(count(x, y, t), 1e-3).epsilon for t in np.concatenate([x, y])]
        assert found == pytest.approx(max(every))


def test_split_is_a_partition():
    x, y = np.arange(10.0), np.arange(100.0, 120.0)
    split = threshold_by_split(x, y, generator(), objective=mu_low, share=0.3)
    assert len(split.members) == 7
    assert len(split.nonmembers) == 14
    assert len(set(split.members)) == 7
    assert set(split.members) < set(x)
    again = threshold_by_split(x, y, generator(), objective=mu_low, share=0.3)
    assert again.threshold == split.threshold
    np.testing.assert_array_equal(again.members, split.members)


def test_nonsense():
    with pytest.raises(ValueError, match="finite"):
        count([np.nan], [1.0], 0.0)
    with pytest.raises(ValueError, match="two groups"):
        threshold_by_split([1.0], [1.0], generator(), objective=mu_low)
