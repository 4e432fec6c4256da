"""Attribute inference: scikit-learn's ridge as the oracle, planted attributes, chance on noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.metrics import balanced_accuracy_score

from privtalk.attacks.identity.attribute_inference import (
    FOLDS,
    RIDGE,
    attribute_inference,
    balanced_accuracy,
    features,
    folds,
    gram,
    predicted,
    task,
)
from privtalk.attacks.views import ServerRound
from tests.attacks.message_world import normal, stream

CLIENTS = 60
NAMES = ("glasses", "beard")


def attributes():
    """Glasses in three values, a rare one of which is too rare; beards by the parity."""
    kinds = ["none", "round", "square"]
    return {
        k: {"glasses": "monocle" if k == 7 else kinds[k % 3], "beard": "full" if k % 2 else "none"}
        for k in range(CLIENTS)
    }


def rounds(strength):
    """Two rounds in which glasses show in the updates, and beards do not."""
    shown = normal(3, 40, name="shown")
    means = torch.stack([shown[k % 3] for k in range(CLIENTS)])
    return [
        ServerRound(
            number=r,
            adapter=torch.zeros(40),
            cohort=tuple(range(CLIENTS)),
            messages=normal(CLIENTS, 40, name=f"round {r}") + strength * means,
        )
        for r in range(2)
    ]


def test_what_shows_is_read_and_what_does_not_is_at_chance():
    outcome = attribute_inference(rounds(1.0), attributes(), NAMES, stream)
    glasses, beard = (outcome.measures[f"accuracy[{name}]"] for name in NAMES)
    assert glasses.estimate.low > 0.6 > glasses.chance == pytest.approx(1 / 3)
    assert beard.estimate.low < 0.5 < beard.estimate.high
    assert outcome.measures["advantage"].estimate.low > 0
    assert outcome.valid


def test_noise_is_at_chance():
    outcome = attribute_inference(rounds(0.0), attributes(), NAMES, stream)
    advantage = outcome.measures["advantage"].estimate
    assert advantage.low < 0 < advantage.high
    assert outcome.valid
    assert outcome.controls["never_trained"].auc.value == 0.5


def test_the_classifier_is_weighted_ridge_regression():
    x = normal(CLIENTS, 12, name="x")
    labels = np.array([0] * 35 + [1] * 15 + [2] * 10)
    fold = folds(labels, stream("folds"))
    products = gram(x)
    rows = x.numpy().astype(float) - x.numpy().mean(0)
    rows /= np.sqrt((rows**2).sum(1).mean())
    for f in range(FOLDS):
        train = fold != f
        weights = 1 / np.bincount(labels[train])[labels[train]]
        model = Ridge(alpha=RIDGE, fit_intercept=False, solver="cholesky")
        model.fit(rows[train], np.eye(3)[labels[train]] - 1 / 3, sample_weight=weights / weights.mean())
        expected = model.predict(rows[~train]).argmax(1)
        np.testing.assert_array_equal(predicted(products, labels, fold)[~train], expected)


def test_nobody_is_scored_by_a_classifier_that_was_fitted_on_them():
    x, labels = normal(CLIENTS, 12, name="x"), np.arange(CLIENTS) % 2
    fold = folds(labels, stream("folds"))
    turned = labels.copy()
    turned[0] = 1 - labels[0]
    same = fold == fold[0]
    before, after = (predicted(gram(x), y, fold) for y in (labels, turned))
    np.testing.assert_array_equal(before[same], after[same])


def test_folds_spread_every_class():
    labels = np.array([0] * 50 + [1] * 10)
    fold = folds(labels, stream("folds"))
    assert [int((labels[fold == f] == 1).sum()) for f in range(FOLDS)] == [2] * FOLDS


def test_balanced_accuracy_is_scikit_learns():
    truth, guess = (np.random.default_rng(s).integers(0, 3, 50) for s in (0, 1))
    assert balanced_accuracy(truth, guess).value == pytest.approx(balanced_accuracy_score(truth, guess))


def test_values_of_too_few_clients_are_left_out():
    asked = task("glasses", range(CLIENTS), attributes())
    assert len(asked.rows) == CLIENTS - 1
    assert 7 not in asked.rows
    assert task("beard", range(12), attributes()) is None
    assert task("accent", range(CLIENTS), attributes()) is None


def test_without_attributes_the_outcome_says_so():
    outcome = attribute_inference(rounds(1.0), {}, NAMES, stream)
    assert "no attribute of ['glasses', 'beard']" in outcome.measures["advantage"].estimate.missing


def test_features_sum_directions_over_a_clients_rounds():
    both = rounds(1.0)
    clients, x = features(
        [both[0], replace(both[1], cohort=both[1].cohort[:30], messages=both[1].messages[:30])]
    )
    assert clients == tuple(range(CLIENTS))
    torch.testing.assert_close(x[30:].norm(dim=1), torch.ones(30))
