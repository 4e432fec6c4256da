"""Dataset inference: the scale of outsiders, the test of a person and that of a set."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, ttest_ind

from privtalk.attacks.membership.cdi import cdi, pooled_t, set_p_value, window_scores


def rows(seed, count, shift=0.0, signals=3):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, signals)) + shift) * [1.0, 1e-6, 1e3][:signals]


def test_the_score_is_students_t_of_the_windows_scores():
    outsiders, person = rows(0, 20), rows(1, 4, 0.5)
    z, others = window_scores(person, outsiders), window_scores(outsiders, outsiders)
    assert cdi(person, [4], outsiders)[0] == pytest.approx(ttest_ind(z, others).statistic)
    assert pooled_t(z, others) == pytest.approx(ttest_ind(z, others).statistic)


def test_every_signal_weighs_the_same_whatever_its_unit():
    outsiders = rows(0, 30)
    for signal in range(3):
        alone = outsiders.mean(0)
        alone[signal] += outsiders.std(0)[signal]
        assert window_scores(alone[None], outsiders)[0] == pytest.approx(1 / 3)


def test_more_windows_make_the_same_excess_more_certain():
    outsiders, one = rows(0, 30), rows(1, 1, 1.0)
    few, many = cdi(np.repeat(one, 7, axis=0), [1, 6], outsiders)
    assert many > 1.5 * few > 0


def test_a_person_who_took_part_scores_higher():
    people = np.concatenate([rows(k, 4, 1.0 if k < 5 else 0.0) for k in range(10)])
    scores = cdi(people, [4] * 10, rows(99, 40))
    assert scores[:5].mean() > scores[5:].mean() + 2


def test_signals_that_never_vary_say_nothing():
    np.testing.assert_array_equal(cdi(np.ones((3, 2)), [1, 2], np.ones((5, 2))), 0)


def test_p_values_of_a_set_are_uniform_where_nothing_leaks():
    rng = np.random.default_rng(0)
    values = [set_p_value(rng.normal(size=20), rng.normal(size=30) * 2) for _ in range(300)]
    assert kstest(values, "uniform").pvalue > 0.01


def test_a_set_that_took_part_is_told():
    rng = np.random.default_rng(0)
    assert set_p_value(rng.normal(size=80) + 1, rng.normal(size=80)) < 1e-3
    assert set_p_value(rng.normal(size=80) - 1, rng.normal(size=80)) > 0.99
    assert set_p_value(np.zeros(4), np.zeros(4)) == 0.5


def test_rows_must_fit_people():
    with pytest.raises(ValueError, match="3 rows for 2 windows"):
        cdi(rows(0, 3), [1, 1], rows(1, 5))
    with pytest.raises(ValueError, match="1 of outsiders"):
        cdi(rows(0, 2), [1, 1], rows(1, 1))
