"""Half the size and back, alone and after JPEG: what sharing a photo does to it."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from privtalk.attacks.purification.attacker import ImagePurifier
from privtalk.attacks.purification.jpeg import compressed


def halved(photo: Tensor) -> Tensor:
    """Returns a photo uint8 [H, W, 3] at half its size and back, Lanczos both ways.

    >>> halved(torch.full((8, 8, 3), 9, dtype=torch.uint8)).unique().tolist()
    [9]
    """
    image = Image.fromarray(photo.numpy())
    width, height = image.size
    small = image.resize((max(width // 2, 1), max(height // 2, 1)), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(small.resize((width, height), Image.Resampling.LANCZOS)))


class HalfSize(ImagePurifier):
    """Half the size and back."""

    name = "half_size"
    about = "half the size and back (Lanczos)"

    def clean(self, photo: Tensor) -> Tensor:
        return halved(photo)


class JPEGAndHalfSize(ImagePurifier):
    """JPEG 75, then half the size and back: the chain under which published protections failed (arXiv 2604.23688)."""

    name = "jpeg_and_half_size"
    about = "JPEG at quality 75, then half the size and back"
    source = "arXiv 2604.23688"

    def clean(self, photo: Tensor) -> Tensor:
        return halved(compressed(photo, 75))
