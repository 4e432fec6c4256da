"""Controls without which a protection's figures mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.core.record_parts import ControlCheck, Estimate
from privtalk.core.seeds import torch_stream
from privtalk.methods.protection.perturbation import released

LEAST_KEPT, MOST_KEPT = 0.95, 1.05
"""The range of audio control retained that counts as all of it: noise of the main budget keeps .996 to 1.003."""
BLOCK = 8
"""Pixels a side of the blocks in which a perturbation is shuffled: one latent position."""


@dataclass(frozen=True, slots=True)
class ControlPhotos:
    """The photos that a control publishes instead of the protected portrait."""

    name: str
    about: str
    photos: Tensor
    """uint8 [N, H, W, 3]."""
    keeps: bool
    """Whether control must be kept; if not, the figure is only shown."""


def control_photos(
    clean: Tensor, protected: Tensor, people: tuple[str, ...], seed: int
) -> Iterator[ControlPhotos]:
    """Yields the controls of protected portraits uint8 [N, H, W, 3]."""
    change = protected.float() - clean.float()
    noise = [torch_stream(seed, "control", name) for name in people]
    drawn = torch.stack([2 * torch.rand(clean.shape[1:], generator=g) - 1 for g in noise])
    size = (change.square().mean((1, 2, 3)) * 3).sqrt()[:, None, None, None]
    yield ControlPhotos(
        "noise of equal I-PSNR",
        "uniform noise of the same mean square as the protection: it must leave the mouth to the speech",
        _shown(clean, drawn * size),
        True,
    )
    order = [torch.randperm((clean.shape[1] // BLOCK) ** 2, generator=g) for g in noise]
    shuffled = torch.stack([shuffle(part, places) for part, places in zip(change, order, strict=True)])
    yield ControlPhotos(
        "shuffled by blocks",
        "the protection's own change in another order: the same sizes, not where they were meant",
        _shown(clean, shuffled),
        False,
    )
    yield ControlPhotos(
        "another's protection",
        "the change that was made for the previous owner's portrait",
        _shown(clean, change.roll(1, 0)),
        False,
    )


def shuffle(change: Tensor, order: Tensor) -> Tensor:
    """Returns a change [H, W, 3] with its blocks in another order.

    >>> change = torch.arange(16.0 * 16 * 3).view(16, 16, 3)
    >>> moved = shuffle(change, torch.tensor([1, 0, 2, 3]))
    >>> bool((moved[:8, :8] == change[:8, 8:]).all()), bool((moved[8:] == change[8:]).all())
    (True, True)
    """
    rows, columns = change.shape[0] // BLOCK, change.shape[1] // BLOCK
    blocks = change.unflatten(0, (rows, BLOCK)).unflatten(2, (columns, BLOCK)).transpose(1, 2).flatten(0, 1)
    moved = blocks[order].unflatten(0, (rows, columns)).transpose(1, 2)
    return moved.flatten(2, 3).flatten(0, 1)


def kept(estimate: Estimate, about: str, *, must: bool) -> ControlCheck:
    """Returns a control by what was retained: failed where it must keep and its interval lies outside the range."""
    low, high = estimate.low, estimate.high
    passed = not must or (low is not None and high is not None and high >= LEAST_KEPT and low <= MOST_KEPT)
    return ControlCheck(estimate=estimate, about=about, decides=must, passed=passed)


def silent(largest: float) -> ControlCheck:
    """Returns the control that no speech moves no mouth, by the largest difference of two such animations in levels."""
    return ControlCheck(
        estimate=Estimate(value=largest, low=largest, high=largest, n=1, clusters=1),
        about="the largest difference, in levels of 255, of two animations whose speech was taken away: must be 0",
        decides=True,
        passed=largest == 0,
    )


def _shown(clean: Tensor, change: Tensor) -> Tensor:
    """Portraits with a change in levels, as they are published."""
    return released(clean, ((clean.float() + change) / 127.5 - 1).movedim(-1, -3), None)
