"""The contract that every protection keeps, by whatever loss it is made."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from privtalk.core.errors import UserError
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.method import Protection, SignDescent
from privtalk.methods.protection.perturbation import released
from privtalk.methods.protection.random_noise import RandomNoise
from privtalk.methods.protection.registry import PROTECTIONS, find_protection
from privtalk.methods.protection.unprotected import Unprotected
from tests.methods.protection.tiny_portraits import BUDGET, MakeSetting

Made = Callable[[type[Protection]], Tensor]
each = pytest.mark.parametrize("cls", PROTECTIONS.values(), ids=PROTECTIONS)
DESCENTS = {name: cls for name, cls in PROTECTIONS.items() if issubclass(cls, SignDescent)}
ROUNDING = 4
"""Pixels of a photo's 3,072 in which a portrait may differ when others are protected with it; measured: none."""


def published(photos: Tensor, images: Tensor, cls: type[Protection], budget: float = BUDGET) -> Tensor:
    return released(photos, images, budget if cls.bounded else None)


def largest(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


@each
def test_it_is_found_by_its_name_and_says_what_it_does(cls: type[Protection]) -> None:
    assert find_protection(cls.name) is cls
    assert cls.about
    assert cls().options == cls.Options()
    assert Path(inspect.getfile(cls)).stem in (cls.name, cls.name.rpartition("_")[0])


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"unknown protection 'silenser' \(did you mean silencer\?\)"):
        find_protection("silenser")


@pytest.fixture(scope="module")
def made(setting: MakeSetting) -> Made:
    """The three portraits as a protection publishes them, made once."""
    return cache(lambda cls: cls().protect(setting()))


@each
def test_it_makes_images_that_are_its_seeds(
    cls: type[Protection], made: Made, setting: MakeSetting, photos: Tensor
) -> None:
    images = made(cls)
    assert images.shape == (3, 3, 32, 32)
    assert images.isfinite().all()
    assert images.abs().max() <= 1 + 1e-6
    assert not images.requires_grad
    assert torch.equal(cls().protect(setting()), images)
    other = published(photos, cls().protect(setting(seed=1, iterations=1)), cls)
    assert torch.equal(other, published(photos, images, cls)) == (cls is Unprotected)


@each
def test_others_do_not_change_a_portrait(
    cls: type[Protection], made: Made, setting: MakeSetting, photos: Tensor
) -> None:
    together = published(photos, made(cls), cls)
    alone = published(photos[1:2], cls().protect(setting(which=slice(1, 2))), cls)
    assert int((alone != together[1:2]).sum()) <= ROUNDING


@each
@pytest.mark.parametrize("budget", [0.7, 20.5])
def test_what_is_released_keeps_the_budget_and_uses_it_up(
    cls: type[Protection], budget: float, setting: MakeSetting, photos: Tensor
) -> None:
    made = cls().protect(setting(budget=budget, iterations=1))
    shown = published(photos, made, cls, budget)
    assert shown.dtype == torch.uint8
    if cls.bounded:
        assert largest(shown, photos) == (0 if cls is Unprotected else int(budget))
    else:
        assert largest(shown, photos) > 21


@each
def test_it_leaves_no_trace_in_the_victim_nor_in_the_global_generator(
    cls: type[Protection], setting: MakeSetting, backbone: Backbone, photos: Tensor
) -> None:
    given = setting(iterations=1)
    clean = given.portraits.images.clone()
    before = {name: t.clone() for name, t in backbone.state_dict().items()}
    state = torch.random.get_rng_state()
    cls().protect(given)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(given.portraits.images, clean)
    assert not any(p.requires_grad or p.grad is not None for p in backbone.parameters())
    assert [name for name, t in backbone.state_dict().items() if not torch.equal(t, before[name])] == []
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in backbone.modules())
    assert not backbone.training


@pytest.mark.parametrize("cls", DESCENTS.values(), ids=DESCENTS)
def test_no_iterations_of_a_descent_are_random_noise(cls: type[SignDescent], setting: MakeSetting) -> None:
    noise = RandomNoise().protect(setting())
    assert torch.equal(cls().protect(setting(iterations=0)), noise)
    assert not torch.equal(cls().protect(setting(iterations=1)), noise)


def test_the_clean_portrait_is_released_as_it_is(setting: MakeSetting, photos: Tensor) -> None:
    assert torch.equal(released(photos, Unprotected().protect(setting()), BUDGET), photos)
