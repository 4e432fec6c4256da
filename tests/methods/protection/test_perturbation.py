"""Perturbations: nearest points of boxes, steps, a descent whose end is known, and what is released."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.protection.perturbation import (
    LEVEL,
    projected,
    random_start,
    released,
    sign_descent,
    step_size,
)

SEEDS = st.integers(0, 2**32)
BUDGETS = st.floats(0, 300)


def uniform(seed: int, spread: float = 1.0, count: int = 2) -> Tensor:
    """float64 [count, 3, 4, 4], some of them at black and white."""
    draw = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return ((2.4 * draw - 1.2) * spread).clamp(-spread, spread)


def frames(seed: int) -> Tensor:
    shape, generator = (2, 4, 4, 3), torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


@given(seed=SEEDS, budget=BUDGETS, reach=st.floats(0.01, 5))
def test_the_projection_is_the_nearest_that_is_allowed(seed: int, budget: float, reach: float) -> None:
    images, wanted = uniform(seed), uniform(seed + 1, reach)
    low = np.maximum(-budget * LEVEL, -1 - images.numpy())
    high = np.minimum(budget * LEVEL, 1 - images.numpy())
    found = projected(images, wanted, budget)
    np.testing.assert_allclose(found.numpy(), np.clip(wanted.numpy(), low, high), atol=1e-12)


@given(seed=SEEDS, budget=BUDGETS, reach=st.floats(0.01, 5))
def test_a_projection_projects_to_itself(seed: int, budget: float, reach: float) -> None:
    images = uniform(seed)
    once = projected(images, uniform(seed + 1, reach), budget)
    torch.testing.assert_close(projected(images, once, budget), once, atol=1e-14, rtol=0)


@given(count=st.integers(2, 500), first=st.floats(0.1, 255), last=st.floats(0.01, 1))
def test_steps_fall_evenly_from_the_first_to_the_last(count: int, first: float, last: float) -> None:
    steps = [step_size(k, count, first, last) for k in range(count)]
    np.testing.assert_allclose(steps, np.linspace(first, first * last, count), rtol=1e-9)


def test_a_single_step_is_the_first() -> None:
    assert step_size(0, 1, 2.0, 0.1) == 2.0


def test_the_start_is_uniform_within_the_budget_and_each_images_own() -> None:
    images = torch.zeros(2, 3, 64, 64)
    generators = [torch.Generator().manual_seed(seed) for seed in (4, 5)]
    start = random_start(images, 8, generators) / LEVEL
    assert start.abs().max() <= 8
    for part in start:
        assert part.mean() == pytest.approx(0, abs=0.2)
        assert part.std() == pytest.approx(16 / 12**0.5, rel=0.02)
    second = random_start(images[1:], 8, [torch.Generator().manual_seed(5)]) / LEVEL
    torch.testing.assert_close(start[1:], second)


def test_descent_ends_at_the_nearest_allowed_point_of_a_bowl() -> None:
    images, aim, weights = uniform(0), uniform(1), torch.tensor([1.0, 1e-3], dtype=torch.float64)

    def bowl(shown: Tensor, iteration: int) -> Tensor:
        return weights * (shown - aim).square().flatten(1).sum(1)

    found = sign_descent(
        images, torch.zeros_like(images), bowl, budget=8, iterations=400, step=1.0, last_step=0.01
    )
    nearest = projected(images, aim - images, 8)
    torch.testing.assert_close(found, nearest, atol=0.011 * LEVEL, rtol=0)


def test_images_descend_on_their_own_loss_alone() -> None:
    images, aim = uniform(0), uniform(1)

    def loss(shown: Tensor, iteration: int) -> Tensor:
        return (shown - aim[: len(shown)]).square().flatten(1).sum(1) * (iteration + 1)

    def descended(images: Tensor) -> Tensor:
        start = torch.zeros_like(images)
        return sign_descent(images, start, loss, budget=8, iterations=5, step=1.0, last_step=0.1)

    assert torch.equal(descended(images)[:1], descended(images[:1]))


def test_one_step_moves_every_colour_by_a_step_against_the_gradient() -> None:
    images, told = torch.zeros(1, 3, 2, 2), []
    slope = torch.tensor([1.0, -1.0]).repeat(6).view(1, 3, 2, 2)
    found = sign_descent(
        images,
        torch.zeros_like(images),
        lambda shown, iteration: (shown * slope).flatten(1).sum(1),
        budget=8,
        iterations=1,
        step=2.0,
        last_step=0.1,
        tell=lambda done, total: told.append((done, total)),
    )
    torch.testing.assert_close(found, -2 * LEVEL * slope)
    assert told == [(1, 1)]


def test_a_start_beyond_the_budget_is_brought_back() -> None:
    images = uniform(0)
    found = sign_descent(
        images,
        9 * LEVEL + 0 * images,
        lambda shown, k: shown,
        budget=8,
        iterations=0,
        step=1.0,
        last_step=1.0,
    )
    torch.testing.assert_close(found, projected(images, 8 * LEVEL + 0 * images, 8))


@given(seed=SEEDS, budget=BUDGETS, reach=st.floats(0.01, 3))
def test_released_photos_keep_the_budget(seed: int, budget: float, reach: float) -> None:
    clean, images = frames(seed), uniform(seed, reach).float()
    shown = released(clean, images, budget)
    assert shown.dtype == torch.uint8
    assert (shown.int() - clean.int()).abs().max() <= budget
    plain = ((images.numpy().clip(-1, 1) + 1) * 127.5).round().transpose(0, 2, 3, 1)
    low, high = clean.numpy().astype(int) - int(budget), clean.numpy().astype(int) + int(budget)
    assert np.array_equal(shown.numpy(), np.clip(plain, low, high))


@given(seed=SEEDS, budget=st.integers(0, 255))
def test_within_a_whole_budget_only_rounding_changes_what_is_released(seed: int, budget: int) -> None:
    clean = frames(seed)
    images = to_images(clean).double()
    images = images + projected(images, uniform(seed, 5), budget)
    assert torch.equal(released(clean, images, budget), released(clean, images, None))


def test_without_a_budget_nothing_is_bounded() -> None:
    black = torch.zeros(1, 2, 2, 3, dtype=torch.uint8)
    assert released(black, torch.full((1, 3, 2, 2), 7.0), None).unique().tolist() == [255]
    assert released(black, torch.full((1, 3, 2, 2), 7.0), 4).unique().tolist() == [4]


def test_every_colour_is_released_as_it_was() -> None:
    colours = torch.arange(256, dtype=torch.uint8).view(1, 16, 16, 1).expand(-1, -1, -1, 3)
    for budget in (None, 0, 8):
        assert torch.equal(released(colours, to_images(colours), budget), colours)
