"""Attackers who train before they attack, and the things that they train on.

They have the tool that owners have: the backbone, kinds of protection, their settings, the public voices and movement
that these are made with, and a budget that they suppose. Their people are the corpus' shadows, whom no row protects.
What is learned is tensors, which all rows of a seed share.

Shapes: M pairs and N portraits of H x W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import PortraitAttacker
from privtalk.core.streams import Stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.protection.config import ProtectionConfig
from privtalk.methods.protection.method import Setting
from privtalk.methods.protection.perturbation import Tell, released
from privtalk.methods.protection.registry import find_protection
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers, Victim

KINDS = ("silencer", "audio_swap", "mouth_freeze", "advdm_plus")
"""The protections that an attacker makes pairs with: one of each kind of loss that silences. Rows that protect in
another way (Mist, Silencer's latents) are unknown to it."""
SHARES = (0.5, 1.0, 2.0)
"""The budgets of pairs, in turn, over the one that an attacker supposes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoPairs:
    """Photos as an attacker has them before and after it protected them itself."""

    clean: Tensor
    """uint8 [M, H, W, 3]."""
    protected: Tensor
    """The same after protection."""

    def __len__(self) -> int:
        return len(self.clean)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackerMeans:
    """All that an attacker may train on."""

    backbone: Backbone
    shadows: tuple[ClientData, ...] = ()
    """The shadow people's clips."""
    owners: tuple[ClientData, ...] = ()
    """The owners' clips, in the order of their portraits: for whoever is supposed to have got hold of them."""
    pairs: PhotoPairs | None = None
    steps: int
    """Steps of what is trained on pairs, and of what is personalised."""
    stream: Stream
    tell: Tell = lambda done, total: None


class TrainedAttacker(PortraitAttacker, ABC):
    """An attacker who trains first. `learned` is what `train` returned."""

    adaptive = True
    pairs: ClassVar[bool] = False
    """Whether it trains on pairs."""
    starts_from_purifier: ClassVar[bool] = False
    """Whether its training starts from the pixel diffusion model."""
    frames: ClassVar[int] = 1
    """Frames that a clip must have for it to train on."""
    version: ClassVar[int] = 1
    """Raise it whenever what is learned from the same means changes."""

    def __init__(self, learned: Mapping[str, Tensor]) -> None:
        self.learned = learned

    @classmethod
    @abstractmethod
    def train(cls, means: AttackerMeans) -> dict[str, Tensor]:
        """Returns what is learned, by name."""


def make_pairs(
    kind: str,
    backbone: Backbone,
    portraits: OwnedPortraits,
    photos: Tensor,
    drivers: PublicDrivers,
    config: ProtectionConfig,
    budget: float,
    stream: Stream,
    tell: Tell = lambda done, total: None,
) -> PhotoPairs:
    """Returns photos uint8 [M, H, W, 3], of `portraits`, protected by a method of `KINDS` at several budgets."""
    cls = find_protection(kind)
    budgets = [max(1, round(share * budget)) for share in SHARES]
    clean, protected = [], []
    for place, levels in enumerate(budgets):
        index = slice(place, None, len(budgets))
        part = OwnedPortraits(
            names=portraits.names[index], images=portraits.images[index], landmarks=portraits.landmarks[index]
        )
        if not len(part):
            continue

        def told(done: int, total: int, place: int = place) -> None:
            tell(place * total + done, len(budgets) * total)

        setting = Setting.of(part, Victim(backbone, config.path), drivers, config, levels, stream, told)
        clean.append(photos[index])
        protected.append(released(photos[index], cls().protect(setting).detach(), levels))
    return PhotoPairs(clean=torch.cat(clean), protected=torch.cat(protected))


def batches(
    pairs: PhotoPairs, steps: int, count: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields (clean, protected) uint8 [count, H, W, 3] for every step, half of them mirrored."""
    for _ in range(steps):
        index = torch.randint(len(pairs), (count,), generator=generator)
        found = pairs.clean[index], pairs.protected[index]
        mirrored = bool(torch.rand((), generator=generator) < 0.5)
        yield tuple(part.flip(2) for part in found) if mirrored else found  # type: ignore[misc]


def joined(parts: Sequence[PhotoPairs]) -> PhotoPairs:
    """Returns the pairs of all parts."""
    return PhotoPairs(
        clean=torch.cat([part.clean for part in parts]),
        protected=torch.cat([part.protected for part in parts]),
    )
