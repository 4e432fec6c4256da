"""Stacking against scikit-learn, and that cross-fitting keeps a person's own label out of its score."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from privtalk.attacks.controls import LEVEL
from privtalk.attacks.membership.ensemble import ensemble, fit, refitted, split, standardised
from privtalk.attacks.roc import auc, auc_interval


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def signals(seed, people=40, count=4, shift=0.0):
    """(signals that share half their variance, labels); the first signal of members is `shift` higher."""
    rng, known = np.random.default_rng(seed), np.arange(people) < people // 2
    x = (rng.normal(size=(people, 1)) + rng.normal(size=(people, count))) / np.sqrt(2)
    x[known, 0] += shift
    return x, known


@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
def test_without_prior_and_bounds_it_is_scikit_learns(strength):
    x, known = signals(0, shift=1.0)
    ours = fit(x, known, strength, prior=0.0, least=None)
    theirs = LogisticRegression(C=strength, tol=1e-8).fit(x, known)
    np.testing.assert_allclose(ours, [*theirs.coef_[0], theirs.intercept_[0]], atol=1e-3)


def test_weights_keep_their_sign_and_start_from_the_mean():
    x, known = signals(0, shift=-3.0)
    assert fit(x, known)[:-1].min() == 0
    np.testing.assert_allclose(fit(x, known, strength=1e-9)[:-1], 1 / 4, atol=1e-6)


def test_the_informative_signal_is_learned():
    x, known = signals(1, people=200, shift=2.0)
    weights = fit(standardised(x), known)[:-1]
    assert weights.argmax() == 0
    scores = ensemble(x, known, generator())
    assert auc(scores[known], scores[~known]) > auc(x[known].mean(1), x[~known].mean(1)) + 0.05


def test_log_odds_are_calibrated():
    x, known = signals(2, people=2000, shift=1.5)
    chance = 1 / (1 + np.exp(-ensemble(x, known, generator())))
    for low in (0.1, 0.3, 0.5, 0.7):
        within = (chance > low) & (chance <= low + 0.2)
        assert known[within].mean() == pytest.approx(chance[within].mean(), abs=0.08)


def test_folds_cover_everybody_once_and_hold_both_groups():
    known = np.arange(23) < 7
    folds = split(known, 5, generator())
    np.testing.assert_array_equal(np.sum(folds, axis=0), 1)
    assert all(known[fold].any() and (~known)[fold].any() for fold in folds)
    assert len(split(known[4:], 5, generator())) == 3


def test_nobody_is_scored_by_a_model_that_saw_them():
    x, known = signals(3, people=20)
    before = ensemble(x, known, generator())
    held = split(known, 5, generator())[0]
    member, other = np.flatnonzero(held & known)[0], np.flatnonzero(held & ~known)[0]
    loud = x.copy()
    loud[[member, other]] = x[[other, member]]
    after = ensemble(loud, known, generator())
    np.testing.assert_allclose(after[[other, member]], before[[member, other]])


@pytest.mark.parametrize("people", [48, 120])
def test_pure_noise_is_at_chance_and_rarely_looks_otherwise(people):
    values, outside = [], 0
    for seed in range(80):
        x, known = signals(seed, people, count=6)
        scores = ensemble(x, known, generator(seed))
        values.append(auc(scores[known], scores[~known]))
        interval = auc_interval(scores[known], scores[~known], LEVEL)
        outside += not interval.low <= 0.5 <= interval.high
    assert np.mean(values) == pytest.approx(0.5, abs=0.035)
    assert outside <= 3


def test_the_refitted_control_passes_where_cross_fitting_is_sound_and_fails_where_it_is_not(monkeypatch):
    x, known = signals(4, people=40, count=12)
    assert refitted(x, known, generator()).passed

    def leaking(signals, known, generator):
        z = standardised(signals)
        return z @ fit(z, known, strength=100.0, prior=0.0, least=None)[:-1]

    monkeypatch.setattr("privtalk.attacks.membership.ensemble.ensemble", leaking)
    assert not refitted(x, known, generator()).passed


def test_constant_signals_and_single_people():
    x, known = signals(5)
    assert np.isfinite(ensemble(np.ones_like(x), known, generator())).all()
    with pytest.raises(ValueError, match="one group has 1"):
        ensemble(x, np.arange(40) < 1, generator())
