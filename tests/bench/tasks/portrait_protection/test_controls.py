"""Controls: what each publishes in the protection's place, and where it holds or fails."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.tasks.portrait_protection.controls import (
    BLOCK,
    LEAST_KEPT,
    MOST_KEPT,
    control_photos,
    kept,
    shuffle,
    silent,
)
from privtalk.core.record_parts import Estimate

PEOPLE, SIZE = ("a", "b", "c"), 32
BLOCKS = (SIZE // BLOCK) ** 2


def photos(seed=0, budget=8):
    """Clean portraits away from black and white, and a change within a budget."""
    draw = torch.Generator().manual_seed(seed)
    clean = torch.randint(40, 216, (3, SIZE, SIZE, 3), generator=draw, dtype=torch.uint8)
    change = torch.randint(-budget, budget + 1, clean.shape, generator=draw)
    return clean, (clean + change).to(torch.uint8)


def controls(clean, protected, people=PEOPLE, seed=0):
    return {control.name: control for control in control_photos(clean, protected, people, seed)}


def change_of(control, clean):
    return control.photos.int() - clean.int()


def blocks(change):
    """The blocks of a change [H, W, 3], in an order of their own."""
    cut = change.unflatten(0, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(1, 2)
    return sorted(block.flatten().tolist() for block in cut.flatten(0, 1))


@given(st.permutations(range(BLOCKS)), st.integers(0, 99))
def test_shuffling_keeps_every_block_and_moves_it_where_it_is_told(order, seed):
    clean, protected = photos(seed)
    change = protected[0].int() - clean[0].int()
    moved = shuffle(change, torch.tensor(order))
    assert blocks(moved) == blocks(change)
    back = torch.argsort(torch.tensor(order))
    assert torch.equal(shuffle(moved, back), change)
    assert torch.equal(shuffle(change, torch.arange(BLOCKS)), change)


def test_the_shuffled_control_is_the_own_change_elsewhere():
    clean, protected = photos()
    moved = change_of(controls(clean, protected)["shuffled by blocks"], clean)
    for own, meant in zip(moved, protected.int() - clean.int(), strict=True):
        assert blocks(own) == blocks(meant)
        assert not torch.equal(own, meant)


@given(st.integers(0, 99), st.integers(2, 24))
def test_noise_is_as_large_as_the_protection(seed, budget):
    clean, protected = photos(seed, budget)
    noise = change_of(controls(clean, protected)["noise of equal I-PSNR"], clean).float()
    own = (protected.int() - clean.int()).float()
    sizes = noise.square().mean((1, 2, 3)) / own.square().mean((1, 2, 3))
    assert sizes.sub(1).abs().max() < 0.1
    together = torch.corrcoef(torch.stack([noise.flatten(), own.flatten()]))[0, 1]
    assert abs(together) < 0.1


def test_anothers_protection_is_that_of_the_one_before():
    clean, protected = photos()
    found = change_of(controls(clean, protected)["another's protection"], clean)
    own = protected.int() - clean.int()
    assert torch.equal(found, own[[2, 0, 1]])


def test_noise_must_keep_control_and_the_others_are_shown():
    found = controls(*photos())
    assert {name for name, control in found.items() if control.keeps} == {"noise of equal I-PSNR"}
    assert all(control.photos.dtype == torch.uint8 and control.about for control in found.values())


def test_a_portrait_that_is_not_changed_has_controls_that_change_nothing():
    clean, _ = photos()
    for control in controls(clean, clean).values():
        assert torch.equal(control.photos, clean)


def test_what_is_drawn_for_an_owner_does_not_depend_on_the_others():
    clean, protected = photos()
    together, alone = controls(clean, protected), controls(clean[1:2], protected[1:2], PEOPLE[1:2])
    for name in ("noise of equal I-PSNR", "shuffled by blocks"):
        assert torch.equal(together[name].photos[1], alone[name].photos[0])
    again = controls(clean, protected, seed=1)
    assert not torch.equal(again["noise of equal I-PSNR"].photos, together["noise of equal I-PSNR"].photos)


def test_controls_stay_among_colours():
    clean = torch.full((1, SIZE, SIZE, 3), 250, dtype=torch.uint8)
    change = torch.full_like(clean, 5)
    noise = controls(clean, clean + change, ("a",))["noise of equal I-PSNR"].photos
    assert int(noise.min()) >= 240
    assert int(noise.max()) == 255  # and nothing has come round to black


TINY = 1e-6


@pytest.mark.parametrize(
    ("low", "high", "passed"),
    [
        (LEAST_KEPT, MOST_KEPT, True),
        (0.2, LEAST_KEPT, True),
        (0.2, LEAST_KEPT - TINY, False),
        (MOST_KEPT, 3.0, True),
        (MOST_KEPT + TINY, 3.0, False),
        (-5.0, 5.0, True),
        (None, None, False),
    ],
)
def test_control_is_kept_where_the_interval_meets_the_range(low, high, passed):
    found = Estimate(value=None if low is None else (low + high) / 2, low=low, high=high)
    check = kept(found, "noise", must=True)
    assert (check.decides, check.passed, check.estimate) == (True, passed, found)
    shown = kept(found, "shuffled", must=False)
    assert (shown.decides, shown.passed) == (False, True)


@given(st.integers(0, 255))
def test_no_level_may_differ_without_speech(levels):
    check = silent(float(levels))
    assert check.decides
    assert check.passed == (levels == 0)
    assert check.estimate.value == levels
