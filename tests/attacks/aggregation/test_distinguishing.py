"""Distinguishing: the matched filter by its definition, its limit, and why it beats the cosine."""

import numpy as np
import torch

from privtalk.attacks.aggregation.distinguishing import ATTACK, distinguishing
from privtalk.attacks.aggregation.sums import summed
from privtalk.attacks.judgement import judged
from privtalk.attacks.matched_filters import matched_filters, noise_ridge
from privtalk.attacks.pairs import centred, comparable, pairs, unit
from privtalk.attacks.roc import auc
from tests.attacks.message_world import normal, stream, world


def test_filters_are_the_inverse_covariance_times_the_centred_step():
    steps = normal(6, 15, name="steps").double()
    x = (steps - steps.mean(0)).numpy()
    ridge = 0.7 * np.trace(x @ x.T) / 6
    expected = np.linalg.solve(x.T @ x + ridge * np.eye(15), x.T).T
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(matched_filters(steps, 0.7), expected, atol=1e-9)


def test_with_an_infinite_ridge_it_is_the_centred_step():
    steps = normal(6, 15, name="steps")
    torch.testing.assert_close(matched_filters(steps, 1e9), unit(centred(steps)), atol=1e-4, rtol=1e-3)


def test_where_all_people_vary_alike_the_filter_looks_elsewhere():
    """Steps vary mostly along one axis, in which the others' sum is loud: the filter turns away from it."""
    common = normal(1, 15, name="common")
    steps = normal(30, 15, name="steps") + 20 * normal(30, 1, name="loud") * common
    toward = (unit(centred(steps)) @ unit(common).T).abs().mean()
    filtered = (matched_filters(steps, 0.01) @ unit(common).T).abs().mean()
    assert toward > 0.9
    assert filtered < 0.3


def test_equal_steps_have_no_filter():
    assert not matched_filters(torch.ones(4, 5)).any()


def test_it_is_known_against_loud_others_before_the_cosine_is():
    def value(ridge):
        people = normal(80, 60, name="p") + 6 * normal(80, 3, name="loud") @ normal(3, 60, name="axes")
        filters = matched_filters(people, ridge)
        sums = torch.stack([people[[k, *range(20 + 3 * k % 20, 26 + 3 * k % 20)]].sum(0) for k in range(20)])
        scores = (sums @ filters.T).numpy()
        scores -= np.median(scores, axis=0)
        return auc(scores[np.arange(20), np.arange(20)], scores[:, 50:].ravel())

    assert value(0.03) > value(1e9) + 0.05


def test_planted_messages_are_found_in_sums_and_less_so_in_larger_ones():
    w = world(0.5)
    values = []
    for n in (1, 3, 6):
        outcome = judged(ATTACK, summed(w.rounds, n, stream), w.candidates, w.truth, stream)
        assert outcome.valid
        values.append(outcome.evaluation.auc.value)
    assert values[0] > 0.9
    assert values[0] > values[1] > values[2]


def test_sums_of_noise_are_at_chance():
    w = world(0.0)
    found = pairs(comparable(distinguishing(summed(w.rounds, 3, stream), w.candidates)), w.truth)
    own, strangers = found.scores(found.own, found.strangers)
    assert 0.35 < auc(own, strangers.ravel()) < 0.65


def test_noise_is_read_where_no_person_points():
    """Sums of steps with noise of known variance σ²: people's directions hold v + σ², the others σ²."""
    steps = torch.linalg.qr(normal(400, 40, name="axes")).Q.T[:21]
    sums = normal(300, 21, name="weights") @ centred(steps)
    assert noise_ridge(sums, steps) < 1e-6
    assert abs(noise_ridge(sums + 0.7 * normal(300, 400, name="noise"), steps) - 0.49) < 0.1
    assert noise_ridge(normal(300, 400, name="noise"), steps) > 5


def test_without_sums_or_directions_nothing_is_added():
    steps = normal(30, 20, name="steps")
    assert noise_ridge(normal(5, 20, name="sums"), steps) == 0
    assert noise_ridge(torch.zeros(5, 20), steps[:3]) == 0
