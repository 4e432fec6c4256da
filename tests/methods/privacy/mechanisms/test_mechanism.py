from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.methods.privacy.mechanisms.clipping import clip_factors, norm
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY, GaussianMechanism

SCALES = st.floats(1e-6, 1e6)


@settings(max_examples=200, deadline=None)
@given(
    dim=st.integers(1, 300), clip=SCALES, scale=SCALES, weight=st.floats(0.01, 1), seed=st.integers(0, 999)
)
def test_clipped_updates_never_exceed_the_bound(
    dim: int, clip: float, scale: float, weight: float, seed: int
) -> None:
    """As they are sent: float32, after the weight."""
    updates = scale * torch.randn(4, dim, generator=torch.Generator().manual_seed(seed))
    factors = clip_factors(updates, clip)
    sent = updates * (weight * factors).to(updates)[:, None]
    assert (norm(sent) <= clip).all()
    assert (factors <= 1).all()
    short = norm(updates) < clip * 0.999
    assert (factors[short] == 1).all()
    clipped = norm(updates * factors.to(updates)[:, None])[~short]
    torch.testing.assert_close(clipped, torch.full_like(clipped, clip), rtol=2e-3, atol=0)


@pytest.mark.parametrize("clip", [1.0, math.inf])
def test_zero_update(clip: float) -> None:
    assert clip_factors(torch.zeros(2, 3), clip).tolist() == [1.0, 1.0]


def test_infinite_clip_is_the_identity() -> None:
    updates = 1e20 * torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(updates * clip_factors(updates, math.inf).to(updates)[:, None], updates)


@settings(max_examples=50, deadline=None)
@given(k=st.integers(1, 6), removed=st.integers(0, 5), seed=st.integers(0, 999))
def test_removing_a_client_moves_the_sum_by_at_most_c(k: int, removed: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    updates = torch.randn(k, 20, generator=generator) * 10 ** (4 * torch.rand(k, 1, generator=generator) - 2)
    weights = torch.rand(k, generator=generator, dtype=torch.float64)
    sent = (updates * (weights * clip_factors(updates, 0.7)).to(updates)[:, None]).double()
    keep = [i for i in range(k) if i != removed % k]
    assert (sent.sum(0) - sent[keep].sum(0)).norm() <= 0.7 * (1 + 1e-12)


def test_noise() -> None:
    mechanism = GaussianMechanism(clip=0.5, noise_multiplier=4.0)
    noise = mechanism.noise(100_000, torch.Generator().manual_seed(0))
    assert float(noise.std()) == pytest.approx(2.0, rel=0.02)
    assert abs(float(noise.mean())) < 0.03
    assert mechanism.private
    assert not NO_PRIVACY.private
    assert NO_PRIVACY.deviation == 0.0


@pytest.mark.parametrize(
    ("clip", "noise", "word"),
    [
        (0.0, 1.0, "clip is"),
        (-1.0, 0.0, "clip is"),
        (math.nan, 0.0, "clip is"),
        (1.0, -1.0, "negative"),
        (math.inf, 1.0, "without a clip"),
    ],
)
def test_nonsense_is_refused(clip: float, noise: float, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        GaussianMechanism(clip=clip, noise_multiplier=noise)
