"""ε against published and closed-form values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.calibration import calibrate, least_noise
from privtalk.methods.privacy.accounting.gaussian import joint_multiplier
from privtalk.methods.privacy.accounting.ledger import Ledger, Release, Round
from privtalk.methods.privacy.accounting.privacy_loss import fixed_size_delta
from privtalk.methods.privacy.setting import PrivacySetting

TABLE = [
    # noise, rate, rounds, δ, PLD, PRV of opacus, RDP of dp-accounting, RDP of opacus
    (1.0, 0.1, 100, 1e-5, 7.0466, 7.0571, 7.9039, 7.8993),
    (2.0, 0.1, 100, 1e-5, 2.3374, 2.3476, 2.5806, 2.5806),
    (0.5, 0.1, 100, 1e-5, 31.37, 31.38, 36.97, 35.23),
    (1.0, 0.01, 1000, 1e-5, 1.8282, 1.8384, 2.1014, 2.1014),
    (4.0, 0.5, 50, 1e-3, 2.7848, 2.7951, 3.1792, 3.1660),
    (1.0, 1.0, 10, 1e-5, 17.8566, 17.87, 19.05, 19.05),
]


@pytest.mark.parametrize("row", TABLE)
def test_table(row: tuple[float, ...]) -> None:
    noise, rate, rounds, delta, pld, _, rdp, _ = row
    assert accounting.epsilon(noise, rate, int(rounds), delta) == pytest.approx(pld, abs=0.012)
    assert accounting.rdp_epsilon(noise, rate, int(rounds), delta) == pytest.approx(rdp, abs=0.012)


@pytest.mark.parametrize("row", TABLE)
def test_opacus_agrees(row: tuple[float, ...]) -> None:
    noise, rate, rounds, delta, _, prv, _, rdp = row
    found = accounting.checks(noise, rate, int(rounds), delta)
    assert found["prv[opacus]"] == pytest.approx(prv, abs=0.012)
    assert found["rdp[opacus]"] == pytest.approx(rdp, abs=0.012)


@pytest.mark.parametrize(("rounds", "expected"), [(10, 17.856587), (100, 91.81729)])
def test_closed_form_without_sampling(rounds: int, expected: float) -> None:
    assert accounting.gaussian_epsilon(1.0, rounds, 1e-5) == pytest.approx(expected, abs=1e-4)
    assert accounting.epsilon(1.0, 1.0, rounds, 1e-5) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("eps", [0.0, 0.5, 2.0])
def test_closed_form_is_the_hockey_stick(eps: float) -> None:
    """δ(ε) = ∫ max(p − e^ε q, 0) for N(0, 1) against N(1/z, 1), composed as one mechanism."""
    shift = math.sqrt(4) / 1.5
    value = quad(lambda x: max(norm.pdf(x - shift) - math.exp(eps) * norm.pdf(x), 0.0), -12, 14, limit=200)[0]
    assert accounting.gaussian_delta(1.5, 4, eps) == pytest.approx(value, abs=1e-7)


@settings(max_examples=6, deadline=None)
@given(
    noise=st.floats(0.8, 6),
    rate=st.floats(0.01, 1),
    rounds=st.integers(1, 30),
    delta=st.sampled_from([1e-5, 1e-3]),
)
def test_pld_lies_between_no_rounds_and_rdp(noise: float, rate: float, rounds: int, delta: float) -> None:
    eps = accounting.epsilon(noise, rate, rounds, delta)
    assert 0 <= eps <= accounting.rdp_epsilon(noise, rate, rounds, delta) + 1e-3
    assert eps <= accounting.gaussian_epsilon(noise, rounds, delta) + 1e-3  # sampling only helps


def test_closed_form_keeps_its_digits_in_the_tail() -> None:
    """Against 50-digit arithmetic: δ(20) of N(0, 1) against N(2, 1)."""
    mpmath = pytest.importorskip("mpmath")
    mpmath.mp.dps = 50
    exact = mpmath.ncdf(1 - mpmath.mpf(10)) - mpmath.exp(20) * mpmath.ncdf(-1 - mpmath.mpf(10))
    assert accounting.gaussian_delta(0.5, 1, 20.0) == pytest.approx(float(exact), rel=1e-9)


def test_gaussians_of_one_cohort_are_one_gaussian() -> None:
    assert joint_multiplier([3.0, 4.0]) == pytest.approx(1 / math.sqrt(1 / 9 + 1 / 16))
    assert joint_multiplier([2.0, 0.0]) == 0
    assert accounting.gaussian_epsilon(joint_multiplier([2.0] * 5), 1, 1e-5) == pytest.approx(
        accounting.gaussian_epsilon(2.0, 5, 1e-5), abs=1e-8
    )


def test_limits() -> None:
    assert accounting.epsilon(0.0, 0.1, 10, 1e-5) == math.inf
    assert accounting.checks(0.0, 0.1, 10, 1e-5) == {}
    assert accounting.gaussian_epsilon(1e6, 1, 1e-3) == 0.0


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((-1.0, 0.1, 10, 1e-5), "noise"),
        ((math.inf, 0.1, 10, 1e-5), "noise"),
        ((1.0, 0.0, 10, 1e-5), "rate"),
        ((1.0, 1.1, 10, 1e-5), "rate"),
        ((1.0, 0.1, 0, 1e-5), "rounds"),
        ((1.0, 0.1, 10, 0.0), "delta"),
    ],
)
def test_nonsense_is_refused(arguments: tuple[float, float, int, float], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        accounting.epsilon(*arguments)


def test_fixed_size_by_renyi_is_the_published_figure() -> None:
    """10 of 100 clients, 100 rounds, σ = 1: 83.9 at sensitivity 2C, where z passed naively would claim 14.05."""
    assert accounting.rdp_epsilon(1.0, 0.1, 100, 1e-5, "fixed") == pytest.approx(83.94, abs=0.05)


@pytest.mark.parametrize(("noise", "rate", "rounds"), [(1.0, 0.1, 100), (4.0, 0.1, 100), (2.0, 0.5, 8)])
def test_fixed_size_lies_between_one_direction_at_2c_and_renyi(
    noise: float, rate: float, rounds: int
) -> None:
    found = accounting.epsilon(noise, rate, rounds, 1e-5, "fixed")
    assert accounting.epsilon(noise / 2, rate, rounds, 1e-5) <= found
    assert found <= accounting.rdp_epsilon(noise, rate, rounds, 1e-5, "fixed")
    assert accounting.checks(noise, rate, rounds, 1e-5, "fixed").keys() == {"rdp[dp-accounting]"}


@pytest.mark.parametrize("rate", [1.0, 1 - 1e-9])
def test_fixed_size_of_everyone_is_the_gaussian_at_2c(rate: float) -> None:
    expected = accounting.gaussian_epsilon(1.5 / 2, 10, 1e-5)
    assert accounting.epsilon(1.5, rate, 10, 1e-5, "fixed") == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("eps", [0.0, 0.3, 1.5])
def test_fixed_size_profile_is_the_hockey_stick_of_a_cohort(eps: float) -> None:
    """One round, z = 1, q = .2: (1 − q) N(0, 1) + q N(2, 1) against N(0, 1); for ε < 0 the other way round."""
    rate = 0.2

    def mixture(x: float) -> float:
        return (1 - rate) * norm.pdf(x) + rate * norm.pdf(x - 2)

    value = quad(lambda x: max(mixture(x) - math.exp(eps) * norm.pdf(x), 0.0), -12, 14, limit=200)[0]
    back = quad(lambda x: max(norm.pdf(x) - math.exp(-eps) * mixture(x), 0.0), -12, 14, limit=200)[0]
    profile = fixed_size_delta(0.5, rate, np.array([eps, -eps]))
    assert profile[0] == pytest.approx(value, abs=1e-7)
    assert profile[1] == pytest.approx(back, abs=1e-7)


def test_fixed_size_composes_its_symmetric_pair() -> None:
    """Two rounds against a plain convolution of the pair's loss distribution, made from δ(ε) by differences."""
    rate, width, delta = 0.2, 2e-3, 1e-3
    grid = width * np.arange(-6000, 6001)
    profile = fixed_size_delta(0.5, rate, grid)
    # δ'(ε) = −e^ε ∫_{l > ε} e^−l p(l) dl, so p(ε) = e^ε d/dε (e^−ε δ'(ε))
    slope = np.gradient(profile, width) * np.exp(-grid)
    density = np.clip(np.exp(grid) * np.gradient(slope, width), 0, None)
    assert density.sum() * width == pytest.approx(1, abs=1e-2)
    twice = np.convolve(density, density) * width
    losses = width * np.arange(-12000, 12001)
    eps = accounting.epsilon(1.0, rate, 2, delta, "fixed")
    tail = losses > eps
    found = (twice[tail] * -np.expm1(eps - losses[tail])).sum() * width
    assert found == pytest.approx(delta, rel=0.03)


