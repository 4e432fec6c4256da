"""The place of the mouth in images, from the landmarks of the upper face alone."""

from __future__ import annotations

from torch import Tensor

from privtalk.methods.backbone.detail import detail_map, mouth_centre


def mouth_map(landmarks: Tensor, size: int) -> Tensor:
    """Returns [N, 1, size, size] weights, 1 at the mouth and falling off, of landmarks [N, 78]."""
    return detail_map(mouth_centre(landmarks)[:, None], size)[:, None]
