"""The interface of an attacker who makes a protected portrait speak.

An attacker has the published photo (uint8, nothing else of its owner), the victim's weights, and what is to be said.
It may change the photo, what is read from it, or how the head is sampled; each is a hook, and one that is left alone
does what anybody would do.

Shapes: N portraits of H x W pixels, F frames, latents C x h x w.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

TOGETHER = 160
"""Frames animated at a time, which bounds the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackedPortraits:
    """N published portraits and what an attacker wants of them."""

    photos: Tensor
    """uint8 [N, H, W, 3]."""
    landmarks: Tensor
    """[N, 78] of the photos."""
    audio: Tensor
    """[N, F, D] what they are to say."""
    moved: Tensor
    """[N, F, 78] how they are to move."""
    noise: Tensor
    """[N, 1, C, h, w] the noise that sampling starts from, shared by a clip's frames."""
    steps: int
    """Sampling steps."""
    budget: float
    """Levels of 255 within which the attacker supposes the clean photo."""
    places: Tensor
    """int64 [N] the owners' numbers."""
    quiet: Tensor
    """[N, 1, D] the mean of all that is said, also where few frames of it are animated: what silence is taken to be."""
    others: tuple[AttackedPortraits, ...] = ()
    """Further photos of the same owners, published likewise, with the same to say."""

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: slice) -> AttackedPortraits:
        return replace(
            self,
            **{
                name: getattr(self, name)[index]
                for name in ("photos", "landmarks", "audio", "moved", "noise", "places", "quiet")
            },
            others=tuple(other[index] for other in self.others),
        )

    def to(self, device: torch.device | str) -> AttackedPortraits:
        """The same on a device, photos and numbers left where they are."""
        names = ("landmarks", "audio", "moved", "noise", "quiet")
        moved = {name: getattr(self, name).to(device) for name in names}
        return replace(self, **moved, others=tuple(other.to(device) for other in self.others))

    def at(self, frames: Tensor) -> AttackedPortraits:
        """The same at int64 frames [N, K], which are each portrait's own."""
        every = torch.arange(len(frames))[:, None]
        return replace(self, audio=self.audio[every, frames], moved=self.moved[every, frames])

    def saying(self, audio: Tensor) -> AttackedPortraits:
        """The same with other words [N, F, D], all of them."""
        return replace(self, audio=audio, quiet=audio.mean(1, keepdim=True))


class PortraitAttacker:
    """An attacker who changes nothing; subclasses override the hooks."""

    name: ClassVar[str] = "direct"
    about: ClassVar[str] = "the published photo as it is"
    source: ClassVar[str] = ""
    adaptive: ClassVar[bool] = False
    """Whether it knows that portraits are protected, and acts on it with the victim's weights."""
    photos: ClassVar[int] = 1
    """Photos of a victim that it needs."""

    def purify(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> Tensor:
        """Returns photos uint8 [N, H, W, 3]. What is random of a photo comes from its own generator."""
        return portraits.photos

    def prepared(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> AttackedPortraits:
        """Returns the portraits that are animated: those whose photos were purified."""
        return replace(portraits, photos=self.purify(portraits, backbone, generators), others=())

    def encode(self, backbone: Backbone, photos: Tensor) -> Tensor:
        """Returns the reference latents [N, C, h, w] of photos uint8 [N, H, W, 3]."""
        return backbone.encode(photos)

    def as_model(self, backbone: Backbone, portraits: AttackedPortraits) -> AbstractContextManager[None]:
        """The backbone as it animates these portraits: while it lasts, and not after."""
        return nullcontext()

    def sampled(self, backbone: Backbone, batch: Batch, portraits: AttackedPortraits) -> Tensor:
        """Returns the latents [N, F, C, h, w] of the animation of portraits, whose conditions are `batch`."""
        return backbone.generate(batch, portraits.noise, portraits.steps)

    def animate(self, backbone: Backbone, portraits: AttackedPortraits) -> Tensor:
        """Returns uint8 frames [N, F, H, W, 3] of portraits that have been purified."""
        count = max(1, TOGETHER // portraits.audio.shape[1])
        parts = [
            self._animated(backbone, portraits[first : first + count])
            for first in range(0, len(portraits), count)
        ]
        return torch.cat(parts)

    def _animated(self, backbone: Backbone, portraits: AttackedPortraits) -> Tensor:
        portraits = portraits.to(backbone.device)
        reference = self.encode(backbone, portraits.photos)
        batch = Batch(
            latents=reference.new_zeros((*portraits.audio.shape[:2], *reference.shape[1:])),
            audio=portraits.audio,
            landmarks=portraits.moved,
            reference=reference,
            reference_landmarks=portraits.landmarks,
        )
        with self.as_model(backbone, portraits):
            latents = self.sampled(backbone, batch, portraits)
        return backbone.decode(latents).cpu()


class ImagePurifier(PortraitAttacker, ABC):
    """An attacker who works on one photo at a time, without any network."""

    @abstractmethod
    def clean(self, photo: Tensor) -> Tensor:
        """Returns the purified photo uint8 [H, W, 3]."""

    def purify(
        self, portraits: AttackedPortraits, backbone: Backbone, generators: Sequence[torch.Generator]
    ) -> Tensor:
        return torch.stack([self.clean(photo) for photo in portraits.photos])