def test_fixed_size_says_where_noise_is_too_little() -> None:
    with pytest.raises(ValueError, match="too little"):
        accounting.epsilon(0.01, 0.1, 2, 1e-5, "fixed")
    with pytest.raises(ValueError, match="valid: poisson, fixed"):
        accounting.epsilon(1.0, 0.1, 2, 1e-5, "shuffled")  # type: ignore[arg-type]


@pytest.mark.parametrize("clients", [2, 24, 256, 10_000])
def test_default_delta_is_below_one_in_n(clients: int) -> None:
    assert 0 < accounting.default_delta(clients) < 1 / clients


@pytest.mark.parametrize(("target", "noise"), [(1.0, 3.9417), (4.0, 1.3860), (8.0, 0.9359)])
def test_calibration(target: float, noise: float) -> None:
    found = calibrate(target, 1e-5, 0.1, 100)
    assert found.noise_multiplier == pytest.approx(noise, abs=1e-2)
    assert found.epsilon == accounting.epsilon(found.noise_multiplier, 0.1, 100, 1e-5)
    assert target * 0.995 < found.epsilon <= target


def test_calibration_of_the_default_suite() -> None:
    """256 clients, a quarter a round, 20 rounds."""
    delta = accounting.default_delta(256)
    noises = [calibrate(target, delta, 0.25, 20).noise_multiplier for target in (2.0, 8.0)]
    assert noises[0] > noises[1] > 0.3


