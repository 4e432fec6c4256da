"""Fewer colours."""

from __future__ import annotations

from torch import Tensor

from privtalk.attacks.purification.attacker import ImagePurifier

BITS = 4


def reduced(photo: Tensor, bits: int) -> Tensor:
    """Returns a photo with every colour at the nearest of 2^bits levels (feature squeezing, Xu et al. 2018).

    >>> import torch
    >>> reduced(torch.tensor([0, 100, 255], dtype=torch.uint8), 1).tolist()
    [0, 0, 255]
    """
    top = 2**bits - 1
    return ((photo.float() * top / 255).round() * 255 / top).round().to(photo.dtype)


class ColourDepth(ImagePurifier):
    """Four bits a colour: steps of 17 levels, more than twice the main budget."""

    name = "colour_depth"
    about = f"{BITS} bits a colour"
    source = "feature squeezing, NDSS 2018"

    def clean(self, photo: Tensor) -> Tensor:
        return reduced(photo, BITS)
