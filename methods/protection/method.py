"""The interface of a protection, and the frame that all share which descend by the gradient's sign."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from privtalk.core.frozen import Frozen
from privtalk.core.streams import Stream
from privtalk.methods.protection.config import ProtectionConfig, timestep_range
from privtalk.methods.protection.perturbation import Tell, random_start, sign_descent
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers, Victim


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectionDraw:
    """The random part of an iteration, of N portraits and K driving frames each."""

    t: Tensor
    """int64 [N] timesteps."""
    noise: Tensor
    """[N, 1, C, h, w]."""
    audio: Tensor
    """[N, K, D] of public people."""
    landmarks: Tensor
    """[N, 1, 78]: the portrait's own, or a public person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The things that a protection is made with."""

    portraits: OwnedPortraits
    """The clean ones."""
    victim: Victim
    drivers: PublicDrivers
    config: ProtectionConfig
    budget: float
    """Levels of 255."""
    generators: Sequence[torch.Generator]
    """One a portrait, so that what is drawn for it does not depend on those that are protected with it."""
    tell: Tell = lambda done, total: None

    @classmethod
    def of(
        cls,
        portraits: OwnedPortraits,
        victim: Victim,
        drivers: PublicDrivers,
        config: ProtectionConfig,
        budget: float,
        stream: Stream,
        tell: Tell = lambda done, total: None,
    ) -> Setting:
        """The setting in which every method that has the same `stream` draws the same, on the victim's device."""
        device = victim.backbone.device
        return cls(
            portraits=portraits.to(device),
            victim=victim,
            drivers=drivers.to(device),
            config=config,
            budget=budget,
            generators=[stream("protection", name) for name in portraits.names],
            tell=tell,
        )

    def start(self) -> Tensor:
        """The random start [N, 3, H, W]; the first thing that is drawn."""
        return random_start(self.portraits.images, self.budget, self.generators)

    def draw(self, voices: int = 1) -> ProtectionDraw:
        """The next draw, with so many voices."""
        times = timestep_range(self.config, self.victim.backbone.diffusion)
        shape, drivers = (1, *self.victim.backbone.latent_shape), self.drivers
        t, noise, audio, moved = [], [], [], []
        for generator in self.generators:
            t.append(times[torch.randint(len(times), (), generator=generator)])
            noise.append(torch.randn(shape, generator=generator))
            audio.append(drivers.audio[torch.randint(len(drivers.audio), (voices,), generator=generator)])
            moved.append(drivers.landmarks[torch.randint(len(drivers.landmarks), (1,), generator=generator)])
        still = self.config.movement == "still"
        return ProtectionDraw(
            t=torch.stack(t),
            noise=torch.stack(noise).to(drivers.audio),
            audio=torch.stack(audio),
            landmarks=self.portraits.landmarks[:, None] if still else torch.stack(moved),
        )

    def target_face(self) -> Tensor:
        """[1, 3, H, W] the public face that methods with a target aim at: the first."""
        return self.drivers.faces[:1]


class Protection(ABC):
    """A protection of portraits. An instance holds its options and nothing else."""

    name: ClassVar[str]
    """The name in rows and suites, and of its file."""
    about: ClassVar[str]
    """One line for the board."""
    source: ClassVar[str] = ""
    """The publication."""
    bounded: ClassVar[bool] = True
    """Whether what it releases keeps the budget; if not, the budget says nothing and only equal cost compares."""

    class Options(Frozen):
        """The method's own options. Here: none."""

    options: Options

    def __init__(self, options: Options | None = None) -> None:
        self.options = self.Options() if options is None else options

    @abstractmethod
    def protect(self, setting: Setting) -> Tensor:
        """Returns protected images [N, 3, H, W] in [-1, 1], before rounding."""


class SignDescent(Protection):
    """A protection that descends on a loss of each portrait by the gradient's sign: equal start, steps, iterations."""

    @abstractmethod
    def loss(self, setting: Setting, images: Tensor) -> Tensor:
        """Returns [N] losses to be made small of images [N, 3, H, W] with gradients; draws afresh at each call."""

    def protect(self, setting: Setting) -> Tensor:
        config, clean = setting.config, setting.portraits.images
        perturbation = sign_descent(
            clean,
            setting.start(),
            lambda images, iteration: self.loss(setting, images),
            budget=setting.budget,
            iterations=config.iterations,
            step=config.step,
            last_step=config.last_step,
            tell=setting.tell,
        )
        return clean + perturbation


def mean_square(tensor: Tensor) -> Tensor:
    """Returns the mean square of each of N, [N].

    >>> mean_square(torch.tensor([[3.0, 1.0], [0.0, 2.0]])).tolist()
    [5.0, 2.0]
    """
    return tensor.square().flatten(1).mean(1)
