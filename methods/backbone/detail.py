"""Weights of the loss by place: eyes and mouth count for more, as they are few of the frame's pixels and all of what
people look at.

Shapes: N faces, points are (x, y) in [-1, 1] across the frame.
"""

from __future__ import annotations

import torch
from torch import Tensor

from privtalk.methods.backbone.conditioning import UPPER_FACE

EYES = tuple(tuple(UPPER_FACE.index(point) for point in range(first, first + 6)) for first in (36, 42))
NOSE = (UPPER_FACE.index(27), UPPER_FACE.index(33))
"""The top of the nose's bridge and its base, by which the mouth is found: its own landmarks are no condition."""
BELOW = 0.63
"""Mouth's centre below the nose's base, in lengths of the nose (least squares over public people: 1 pixel off)."""
WIDTH, HEIGHT = 0.20, 0.14
"""Standard deviations of a detail's weight, of half the frame."""


def mouth_centre(landmarks: Tensor) -> Tensor:
    """Returns [..., 2] where the mouth is, of upper-face landmarks [..., 78].

    >>> points = torch.zeros(39, 2)
    >>> points[NOSE[0]] = torch.tensor([0.0, -0.5])
    >>> mouth_centre(points.flatten()).tolist()
    [0.0, 0.3149999976158142]
    """
    points = landmarks.unflatten(-1, (-1, 2))
    bridge, base = points[..., NOSE[0], :], points[..., NOSE[1], :]
    return base + BELOW * (base - bridge)


def detail_centres(landmarks: Tensor) -> Tensor:
    """Returns [..., 3, 2] where eyes and mouth are, of upper-face landmarks [..., 78]."""
    points = landmarks.unflatten(-1, (-1, 2))
    eyes = [points[..., list(eye), :].mean(-2) for eye in EYES]
    return torch.stack([*eyes, mouth_centre(landmarks)], dim=-2)


def detail_map(centres: Tensor, size: int) -> Tensor:
    """Returns [N, size, size]: 1 at the nearest of `centres` [N, D, 2], falling off within a few per cent."""
    axis = (torch.arange(size, device=centres.device) + 0.5) / (size / 2) - 1
    dx = (axis - centres[..., 0, None]) / WIDTH
    dy = (axis - centres[..., 1, None]) / HEIGHT
    return torch.exp(-0.5 * (dy[..., :, None] ** 2 + dx[..., None, :] ** 2)).amax(1)


def detail_weights(centres: Tensor, size: int, extra: float) -> Tensor:
    """Returns [N, size, size] weights of mean 1 for each face: 1 + `extra` at details, to 1 elsewhere."""
    weight = 1 + extra * detail_map(centres, size)
    return weight / weight.mean((-2, -1), keepdim=True)