def test_calibration_of_any_account() -> None:
    """A closed form: ε = 3/z; the least noise for ε ≤ 2 is 1.5, from above."""
    found = least_noise(2.0, lambda z: 3 / z)
    assert 1.5 <= found.noise_multiplier <= 1.5 * 1.001
    assert found.epsilon == 3 / found.noise_multiplier
    with pytest.raises(ValueError, match=r"no noise below 1\.04858e\+06 reaches epsilon 2"):
        least_noise(2.0, lambda z: 3.0)


def test_calibration_out_of_reach() -> None:
    for target in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match=r"epsilon is .*, it must be positive"):
            calibrate(target, 1e-5, 0.1, 100)
    below = least_noise(2.0, lambda z: 0.0)
    assert (below.noise_multiplier, below.epsilon) == (2.0**-10, 0.0)
    assert below.reason == "noise below 0.000976562 is not searched"


PLAIN = PrivacySetting("central", "fixed", "poisson", 0.25, 8, accounting.default_delta(384), 4000, 96.0, 2)
SMOKE = PrivacySetting("central", "fixed", "poisson", 0.5, 2, accounting.default_delta(16), 1000, 8.0, 2)


@pytest.mark.parametrize(
    ("asked", "target", "noise"),
    [
        (PLAIN, 8.0, 0.6179937113164492),
        (PLAIN, 2.0, 1.3288297242059544),
        (PLAIN, 1.0, 2.075862573659545),
        (PLAIN._replace(placement="distributed"), 8.0, 0.6975984549831001),
        (PLAIN._replace(placement="distributed"), 2.0, 1.516332286066432),
        (PLAIN._replace(clipping="adaptive"), 2.0, 1.3288297242059544),
        (PLAIN._replace(sampling="cyclic"), 8.0, 0.4694943454825927),
        (SMOKE, 8.0, 0.3852918134393183),
        (SMOKE._replace(placement="distributed"), 8.0, 0.47044871852088654),
    ],
)
def test_noise_of_the_suites_is_what_it_was(asked: PrivacySetting, target: float, noise: float) -> None:
    """Runs that are compared were calibrated with it; to the last bit."""
    assert least_noise(target, asked.epsilon).noise_multiplier == noise


