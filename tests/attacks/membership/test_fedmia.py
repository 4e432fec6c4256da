"""FedMIA: the left-out Gaussian by the slow way, Fisher's method by scipy's χ², and the null."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chi2, kstest

from privtalk.attacks.judgement import judged
from privtalk.attacks.membership.fedmia import ATTACK, fedmia, fisher, left_out_z, surprise
from privtalk.attacks.pairs import NotApplicable
from tests.attacks.message_world import stream, world


def test_every_client_is_held_against_all_others():
    values = np.random.default_rng(0).normal(size=(8, 3))
    slow = [
        (v - np.delete(values, k, 0).mean(0)) / np.delete(values, k, 0).std(0, ddof=1)
        for k, v in enumerate(values)
    ]
    np.testing.assert_allclose(left_out_z(values), slow)


def test_others_that_do_not_spread_say_nothing():
    assert left_out_z(np.zeros((4, 2))).tolist() == np.zeros((4, 2)).tolist()


def test_rounds_are_combined_as_scipys_chi_squared_does():
    totals, counts = np.array([[0.3, 4.0], [2.0, 11.0], [7.5, 30.0]]), np.array([[1], [2], [5]])
    np.testing.assert_allclose(fisher(totals, counts), -chi2.logsf(2 * totals, 2 * counts), rtol=1e-9)


def test_a_certain_client_does_not_underflow():
    assert np.isfinite(fisher(np.array([[5000.0]]), np.array([[3]]))).all()
    assert fisher(np.array([[5000.0]]), np.array([[3]])) > 4900


def test_scores_of_noise_are_exponential_however_many_rounds():
    w = world(0.0, rounds=6)
    scores = fedmia(w.rounds, w.candidates).values
    assert kstest(scores[:, ::4].ravel(), "expon").pvalue > 1e-3
    few = fedmia(w.rounds[:1], w.candidates).values
    assert abs(scores.mean() - few.mean()) < 0.15


def test_one_outlier_is_surprising_and_moves_no_other():
    gradients = torch.randn(4, 30, generator=stream("g"))
    messages = torch.randn(12, 30, generator=stream("m"))
    messages[5] -= 20 * gradients[2]
    scores = surprise(messages, gradients)
    assert divmod(int(scores.argmax()), 4) == (5, 2)


def test_planted_messages_are_found_and_noise_is_not():
    for strength, found in ((1.0, True), (0.0, False)):
        w = world(strength)
        outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.5) == found


def test_cohorts_too_small_for_a_null_are_left_out():
    w = world()
    tiny = [replace(r, cohort=r.cohort[:3], messages=r.messages[:3]) for r in w.rounds]
    with pytest.raises(NotApplicable, match="no cohort has 4 clients"):
        fedmia(tiny, w.candidates)
    mixed = fedmia([tiny[0], w.rounds[1]], w.candidates)
    assert mixed.clients == w.rounds[1].cohort
