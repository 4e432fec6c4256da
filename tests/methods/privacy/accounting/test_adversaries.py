"""Three adversaries, three ε: orders, limits and counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.adversaries import (
    Exposure,
    GaussianNoise,
    most_participations,
    participation_bound,
    three_epsilons,
    threshold_delta,
)
from privtalk.methods.privacy.accounting.ledger import Ledger, Release, Round

DELTA = 1e-5
RUN = Exposure(
    placement="distributed",
    noise=GaussianNoise(2.0),
    rate=0.25,
    rounds=20,
    delta=DELTA,
    cohort=64,
    honest=48,
    participations=11,
)


def test_distributed_noise_protects_from_all_three() -> None:
    found = three_epsilons(RUN)
    eps = accounting.gaussian_epsilon
    assert found.server.epsilon == eps(2.0 / 8, 11, DELTA)
    assert found.secure_aggregation.epsilon == eps(2.0 * math.sqrt(48 / 64), 11, DELTA)
    assert found.outsider.epsilon == accounting.epsilon(2.0, 0.25, 20, DELTA)
    assert found.server.epsilon > found.secure_aggregation.epsilon > found.outsider.epsilon
    assert found.reasons() == {}
    assert "48 of 64" in found.assumptions()["secure_aggregation"]
    assert "more than 11 of 20" in found.server.assumption


def test_central_noise_protects_from_the_outsider_only() -> None:
    found = three_epsilons(replace(RUN, placement="central"))
    assert found.figures() == {
        "server": None,
        "secure_aggregation": None,
        "outsider": accounting.epsilon(2.0, 0.25, 20, DELTA),
    }
    assert found.reasons().keys() == {"server", "secure_aggregation"}
    assert "after the sum" in found.reasons()["server"]


def test_no_noise_protects_from_nobody() -> None:
    for placement in ("none", "central", "distributed", "local"):
        found = three_epsilons(replace(RUN, placement=placement, noise=GaussianNoise(0.0)))
        assert set(found.figures().values()) == {None}
        assert found.reasons().keys() == {"server", "secure_aggregation", "outsider"}


@settings(max_examples=40, deadline=None)
@given(z=st.floats(0.3, 8), n=st.integers(1, 80), data=st.data(), rounds=st.integers(1, 12))
def test_all_honest_in_every_round_is_what_the_outsider_gets(z, n, data, rounds) -> None:
    honest = data.draw(st.integers(1, n))
    run = Exposure(
        placement="distributed",
        noise=GaussianNoise(z),
        rate=1.0,
        rounds=rounds,
        delta=DELTA,
        cohort=n,
        honest=n,
        participations=rounds,
    )
    whole, some = three_epsilons(run), three_epsilons(replace(run, honest=honest))
    assert whole.secure_aggregation.epsilon == whole.outsider.epsilon
    assert some.secure_aggregation.epsilon >= whole.secure_aggregation.epsilon
    assert some.server.epsilon >= some.secure_aggregation.epsilon
    one = three_epsilons(replace(run, honest=1))
    assert one.secure_aggregation.epsilon == pytest.approx(one.server.epsilon, rel=1e-9)


def test_local_noise_adds_up_in_sums() -> None:
    found = three_epsilons(replace(RUN, placement="local"))
    assert found.server.epsilon == accounting.gaussian_epsilon(2.0, 11, DELTA)
    assert found.secure_aggregation.epsilon == accounting.gaussian_epsilon(2 * math.sqrt(48), 11, DELTA)
    assert found.outsider.epsilon == accounting.gaussian_epsilon(2 * 8, 11, DELTA)


def test_replacing_a_client_doubles_the_sensitivity_everywhere() -> None:
    found = three_epsilons(replace(RUN, placement="local", sampling="fixed"))
    assert found.server.epsilon == accounting.gaussian_epsilon(1.0, 11, DELTA)


def test_a_client_that_never_took_part_has_lost_nothing() -> None:
    found = three_epsilons(replace(RUN, participations=0))
    assert found.server.epsilon == found.secure_aggregation.epsilon == 0


def test_the_ledger_decides_for_the_outsider() -> None:
    update = Release(kind="update_sum", name="adapter", noise_multiplier=2.0)
    bare = Release(kind="scalar", name="mean loss", noise_multiplier=0.0)
    ledger = Ledger((Round(releases=(update,), rate=0.25, count=3),))
    found = three_epsilons(RUN, ledger)
    assert found.outsider.epsilon == ledger.epsilon(DELTA) < three_epsilons(RUN).outsider.epsilon
    leaky = three_epsilons(RUN, ledger.after(Round(releases=(update, bare), rate=0.25)))
    assert leaky.outsider.figure is None
    assert leaky.outsider.reason == "released without noise: mean loss"


def test_participations_are_counted_and_bounded() -> None:
    generator = np.random.default_rng(0)
    cohorts = [np.flatnonzero(generator.random(300) < 0.1).tolist() for _ in range(50)]
    matrix = np.array([[k in cohort for k in range(300)] for cohort in cohorts])
    assert most_participations(cohorts) == matrix.sum(0).max()
    assert most_participations([]) == 0
    bound = participation_bound(300, 0.1, 50, failure=0.01)
    assert 300 * binom.sf(bound, 50, 0.1) <= 0.01 < 300 * binom.sf(bound - 1, 50, 0.1)
    assert participation_bound(300, 1.0, 50) == 50
    exceeded = (generator.binomial(50, 0.1, size=(2000, 300)).max(1) > bound).mean()
    assert exceeded < 0.02


def test_dropping_small_rounds_costs_delta() -> None:
    """Against the chance that a client's presence changes whether a round is kept."""
    others = binom(9, 0.5)
    kept_with = others.sf(4 - 2)  # itself and at least 3 others
    kept_without = others.sf(4 - 1)
    assert threshold_delta(10, 0.5, 1, 4) == pytest.approx(0.5 * (kept_with - kept_without))
    assert threshold_delta(1000, 0.1, 100, 50) < 1e-6


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"placement": "server"}, "valid: none, central"),
        ({"honest": 65}, "65 honest of 64"),
        ({"honest": 0}, "0 honest of 64"),
        ({"participations": 21}, "21 participations in 20 rounds"),
    ],
)
def test_nonsense_is_refused(change, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        replace(RUN, **change)
    with pytest.raises(ValueError, match="failure is 0"):
        participation_bound(10, 0.1, 10, failure=0)
