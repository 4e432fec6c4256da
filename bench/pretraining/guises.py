"""Further people out of few: a person's clips mirrored and in other colours, as somebody else's.

A small corpus teaches a network its few faces; guises make their number, not their kind, larger.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import Clip
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.pretrain import recolour

MIRRORED: tuple[int, ...] = (
    *range(16, -1, -1),  # contour
    *range(26, 16, -1),  # brows
    *range(27, 31),  # bridge of the nose
    *range(35, 30, -1),  # its base
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),  # eyes
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),  # outer lips
    *(64, 63, 62, 61, 60, 67, 66, 65),  # inner lips
)
"""The number, in a mirrored face, of each of the 68 iBUG points."""


def mirrored(clip: Clip) -> Clip:
    """Returns a clip seen in a mirror; its landmarks keep their meaning.

    >>> [MIRRORED[MIRRORED[point]] for point in range(68)] == list(range(68))
    True
    """
    points: NDArray[np.float32] = clip.landmarks[:, MIRRORED].copy()
    points[..., 0] = clip.size - 1 - points[..., 0]
    return replace(clip, frames=np.ascontiguousarray(clip.frames[:, :, ::-1]), landmarks=points)


def guise(clip: Clip, number: int) -> Clip:
    """Returns guise `number` of a clip: 0 is itself, odd ones are mirrored, all others are recoloured.

    All clips of a person have the colours of the person's guise, which is another identity.
    """
    if number == 0:
        return clip
    turned = mirrored(clip) if number % 2 else clip
    images = to_images(torch.from_numpy(turned.frames))
    parts = [_in_one_colour(part, clip.identity, number) for part in images.split(64)]
    frames = to_frames(torch.cat(parts)).numpy()
    return replace(turned, frames=frames, identity=f"{clip.identity}~{number}")


def _in_one_colour(images: torch.Tensor, identity: str, number: int) -> torch.Tensor:
    """The frames [N, 3, H, W], all recoloured alike: laid beside one another they are one picture."""
    generator = torch_stream(0, "pretrain", "guises", identity, number)
    wide = images.movedim(0, 2).flatten(2, 3)[None]
    return recolour(wide, generator)[0].unflatten(2, (len(images), -1)).movedim(2, 0)