@pytest.mark.parametrize("target", [27.3, 1e5])
@pytest.mark.parametrize(
    "asked",
    [
        SMOKE,
        SMOKE._replace(placement="distributed"),
        SMOKE._replace(clipping="adaptive"),
        SMOKE._replace(sampling="cyclic"),
    ],
    ids=["central", "distributed", "adaptive", "correlated"],
)
def test_least_noise_of_large_targets(asked: PrivacySetting, target: float) -> None:
    """By every mechanism: the target is kept, and a tenth of a percent less noise would not keep it."""
    found = least_noise(target, asked.epsilon)
    assert 0.99 * target < found.epsilon <= target
    assert found.epsilon == asked.epsilon(found.noise_multiplier)
    assert asked.epsilon(found.noise_multiplier / 1.001) > target
    assert found.reason is None


def test_no_noise_keeps_an_infinite_target() -> None:
    assert calibrate(math.inf, 1e-5, 0.1, 100) == (0.0, math.inf, None)


def test_a_search_that_ends_where_no_account_is_at_hand_says_so() -> None:
    """Fixed-size cohorts are accounted down to a noise multiplier of about .084."""
    found = calibrate(1e5, 1e-3, 0.1, 2, sampling="fixed")
    assert 0.0837 < found.noise_multiplier < 0.0840
    assert found.epsilon == accounting.epsilon(found.noise_multiplier, 0.1, 2, 1e-3, "fixed")
    assert found.reason is not None
    assert "too little to account for" in found.reason
    with pytest.raises(ValueError, match="too little"):
        least_noise(2.0, lambda z: accounting.epsilon(1e-9 * z, 0.1, 2, 1e-5))


def test_bins_that_are_widened_still_give_an_upper_bound() -> None:
    """Against the closed form, at noise so little that bins of the usual width would take a gigabyte and more."""
    for noise in (0.03, 0.01, 0.001):
        exact = accounting.gaussian_epsilon(noise, 10, 1e-3)
        assert exact <= accounting.epsilon(noise, 1.0, 10, 1e-3) <= exact * 1.001
        assert accounting.epsilon(noise, 0.5, 10, 1e-3) < exact
    with pytest.raises(ValueError, match="too little to account for"):
        accounting.epsilon(1e-6, 0.5, 10, 1e-3)


def test_releases_of_very_different_noise_are_composed() -> None:
    """One needs wide bins, and so all have them; the little one adds next to nothing to it."""
    little, much = (
        Round(releases=(Release(kind="scalar", name="x", noise_multiplier=z),), rate=0.5) for z in (0.01, 5.0)
    )
    alone = Ledger((little,)).epsilon(1e-3)
    assert alone <= Ledger((little, much)).epsilon(1e-3) <= alone * 1.001 + 1


@pytest.mark.parametrize(("delta", "clients"), [(0.5, 16), (1 / 16, 16), (0.9, 2), (1e-9, 1)])
def test_a_delta_of_one_in_n_or_more_is_void(delta: float, clients: int) -> None:
    reason = accounting.void_delta(delta, clients)
    assert reason is not None
    assert "void" in reason


@pytest.mark.parametrize("clients", [2, 16, 10_000])
def test_the_usual_delta_is_not_void(clients: int) -> None:
    assert accounting.void_delta(accounting.default_delta(clients), clients) is None
    assert accounting.void_delta(0.999 / clients, clients) is None
