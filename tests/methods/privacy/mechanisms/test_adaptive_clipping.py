"""The clip finds its quantile, and costs what the ledger is told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privtalk.methods.privacy.accounting.gaussian import joint_multiplier
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping, update_multiplier, within
from privtalk.methods.privacy.mechanisms.clipping import norm

BASE = AdaptiveClipping(noise_multiplier=1.0, expected_cohort=100, initial_clip=0.1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(z=st.floats(0.1, 10), ratio=st.floats(0.6, 100))
def test_the_split_costs_one_release_at_z(z: float, ratio: float) -> None:
    assert joint_multiplier([update_multiplier(z, ratio * z), 2 * ratio * z]) == pytest.approx(z)


def test_split_limits() -> None:
    assert update_multiplier(1.5, math.inf) == 1.5
    assert update_multiplier(0.0, 1.0) == 0.0
    with pytest.raises(ValueError, match=r"must be above 0\.5"):
        update_multiplier(1.0, 0.4)


def test_the_ledger_is_told_both() -> None:
    update, bits = BASE.releases()
    assert joint_multiplier([update.noise_multiplier, bits.noise_multiplier]) == pytest.approx(1.0)
    assert (update.kind, bits.kind) == ("update_sum", "clipped_bits")
    assert BASE.mechanism(BASE.start()).noise_multiplier == update.noise_multiplier > 1
    assert {r.noise_multiplier for r in replace(BASE, noise_multiplier=0.0).releases()} == {0.0}


@pytest.mark.parametrize("start", [0.01, 30.0])
@pytest.mark.parametrize("quantile", [0.3, 0.8])
def test_the_clip_finds_the_quantile(start: float, quantile: float) -> None:
    """Norms uniform in (0, 2): the quantile is at 2γ; bits are noisy and cohorts vary."""
    used = replace(BASE, initial_clip=start, quantile=quantile)
    state, source, clips = used.start(), generator(), []
    for _ in range(200):
        cohort = int(90 + 20 * torch.rand((), generator=source))
        updates = 2 * torch.rand(cohort, 1, generator=source)
        state = used.after(state, within(norm(updates), state.clip), source)
        clips.append(state.clip)
    assert sum(clips[-50:]) / 50 == pytest.approx(2 * quantile, rel=0.12)


def test_one_step_is_the_papers() -> None:
    bits = within(norm(torch.tensor([[3.0, 4.0], [0.03, 0.04], [0.0, 0.0]])), 0.1)
    assert bits.tolist() == [-0.5, 0.5, 0.5]
    used = replace(BASE, noise_multiplier=0.0, expected_cohort=3.0)
    assert used.after(used.start(), bits, generator()).clip == pytest.approx(
        0.1 * math.exp(-0.2 * (2 / 3 - 0.5))
    )
    still = replace(used, rate=0.0)
    assert still.after(still.start(), bits, generator()).clip == 0.1


def test_a_client_moves_the_bits_by_half() -> None:
    bits = within(norm(torch.randn(9, 4, generator=generator())), 2.0)
    assert {abs(float(bits.sum() - bits[torch.arange(9) != k].sum())) for k in range(9)} == {0.5}


def test_an_empty_round_still_adds_noise() -> None:
    state = BASE.after(BASE.start(), torch.zeros(0), generator())
    assert state.share != 0.5
    assert state == BASE.after(BASE.start(), torch.zeros(0), generator())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"initial_clip": math.inf}, "initial_clip is inf"),
        ({"initial_clip": 0.0}, "clip is 0"),
        ({"quantile": 1.0}, "quantile is 1"),
        ({"rate": -1.0}, "rate must not"),
        ({"bit_deviation": 0.1}, "must be above"),
    ],
)
def test_nonsense_is_refused(change, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        replace(BASE, **change)
