"""Distributed discrete noise: what is added, and what is claimed for it."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive, logsumexp
from scipy.stats import binomtest, kstest

from privtalk.methods.privacy.accounting import renyi
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.adversaries import Exposure, three_epsilons
from privtalk.methods.privacy.accounting.calibration import calibrate, least_noise
from privtalk.methods.privacy.accounting.discrete_accounting import (
    discrete_gaussian_curve,
    l1_bound,
    l2_bound,
    skellam_curve,
    sum_distance,
)
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.discrete_rounding import round_to_grid
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mechanism(**changes) -> DiscreteMechanism:
    return DiscreteMechanism(**{"clip": 0.5, "noise_multiplier": 2.0, "scale": 2**10} | changes)


@pytest.mark.parametrize(("power", "expected"), [(6, 632.0), (10, 22.53), (14, 19.817), (18, 19.802)])
def test_skellam_table(power: int, expected: float) -> None:
    """T = 10, σ = 1, d = 1e6, q = 1, δ = 1e-5. The figures are quoted to that many digits: half of the last one,
    and for 632 one unit, is all that is allowed.
    """
    noise = mechanism(noise_multiplier=1.0, scale=2**power).accounted(10**6, 1)
    tolerance = {6: 0.5, 10: 0.005, 14: 0.0005, 18: 0.0005}[power]
    assert noise.epsilon(1.0, 1.0, 10, 1e-5) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("family", ["skellam", "discrete_gaussian"])
def test_a_fine_grid_tends_to_the_gaussian(family) -> None:
    """Of the same accountant, over the same orders; and rounding never comes for free."""
    gaussian = renyi.curve_epsilon(lambda a: 10 * a / 2, 1e-5)
    found = [
        mechanism(noise_multiplier=1.0, scale=2**k, family=family)
        .accounted(1000, 8)
        .epsilon(1.0, 1.0, 10, 1e-5)
        for k in (4, 8, 12, 24)
    ]
    assert found == sorted(found, reverse=True)
    assert gaussian < found[-1] < gaussian * (1 + 1e-4)


def divergence(p: np.ndarray, q: np.ndarray, order: int) -> float:
    return float(logsumexp(order * np.log(p) + (1 - order) * np.log(q)) / (order - 1))


def skellam_pair(variance: float, shift: int) -> tuple[np.ndarray, np.ndarray]:
    """Mass e^−v I_|x|(v) of a Skellam of variance v, shifted and not."""
    grid = np.arange(-60, 61)
    return ive(abs(grid - shift), variance), ive(abs(grid), variance)


@pytest.mark.parametrize("variance", [8.0, 30.0])
@pytest.mark.parametrize("shift", [1, 3])
@pytest.mark.parametrize("order", [2, 5])
def test_skellam_curve_bounds_the_divergence(variance: float, shift: int, order: int) -> None:
    shifted, centred = skellam_pair(variance, shift)
    true = divergence(shifted, centred, order)
    bound = skellam_curve(variance, shift, shift)(order)
    assert true <= bound <= 1.6 * true
    doubled = skellam_curve(2 * variance, shift, shift)(order)
    assert doubled < true  # the bound is tight enough that half the noise would break it


@pytest.mark.parametrize("rate", [0.05, 0.5])
@pytest.mark.parametrize("order", [2, 4, 8])
def test_sampling_bounds_both_directions(rate: float, order: int) -> None:
    shifted, centred = skellam_pair(10.0, 2)
    mixed = (1 - rate) * centred + rate * shifted
    exact = renyi.poisson_sampled(lambda a: divergence(shifted, centred, a), rate)(order)
    assert divergence(mixed, centred, order) == pytest.approx(exact, rel=1e-6)
    assert divergence(centred, mixed, order) <= exact * (1 + 1e-9)
    assert renyi.poisson_sampled(skellam_curve(10.0, 2, 2), rate)(order) >= exact


def test_sampling_of_a_gaussian_is_the_accountants_own() -> None:
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent
    from dp_accounting.rdp import RdpAccountant

    event = PoissonSampledDpEvent(0.1, GaussianDpEvent(1.3))
    ours = renyi.poisson_sampled(lambda a: a / (2 * 1.3**2), 0.1)
    orders = [2, 3, 7, 20, 64]
    accountant = RdpAccountant(orders).compose(event)
    np.testing.assert_allclose([ours(a) for a in orders], accountant._rdp, rtol=1e-9)
    found = renyi.curve_epsilon(lambda a: 50 * ours(a), 1e-5)
    assert found == pytest.approx(accounting.rdp_epsilon(1.3, 0.1, 50, 1e-5), rel=0.02)


def discrete_gaussian_pmf(variance: float, grid: np.ndarray) -> np.ndarray:
    mass = np.exp(-(grid**2) / (2 * variance))
    return mass / mass.sum()


@pytest.mark.parametrize("shares", [1, 2, 5])
@pytest.mark.parametrize("order", [2, 6])
def test_discrete_gaussian_curve_bounds_the_divergence_of_the_sum(shares: int, order: int) -> None:
    variance, shift = 0.4, 1
    one = total = discrete_gaussian_pmf(variance, np.arange(-15, 16))
    for _ in range(shares - 1):
        total = np.convolve(total, one)
    centre = len(total) // 2
    centred, shifted = total[centre - 12 : centre + 13], total[centre - 12 - shift : centre + 13 - shift]
    true = divergence(shifted, centred, order)
    assert true <= discrete_gaussian_curve(variance, shares, shift, shift, 1)(order) * (1 + 1e-9)


def test_the_sum_of_broad_discrete_gaussians_is_one() -> None:
    assert sum_distance(16.0, 100) < 1e-60
    assert sum_distance(0.1, 1) == 0
    assert sum_distance(0.1, 2) == pytest.approx(10 * math.exp(-(math.pi**2) * 0.1))


@settings(max_examples=60, deadline=None)
@given(dim=st.integers(1, 200), scale=st.integers(1, 500), length=st.floats(0, 1), seed=st.integers(0, 999))
def test_rounding_keeps_the_bound_that_is_charged(dim: int, scale: int, length: float, seed: int) -> None:
    vector = torch.randn(dim, generator=generator(seed), dtype=torch.float64)
    vector = vector / vector.norm() * scale * length
    rounded = round_to_grid(vector, scale, generator(seed))
    assert ((rounded - vector).abs() < 1).all()
    l2 = float(rounded.double().norm())
    assert l2 <= l2_bound(scale, dim)
    assert float(rounded.abs().sum()) <= l1_bound(l2_bound(scale, dim), dim) + 1e-9
    assert float(rounded.abs().sum()) <= l1_bound(l2, dim) + 1e-9


def test_rounding_is_unbiased_and_refuses_what_is_too_long() -> None:
    vector = torch.tensor([0.25, -1.75, 3.0, -0.5], dtype=torch.float64)
    draws = torch.stack([round_to_grid(vector, 4.0, generator(s)) for s in range(4000)]).double()
    torch.testing.assert_close(draws.mean(0), vector, atol=0.04, rtol=0)
    with pytest.raises(ValueError, match="clip before rounding"):
        round_to_grid(vector, 3.0, generator())


@pytest.mark.parametrize("family", ["skellam", "discrete_gaussian"])
def test_shares_add_up_to_the_noise(family) -> None:
    used = mechanism(family=family, scale=64)
    noise = used.noise(4000, generator(), cohort=16)
    assert noise.dtype == torch.float64
    assert float(noise.std()) == pytest.approx(used.deviation, rel=0.05)
    assert torch.equal(noise / used.step, (noise / used.step).round())
    assert torch.equal(noise, used.noise(4000, generator(), cohort=16))
    share = used.share(4000, generator(1), 16)
    assert share.dtype == torch.int64
    assert float(share.double().std()) * used.step == pytest.approx(used.deviation / 4, rel=0.05)


def test_without_noise_there_is_rounding_only() -> None:
    used = mechanism(noise_multiplier=0.0)
    assert not used.private
    update = 0.499 * torch.nn.functional.normalize(torch.randn(50, generator=generator()), dim=0)
    decoded = used.decode(used.encode(update, generator()) + used.share(50, generator(), 4))
    assert float((decoded - update).abs().max()) < used.step
    assert used.accounted(50, 4).epsilon(1.0, 1.0, 1, 1e-5) == math.inf


def test_sums_fit_into_the_bits() -> None:
    used = mechanism(scale=64)
    for cohort in (2, 50):
        update = torch.zeros(30)
        update[0] = 0.5
        sent = [
            used.encode(update, generator(k)) + used.share(30, generator(k), cohort) for k in range(cohort)
        ]
        total = sum(sent, torch.zeros(30, dtype=torch.int64))
        assert int(total.abs().max()) < 2 ** (used.bits(cohort) - 1)


def test_three_adversaries_of_skellam_noise() -> None:
    used = mechanism(scale=2**18)
    run = Exposure(
        placement="distributed",
        noise=used.accounted(1000, 20),
        rate=0.2,
        rounds=10,
        delta=1e-5,
        cohort=20,
        honest=15,
        participations=6,
    )
    found = three_epsilons(run)
    sums = accounting.rdp_epsilon(2.0 * math.sqrt(0.75), 1.0, 6, 1e-5)
    assert found.server.epsilon > found.secure_aggregation.epsilon > found.outsider.epsilon
    assert found.secure_aggregation.epsilon == pytest.approx(sums, rel=0.03)
    assert found.outsider.epsilon == pytest.approx(accounting.rdp_epsilon(2.0, 0.2, 10, 1e-5), rel=0.03)


def test_noise_of_the_grid_is_calibrated_as_such() -> None:
    def account(z: float) -> float:
        return mechanism(noise_multiplier=z, scale=2**6).accounted(5000, 20).epsilon(1.0, 0.1, 20, 1e-5)

    coarse = least_noise(4.0, account)
    assert 3.98 < coarse.epsilon <= 4.0
    assert coarse.noise_multiplier > 1.1 * calibrate(4.0, 1e-5, 0.1, 20, tolerance=0.02).noise_multiplier


@pytest.mark.parametrize("family", ["skellam", "discrete_gaussian"])
def test_an_audit_stays_below_what_is_claimed(family) -> None:
    """A worst-case canary of norm C, in or out, 20,000 times: Clopper-Pearson at a threshold fixed beforehand."""

    def bound(z: float) -> float:
        used = mechanism(noise_multiplier=z, scale=64, family=family)
        out = used.noise(20_000, generator(0), cohort=2)
        threshold = used.clip * 1.25
        hits, misses = int((out + used.clip > threshold).sum()), int((out > threshold).sum())
        tpr = binomtest(hits, 20_000).proportion_ci(0.95).low
        fpr = binomtest(misses, 20_000).proportion_ci(0.95).high
        return math.log((tpr - 1e-5) / fpr)

    claimed = (
        mechanism(noise_multiplier=1.0, scale=64, family=family).accounted(1, 2).epsilon(1.0, 1.0, 1, 1e-5)
    )
    assert 1.0 < bound(1.0) < claimed
    assert bound(0.2) > claimed  # a fifth of the noise is caught


def test_replacing_a_client_doubles_the_sensitivity() -> None:
    noise = mechanism(scale=2**20).accounted(100, 1)
    expected = renyi.curve_epsilon(lambda a: 3 * a / 2, 1e-5)  # z = 2 at sensitivity 2
    assert noise.epsilon(1.0, 1.0, 3, 1e-5, "fixed") == pytest.approx(expected, rel=1e-3)


def test_it_serves_where_a_gaussian_mechanism_does() -> None:
    """The same clip and, on a fine grid, noise of the same law."""
    used = mechanism(scale=2**18)
    gaussian = GaussianMechanism(clip=0.5, noise_multiplier=2.0)
    assert (used.clip, used.private, used.deviation) == (gaussian.clip, gaussian.private, gaussian.deviation)
    found = used.noise(5000, generator()) / gaussian.deviation
    assert kstest(found.numpy(), "norm").pvalue > 0.001


def test_variance_is_a_fraction() -> None:
    assert mechanism(noise_multiplier=0.1, scale=10).variance == Fraction(1)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"clip": math.inf}, "finite"),
        ({"clip": 0.0}, "clip is 0"),
        ({"noise_multiplier": -1.0}, "noise multiplier is -1"),
        ({"scale": 0}, "scale is 0"),
        ({"noise_multiplier": 1e-9}, "at least 1/1048576"),
        ({"family": "laplace"}, "valid: skellam, discrete_gaussian"),
    ],
)
def test_nonsense_is_refused(changes, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        mechanism(**changes)
    with pytest.raises(ValueError, match="cohort is 0"):
        mechanism().share(3, generator(), 0)
