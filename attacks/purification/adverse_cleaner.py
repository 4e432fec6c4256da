"""AdverseCleaner: many bilateral filters, then guided ones."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.purification.attacker import ImagePurifier

BILATERAL, GUIDED = 64, 4
"""Times that each filter is applied."""
REACH, COLOUR, SPACE = 3, 8.0, 8.0
"""Published for 512 pixels: reach 5. At 64 pixels that is less than a pixel; 3 is the least that filters at all."""
RADIUS, SMOOTHING = 1, 16.0
"""Published for 512 pixels: radius 4."""
Picture = NDArray[np.float32]


class AdverseCleaner(ImagePurifier):
    """AdverseCleaner, its radii scaled to small portraits as far as that is possible."""

    name = "adverse_cleaner"
    about = "AdverseCleaner: 64 bilateral and 4 guided filters, radii scaled"
    source = "AdverseCleaner, 2023"

    def clean(self, photo: Tensor) -> Tensor:
        original: Picture = photo.numpy().astype(np.float32)
        smooth: Picture = original
        for _ in range(BILATERAL):
            smooth = np.asarray(cv2.bilateralFilter(smooth, REACH, COLOUR, SPACE), dtype=np.float32)
        for _ in range(GUIDED):
            smooth = guided(original, smooth, RADIUS, SMOOTHING)
        return torch.from_numpy(smooth.clip(0, 255).round().astype(np.uint8))


def guided(guide: Picture, source: Picture, radius: int, smoothing: float) -> Picture:
    """Returns `source` filtered by a guide, colour by colour (He et al. 2010): locally a linear function of the guide.

    guide, source: float32 [H, W, 3] in levels; smoothing: ε of the paper, in levels squared.

    >>> flat = np.full((5, 5, 3), 7, np.float32)
    >>> float(guided(flat, flat, 1, 16.0).max())
    7.0
    """

    def mean(values: Picture) -> Picture:
        side = 2 * radius + 1
        return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT), dtype=np.float32)

    mean_guide, mean_source = mean(guide), mean(source)
    covariance = mean(guide * source) - mean_guide * mean_source
    variance = mean(guide * guide) - mean_guide**2
    slope = covariance / (variance + smoothing)
    return np.asarray(mean(slope) * guide + mean(mean_source - slope * mean_guide), dtype=np.float32)
