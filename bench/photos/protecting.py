"""An owner's photo, protected: the face is found, perturbed at the backbone's size, and brought back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.bench.corpus.video.crop import extract
from privtalk.bench.corpus.video.faces import Detector, Landmarker
from privtalk.bench.photos.placing import PlacedFace, brought_back, place_face
from privtalk.bench.photos.reading import Photo
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import upper_face
from privtalk.methods.protection.config import ProtectionConfig
from privtalk.methods.protection.method import Protection, Setting
from privtalk.methods.protection.mouth import mouth_map
from privtalk.methods.protection.perturbation import released
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers, Victim
from privtalk.metrics.psnr import psnr

VOICES = 12
"""Public moments of speech by which the mouth's movement is measured, none of which the protection was drawn by."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedPhoto:
    """A photo after protection, and how far the mouth is silenced in it."""

    pixels: Pixels
    """[H, W, 3]."""
    face: PlacedFace
    psnr: float
    """dB over the face's square, of the photo as published."""
    before: float
    """Levels by which public voices move the clean portrait's mouth, root mean square."""
    after: float
    """The same of the published one, read back from the photo."""
    stayed: bool
    """Whether the budget was kept."""


def protect_photo(
    path: Path,
    photo: Photo,
    method: Protection,
    budget: int,
    backbone: Backbone,
    drivers: PublicDrivers,
    config: ProtectionConfig,
    finders: tuple[Detector, Landmarker],
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> ProtectedPhoto:
    """Returns the photo with its face protected. `finders`: a face detector and a landmark network."""
    size = backbone.config.size
    detect, locate = finders
    face = place_face(path, photo.pixels, size, detect, locate)
    clean = torch.from_numpy(face.pixels)[None]
    points = torch.from_numpy(upper_face(face.landmarks[None].astype(np.float32), size))
    portraits = OwnedPortraits(names=("owner",), images=to_images(clean), landmarks=points)
    kept, held = _split(drivers)
    setting = Setting.of(
        portraits, Victim(backbone), kept, config, float(budget), partial(torch_stream, 0), tell
    )
    bound = budget if method.bounded else None
    made = released(clean, method.protect(setting), bound)
    change = made[0].numpy().astype(np.float64) - face.pixels
    pixels = brought_back(photo.pixels, change, face, bound)
    again = place_again(pixels, face, size)
    return ProtectedPhoto(
        pixels=pixels,
        face=face,
        psnr=psnr(again[None], face.pixels[None]),
        before=mouth_movement(backbone, face.pixels, points, held),
        after=mouth_movement(backbone, again, points, held),
        stayed=method.bounded,
    )


def place_again(pixels: Pixels, face: PlacedFace, size: int) -> Pixels:
    """Returns the face [S, S, 3] as an attacker cuts it from the published photo."""
    return extract(pixels, face.centre, face.side, size)


@torch.no_grad()
def mouth_movement(backbone: Backbone, face: Pixels, points: torch.Tensor, voices: torch.Tensor) -> float:
    """Returns the root mean square, in levels of 255, of what public voices [V, D] change at the mouth of a face."""
    reference = backbone.encode(torch.from_numpy(face)[None])
    batch = Victim(backbone).batch(
        reference, points, voices[None], points[:, None].expand(-1, len(voices), -1)
    )
    noise = torch.randn((1, 1, *backbone.latent_shape), generator=torch_stream(0, "photo", "noise"))
    frames = to_frames(backbone.autoencoder.decode(backbone.generate(batch, noise, 2)[0])).float()
    apart = (frames - frames.mean(0)).movedim(-1, 1)
    where = mouth_map(points, face.shape[0])
    return float(((apart.square() * where).sum() / (where.sum() * apart.shape[1] * len(apart))).sqrt())


def _split(drivers: PublicDrivers) -> tuple[PublicDrivers, torch.Tensor]:
    """The drivers without some moments of speech, and those."""
    count = len(drivers.audio)
    held = torch.linspace(0, count - 1, min(VOICES, count)).long()
    rest = torch.ones(count, dtype=torch.bool)
    rest[held] = count <= VOICES
    kept = PublicDrivers(audio=drivers.audio[rest], landmarks=drivers.landmarks[rest], faces=drivers.faces)
    return kept, drivers.audio[held]
