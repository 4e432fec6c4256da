"""Gaussian blur."""

from __future__ import annotations

import cv2
import torch
from torch import Tensor

from privtalk.attacks.purification.attacker import ImagePurifier

SIGMA = 0.8
"""Standard deviation in pixels of a 64-pixel portrait."""


class Blur(ImagePurifier):
    """Gaussian blur of .8 pixels."""

    name = "blur"
    about = f"Gaussian blur, standard deviation {SIGMA} pixels"

    def clean(self, photo: Tensor) -> Tensor:
        return torch.from_numpy(cv2.GaussianBlur(photo.numpy(), (0, 0), SIGMA))
