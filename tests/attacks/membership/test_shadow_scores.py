"""LiRA and RMIA on scores whose optimum is known."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from privtalk.attacks.membership.lira import lira
from privtalk.attacks.membership.rmia import rmia

W, P = 24, 2000


def drawn(shift, seed=0, difficulty=3.0):
    """Signals of P people, the first half members, whose hardness hides a shift of `shift` deviations."""
    generator = np.random.default_rng(seed)
    hardness = difficulty * generator.standard_normal(P)
    out = hardness + generator.standard_normal((W, P))
    signals = hardness + generator.standard_normal(P)
    signals[: P // 2] += shift
    return signals, out


LABELS = np.arange(P) < P // 2


def test_lira_reaches_the_optimum_that_raw_scores_miss():
    signals, out = drawn(1.5)
    optimum = norm.cdf(1.5 / np.sqrt(2 * (1 + 1 / W)))
    assert roc_auc_score(LABELS, lira(signals, out)) == pytest.approx(optimum, abs=0.03)
    assert roc_auc_score(LABELS, signals) < optimum - 0.15


def test_rmia_reaches_it_too():
    signals, out = drawn(1.5)
    others, others_out = drawn(0.0, seed=1)
    scores = rmia(signals, out, others[:300], others_out[:, :300])
    assert roc_auc_score(LABELS, scores) > roc_auc_score(LABELS, signals) + 0.1
    assert ((scores >= 0) & (scores <= 1)).all()


def test_nothing_to_find_is_chance():
    signals, out = drawn(0.0)
    assert roc_auc_score(LABELS, lira(signals, out)) == pytest.approx(0.5, abs=0.04)


def test_lira_does_not_depend_on_the_unit():
    signals, out = drawn(1.0)
    np.testing.assert_allclose(lira(signals, out), lira(7 * signals + 2, 7 * out + 2))


def test_worlds_that_all_agree_leave_the_difference():
    np.testing.assert_array_equal(lira(np.array([2.0, 1.0]), np.ones((3, 2))), [1.0, 0.0])
    np.testing.assert_array_equal(
        rmia(np.array([2.0, 0.0]), np.ones((3, 2)), np.ones(4), np.ones((3, 4))), [1, 0]
    )


@pytest.mark.parametrize("out", [np.zeros((1, 2)), np.zeros((3, 3))])
def test_too_few_worlds_or_other_people_are_refused(out):
    with pytest.raises(ValueError, match="two worlds at least"):
        lira(np.zeros(2), out)


def test_rmia_needs_the_same_worlds_for_both():
    with pytest.raises(ValueError, match="two worlds at least"):
        rmia(np.zeros(2), np.zeros((3, 2)), np.zeros(2), np.zeros((2, 2)))
