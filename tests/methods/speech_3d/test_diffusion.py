"""Few-step diffusion: limits as identities, and the distilled target against the formula of its source."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privtalk.methods.speech_3d.diffusion import ddim, rates, sample, signal_weight, two_step_target

SHAPE = (3, 4, 2)


def normal(seed: int) -> torch.Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(1, 40))
def test_a_predictor_that_knows_leads_to_the_truth_in_any_number_of_steps(steps):
    truth = normal(0)
    assert torch.allclose(sample(lambda z, t: truth, normal(1), steps), truth, atol=1e-6)


def test_the_first_step_sees_pure_noise_and_steps_are_evenly_spaced():
    seen = []
    noise = normal(1)

    def predict(z, t):
        seen.append((float(t[0]), z))
        return torch.zeros_like(z)

    sample(predict, noise, 4)
    assert [t for t, _ in seen] == [1.0, 0.75, 0.5, 0.25]
    assert torch.equal(seen[0][1], noise)


@given(st.integers(1, 8), st.integers(0, 100))
def test_the_target_is_that_of_progressive_distillation(steps, seed):
    """Salimans and Ho, algorithm 2: x = (z'' - (s''/s) z) / (a'' - (s''/s) a), in numpy."""
    z, t = normal(seed), (seed % steps + 1) / steps

    def teacher(z, t):
        return torch.tanh(z) * (1 + t[:, None, None])

    found = two_step_target(teacher, z, torch.full((3,), t, dtype=torch.float64), steps).numpy()

    def a(t):
        return math.cos(math.pi / 2 * t)

    def s(t):
        return math.sin(math.pi / 2 * t)

    def step(z, t, u):
        x = np.tanh(z) * (1 + t)
        return a(u) * x + s(u) * (z - a(t) * x) / s(t)

    half, end = t - 0.5 / steps, max(t - 1 / steps, 0.0)
    last = step(step(z.numpy(), t, half), half, end)
    ratio = s(end) / s(t)
    assert found == pytest.approx((last - ratio * z.numpy()) / (a(end) - ratio * a(t)), abs=1e-6)


@given(st.integers(1, 8), st.integers(0, 100))
def test_a_student_that_meets_its_target_goes_where_two_steps_of_its_teacher_lead(steps, seed):
    z, t = normal(seed), torch.full((3,), (seed % steps + 1) / steps, dtype=torch.float64)
    half, end = t - 0.5 / steps, (t - 1 / steps).clamp(min=0)

    def teacher(z, t):
        return torch.sin(z) + t[:, None, None]

    middle = ddim(z, teacher(z, t), t, half)
    led = ddim(middle, teacher(middle, half), half, end)
    assert torch.allclose(ddim(z, two_step_target(teacher, z, t, steps), t, end), led, atol=1e-6)


@given(st.floats(0, 1))
def test_rates_keep_the_variance(t):
    a, s = rates(torch.tensor([t], dtype=torch.float64))
    assert float(a**2 + s**2) == pytest.approx(1, abs=1e-9)


def test_weights_never_vanish_where_noise_is_pure():
    weight = signal_weight(torch.linspace(0, 1, 50))
    assert weight.min() == 1
    assert weight.max() == 5
    assert (weight.diff() <= 1e-6).all()
