"""Who takes part: owners with their portraits and driving clips, and the public people that protections are made with.

Shapes: N owners, F frames of H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.purification.attacker import AttackedPortraits
from privtalk.attacks.purification.registry import find_attacker
from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.population import Person, Population
from privtalk.bench.media import spread
from privtalk.bench.tasks.portrait_protection.settings import PortraitProtectionCell
from privtalk.core.errors import UserError
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import upper_face
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers
from privtalk.metrics.protection.scoring import DrivingClip
from privtalk.metrics.regions import mouth_opening

FACES = 8
"""Public portraits that methods with a target choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherPhotos:
    """One more photo of each of N owners."""

    names: tuple[str, ...]
    """[N] what the photos' random draws are named by."""
    photos: Tensor
    """uint8 [N, H, W, 3]."""
    points: Tensor
    """[N, 78] their landmarks."""

    @property
    def portraits(self) -> OwnedPortraits:
        """The photos as protections see them."""
        return OwnedPortraits(names=self.names, images=to_images(self.photos), landmarks=self.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """N owners, each with a portrait and the clip that drives it."""

    people: tuple[str, ...]
    photos: Tensor
    """uint8 [N, H, W, 3] the clean portraits."""
    points: Tensor
    """[N, 78] their landmarks."""
    clips: tuple[Clip, ...]
    """[N] the driving clips: the owner's own movement and speech."""
    audio: Tensor
    """[N, F, D]."""
    moved: Tensor
    """[N, F, 78]."""
    noise: Tensor
    """[N, 1, C, h, w]."""
    further: tuple[FurtherPhotos, ...] = ()
    """Further photos of everybody, for an attacker who finds several."""

    def __len__(self) -> int:
        return len(self.people)

    @property
    def other(self) -> Tensor:
        """[N, F, D] the other speech: the previous owner's."""
        return self.audio.roll(1, 0)

    @property
    def portraits(self) -> OwnedPortraits:
        """The clean portraits."""
        return OwnedPortraits(names=self.people, images=to_images(self.photos), landmarks=self.points)

    def first(self, count: int) -> Cast:
        """The first owners, with one photo each."""
        parts = {name: getattr(self, name)[:count] for name in ("people", "photos", "points", "clips")}
        more = {name: getattr(self, name)[:count] for name in ("audio", "moved", "noise")}
        return replace(self, **parts, **more, further=())

    def published(
        self, photos: Tensor, steps: int, budget: float | None, further: Sequence[FurtherPhotos] = ()
    ) -> AttackedPortraits:
        """The portraits as attackers find them, with `further` published photos."""
        main = AttackedPortraits(
            photos=photos,
            landmarks=self.points,
            audio=self.audio,
            moved=self.moved,
            noise=self.noise,
            steps=steps,
            budget=budget or 0.0,
            places=torch.arange(len(self)),
            quiet=self.audio.mean(1, keepdim=True),
        )
        others = (replace(main, photos=found.photos, landmarks=found.points) for found in further)
        return replace(main, others=tuple(others))

    def driving(self, k: int) -> DrivingClip:
        """The clip that drives owner `k`."""
        clip, other = self.clips[k], self.clips[k - 1]
        return DrivingClip(
            landmarks=clip.landmarks,
            audio=clip.audio,
            fps=clip.fps,
            opening=mouth_opening(clip.landmarks),
            other_opening=mouth_opening(other.landmarks),
        )

    def telling(self, count: int) -> NDArray[np.int64]:
        """[N, K] the frames, ascending, at which the true mouths of the two speeches are furthest apart.

        They are chosen by the driving clips alone. For a slope through the origin they weigh most: three of them give
        as narrow an interval of the control retained as 24 frames do (1.05 times, measured on Silencer).
        """
        own = np.stack([mouth_opening(clip.landmarks) for clip in self.clips])
        apart = np.abs(own - np.roll(own, 1, axis=0))
        chosen = np.argsort(-apart, axis=1, kind="stable")[:, :count]
        return np.sort(chosen, axis=1)


def gather(cell: PortraitProtectionCell, population: Population, backbone: Backbone) -> Cast:
    """Returns the owners: the tested clients, with frame 0 of the first training clip and the first test clip."""
    people = population.people("clients")[: cell.corpus.tested]
    clips = [_first(population, person, "test") for person in people]
    stills = [_first(population, person, "train") for person in people]
    size = backbone.config.size
    count = max((find_attacker(name).photos for name in cell.attackers), default=1)
    spoken = [_spoken(clip, backbone) for clip in clips]
    shape = (1, *backbone.latent_shape)
    noise = [
        torch.randn(shape, generator=torch_stream(cell.seed, "animation", person.name, "noise"))
        for person in people
    ]
    return Cast(
        people=tuple(person.name for person in people),
        photos=torch.stack([torch.from_numpy(clip.frames[0]) for clip in stills]),
        points=torch.stack([torch.from_numpy(upper_face(clip.landmarks[:1], size)[0]) for clip in stills]),
        further=tuple(_photos(people, stills, k, count, size) for k in range(1, count)),
        clips=tuple(clips),
        audio=torch.stack([audio for audio, _ in spoken]),
        moved=torch.stack([moved for _, moved in spoken]),
        noise=torch.stack(noise),
    )


def _photos(
    people: Sequence[Person], stills: Sequence[Clip], which: int, count: int, size: int
) -> FurtherPhotos:
    """Photo `which` of `count` that are spread over the clips of which frame 0 is the portrait."""
    at = [spread(clip.length, count)[min(which, clip.length - 1)] for clip in stills]
    points = [upper_face(clip.landmarks[k : k + 1], size)[0] for clip, k in zip(stills, at, strict=True)]
    return FurtherPhotos(
        names=tuple(f"{person.name}/{which}" for person in people),
        photos=torch.stack([torch.from_numpy(clip.frames[k]) for clip, k in zip(stills, at, strict=True)]),
        points=torch.from_numpy(np.stack(points)),
    )


def drivers(population: Population, backbone: Backbone) -> PublicDrivers:
    """Returns speech, movement and faces of held-out people, who own no portrait here: public, to attackers too."""
    clips = [_first(population, person, "train") for person in population.people("heldout")]
    spoken = [_spoken(clip, backbone) for clip in clips]
    return PublicDrivers(
        audio=torch.cat([audio for audio, _ in spoken]),
        landmarks=torch.cat([moved for _, moved in spoken]),
        faces=to_images(torch.stack([torch.from_numpy(clip.frames[0]) for clip in clips[:FACES]])),
    )


def _first(population: Population, person: Person, purpose: str) -> Clip:
    clips = population.clips(person, purpose)  # type: ignore[arg-type]
    if not clips:
        raise UserError(f"{person.name} has no {purpose} clip; prepare a corpus in which everybody has one")
    return clips[0]


def _spoken(clip: Clip, backbone: Backbone) -> tuple[Tensor, Tensor]:
    """A clip's audio features [F, D] and landmarks [F, 78]."""
    found = backbone.speech_features(clip.audio, clip.length, clip.fps)
    return found.cpu(), torch.from_numpy(upper_face(clip.landmarks, backbone.config.size))
