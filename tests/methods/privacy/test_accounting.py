"""ε against published and closed-form values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from privtalk.methods.privacy import accounting
from privtalk.methods.privacy.calibration import calibrate

TABLE = [
    # noise, rate, rounds, δ, PLD, PRV of opacus, RDP of dp-accounting
    (1.0, 0.1, 100, 1e-5, 7.0466, 7.0571, 7.9039),
    (2.0, 0.1, 100, 1e-5, 2.3374, 2.3476, 2.5806),
    (0.5, 0.1, 100, 1e-5, 31.37, 31.38, 36.97),
    (1.0, 0.01, 1000, 1e-5, 1.8282, 1.8384, 2.1014),
    (4.0, 0.5, 50, 1e-3, 2.7848, 2.7951, 3.1792),
    (1.0, 1.0, 10, 1e-5, 17.8566, 17.87, 19.05),
]


@pytest.mark.parametrize(("noise", "rate", "rounds", "delta", "pld", "prv", "rdp"), TABLE)
def test_table(
    noise: float, rate: float, rounds: int, delta: float, pld: float, prv: float, rdp: float
) -> None:
    assert accounting.epsilon(noise, rate, rounds, delta) == pytest.approx(pld, abs=0.012)
    assert accounting.rdp_epsilon(noise, rate, rounds, delta) == pytest.approx(rdp, abs=0.012)


@pytest.mark.filterwarnings("ignore")  # opacus' own
@pytest.mark.parametrize(("noise", "rate", "rounds", "delta", "pld", "prv", "rdp"), TABLE)
def test_opacus_agrees(
    noise: float, rate: float, rounds: int, delta: float, pld: float, prv: float, rdp: float
) -> None:
    pytest.importorskip("opacus")
    assert accounting.prv_epsilon(noise, rate, rounds, delta) == pytest.approx(prv, abs=0.012)


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


@settings(max_examples=15, deadline=None)
@given(
    noise=st.floats(0.6, 6),
    rate=st.floats(0.01, 1),
    rounds=st.integers(1, 60),
    delta=st.sampled_from([1e-5, 1e-3]),
)
def test_pld_lies_between_no_rounds_and_rdp(noise: float, rate: float, rounds: int, delta: float) -> None:
    eps = accounting.epsilon(noise, rate, rounds, delta)
    assert 0 <= eps <= accounting.rdp_epsilon(noise, rate, rounds, delta) + 1e-3
    assert eps <= accounting.gaussian_epsilon(noise, rounds, delta) + 1e-3  # sampling only helps


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


def test_calibration_out_of_reach() -> None:
    with pytest.raises(ValueError, match="epsilon is 0, it must be positive"):
        calibrate(0, 1e-5, 0.1, 100)
    assert calibrate(1e4, 1e-2, 0.01, 1).noise_multiplier == 0.25  # the least noise that is searched
