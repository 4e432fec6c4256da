"""The smallest effects, against distributions that the program does not use and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nct, t, ttest_1samp

from privtalk.attacks.evaluation import evaluate
from privtalk.bench.planning.resolution import auc_half_width, paired_power, smallest_difference
from privtalk.core.errors import UserError


@pytest.mark.parametrize("clients", [5, 12, 40, 200])
@pytest.mark.parametrize("effect", [0.0, 0.1, 0.5, 1.0])
def test_power_is_that_of_the_noncentral_t_distribution(clients, effect):
    edge, shift = t.ppf(0.975, clients - 1), effect * np.sqrt(clients)
    expected = nct.sf(edge, clients - 1, shift) + nct.cdf(-edge, clients - 1, shift)
    assert paired_power(effect, 1.0, clients) == pytest.approx(expected, abs=1e-6)


def test_a_simulated_test_sees_the_smallest_difference_as_often_as_it_says():
    least = smallest_difference(0.5, 12)
    drawn = np.random.default_rng(0).normal(least, 0.5, size=(20_000, 12))
    seen = (ttest_1samp(drawn, 0.0, axis=1).pvalue < 0.05).mean()
    assert seen == pytest.approx(0.8, abs=0.01)


def test_the_smallest_difference_falls_with_clients_and_follows_the_unit():
    found = [smallest_difference(1.0, clients) for clients in (2, 3, 6, 40, 1000)]
    assert found == sorted(found, reverse=True)
    assert smallest_difference(3.0, 40) == pytest.approx(3 * smallest_difference(1.0, 40))
    assert smallest_difference(1.0, 1) is None


def test_a_power_below_the_level_is_refused():
    with pytest.raises(UserError, match=r"level 0\.9 and power 0\.8"):
        smallest_difference(1.0, 40, level=0.9)


@pytest.mark.parametrize(("members", "nonmembers"), [(96, 104), (50, 30)])
def test_half_a_width_is_that_of_the_intervals_that_attacks_get(members, nonmembers):
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(200):
        auc = evaluate(rng.normal(size=members), rng.normal(size=nonmembers)).auc
        widths.append((auc.high - auc.low) / 2)
    assert auc_half_width(members, nonmembers) == pytest.approx(np.mean(widths), rel=0.08)


def test_nobody_on_a_side_shows_nothing():
    assert auc_half_width(0, 4) is None
    assert auc_half_width(2, 2) <= 0.5
