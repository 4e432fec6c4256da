"""JPEG compression."""

from __future__ import annotations

import io
from typing import ClassVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from privtalk.attacks.purification.attacker import ImagePurifier


def compressed(photo: Tensor, quality: int) -> Tensor:
    """Returns a photo uint8 [H, W, 3] after JPEG at a quality (1 to 95), with halved chroma as cameras and sites do.

    >>> compressed(torch.full((8, 8, 3), 128, dtype=torch.uint8), 75).unique().tolist()
    [128]
    """
    buffer = io.BytesIO()
    Image.fromarray(photo.numpy()).save(buffer, format="JPEG", quality=quality, subsampling=2)
    return torch.from_numpy(np.array(Image.open(buffer).convert("RGB")))


class JPEG75(ImagePurifier):
    """JPEG at quality 75, what many sites store."""

    name = "jpeg_75"
    about = "JPEG at quality 75"
    quality: ClassVar[int] = 75

    def clean(self, photo: Tensor) -> Tensor:
        return compressed(photo, self.quality)


class JPEG50(JPEG75):
    """JPEG at quality 50."""

    name = "jpeg_50"
    about = "JPEG at quality 50"
    quality = 50
