"""What training crops suffer: cut where they are said to be, in the measure that is asked for, by one generator."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from privtalk.metrics.evaluators.crops.perturbations import Wear, cut, misplacement, standard, worn
from privtalk.metrics.evaluators.fitting.landmark_fitting import moved

NONE = Wear(shift=0, scale=0, angle=0, tint=0, gain=0, gamma=0, blur=0, noise=0)
ROWS, COLUMNS = 56, 48
MARGIN = 6
"""Pixels between a dot and the edge: four of its deviations, so that none of its light is cut off."""


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(count=3, rows=ROWS + 8, columns=COLUMNS + 8, seed=1):
    return 255 * torch.rand(count, 3, rows, columns, generator=generator(seed))


@pytest.mark.parametrize("margin", [0, 2, 8])
def test_without_wear_the_middle_is_cut_out_as_it_is(margin):
    shown = images(rows=ROWS + margin, columns=COLUMNS + margin)
    maps = misplacement(3, generator(), NONE, ROWS, COLUMNS)
    torch.testing.assert_close(maps, torch.eye(3)[:2].expand(3, 2, 3))
    half = margin // 2
    middle = shown[:, :, half : half + ROWS, half : half + COLUMNS]
    torch.testing.assert_close(cut(shown, maps, ROWS, COLUMNS), middle, rtol=0, atol=5e-3)


def test_without_wear_nothing_wears():
    torch.testing.assert_close(worn(images(), generator(), NONE), images(), rtol=1e-5, atol=1e-3)


@given(st.integers(0, 10_000), st.integers(-14, 14), st.integers(-14, 14))
@settings(max_examples=40, deadline=None)
def test_a_bright_dot_is_found_where_the_point_has_moved(seed, x, y):
    """Drawn at a point of the large picture, cut out, and looked for by its centre of light; far enough from the edges
    that none of its light is cut off, which would move the centre.
    """
    rows, columns = ROWS + 16, COLUMNS + 16
    at_x, at_y = x + 0.3, y - 0.4
    across = torch.arange(columns) - (columns - 1) / 2
    down = torch.arange(rows) - (rows - 1) / 2
    dot = torch.exp(-((across - at_x) ** 2 + (down[:, None] - at_y) ** 2) / (2 * 1.5**2))
    maps = misplacement(1, generator(seed), Wear(shift=2.0, scale=0.1, angle=0.15), ROWS, COLUMNS)
    expected = moved(torch.tensor([[[at_x, at_y]]]), maps)[0, 0].tolist()
    assume(abs(expected[0]) < COLUMNS / 2 - MARGIN and abs(expected[1]) < ROWS / 2 - MARGIN)
    shown = cut((255 * dot).expand(1, 3, -1, -1), maps, ROWS, COLUMNS)[0, 0]
    mass = shown / shown.sum()
    found = (
        (mass.sum(0) * (torch.arange(COLUMNS) - (COLUMNS - 1) / 2)).sum().item(),
        (mass.sum(1) * (torch.arange(ROWS) - (ROWS - 1) / 2)).sum().item(),
    )
    assert found == pytest.approx(expected, abs=0.05)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_a_map_turns_and_scales_and_shears_nothing(seed):
    """In samples, not in normalised coordinates, whose axes differ in length."""
    maps = misplacement(1, generator(seed), Wear(angle=0.4, scale=0.3), ROWS, COLUMNS)
    half = np.diag([COLUMNS / 2, ROWS / 2])
    turn = half @ maps[0, :, :2].double().numpy() @ np.linalg.inv(half)
    size = np.sqrt(np.linalg.det(turn))
    np.testing.assert_allclose(turn @ turn.T, size**2 * np.eye(2), atol=1e-5)


def test_misplacements_have_the_spread_that_is_asked_for():
    wear = Wear(shift=1.5, scale=0.07, angle=0.04)
    maps = misplacement(20_000, generator(), wear, ROWS, COLUMNS)
    shift = maps[:, :, 2] * torch.tensor([COLUMNS / 2, ROWS / 2])
    assert shift.std(0).tolist() == pytest.approx([1.5, 1.5], rel=0.03)
    size = torch.linalg.det(maps[:, :, :2]).log() / 2
    assert size.std().item() == pytest.approx(0.07, rel=0.03)
    angle = torch.atan2(maps[:, 1, 0] * ROWS / COLUMNS, maps[:, 0, 0])
    assert angle.std().item() == pytest.approx(0.04, rel=0.03)


def test_noise_is_no_louder_than_its_limit_and_differs_by_image():
    grey = torch.full((400, 3, 16, 16), 128.0)
    levels = worn(grey, generator(), NONE.model_copy(update={"noise": 10.0})).std((1, 2, 3))
    assert levels.max() < 10.5
    assert levels.mean().item() == pytest.approx(5, rel=0.1)


def test_a_blur_softens_some_and_keeps_the_mean():
    shown = images(200, 24, 24)
    soft = worn(shown, generator(), NONE.model_copy(update={"blur": 0.5}))
    touched = (soft - shown).abs().amax((1, 2, 3)) > 0.01
    assert 0.35 < touched.float().mean().item() < 0.65
    assert (soft[touched].std((1, 2, 3)) < shown[touched].std((1, 2, 3))).all()
    torch.testing.assert_close(soft.mean((1, 2, 3)), shown.mean((1, 2, 3)), rtol=0.02, atol=0)


def test_light_changes_an_image_as_a_whole():
    grey = torch.full((50, 3, 8, 8), 100.0)
    lit = worn(grey, generator(), NONE.model_copy(update={"gain": 0.3, "tint": 0.1, "gamma": 0.1}))
    torch.testing.assert_close(lit, lit[:, :, :1, :1].expand_as(lit))
    assert lit.min() >= 0
    assert lit.max() <= 255
    assert lit[:, 0, 0, 0].std() > 10


def test_draws_are_the_generators_alone():
    with torch.random.fork_rng(devices=[]):
        first = worn(images(), generator(3), Wear())
        torch.manual_seed(99)
        again = worn(images(), generator(3), Wear())
    assert torch.equal(first, again)
    assert not torch.equal(first, worn(images(), generator(4), Wear()))


def test_grey_levels_are_standardised():
    assert standard(torch.tensor([0.0, 127.5, 255.0])).tolist() == [-1, 0, 1]
