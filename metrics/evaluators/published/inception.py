"""Inception features of frames for FID and KID (Heusel et al. 2017) through the package `pytorch-fid`.

The network is TensorFlow's of 2015, its pool3 layer [2048]; pytorch-fid resizes to 299 x 299 bilinearly without
antialias, and values do not compare with those of other resizers. T frames [T, H, W, 3] uint8 enter as
[N, 3, H, W] in 0..1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from privtalk.core import torchvision_guard as torchvision_guard  # before pytorch_fid
from privtalk.metrics.evaluators.protocols import Floats, Frames
from privtalk.metrics.evaluators.published.torch_files import building, read_state, weights_of

from pytorch_fid import inception  # isort: skip

BATCH = 32
"""Frames read at once."""


class Inception:
    """The network; `dim` features a frame."""

    dim = 2048

    def __init__(self, weights: Path) -> None:
        """weights: pytorch-fid's state dict. Raises `ValueError` for another file."""
        with (
            building(),
            _download_replaced(read_state(weights)),
            weights_of("pytorch-fid's Inception", weights),
        ):
            network = inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[self.dim]])
        self._network = network.eval()

    @torch.inference_mode()
    def __call__(self, frames: Frames) -> Floats:
        """[T, 2048] of frames [T, H, W, 3]."""
        pixels = torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
        parts = [self._network(part.float() / 255)[0][:, :, 0, 0] for part in pixels.split(BATCH)]
        return torch.cat(parts).numpy()


@contextmanager
def _download_replaced(state: dict[str, torch.Tensor]) -> Iterator[None]:
    """pytorch-fid downloads weights while it builds its network; inside, it is given these instead."""

    def given(*_: Any, **__: Any) -> dict[str, torch.Tensor]:
        return state

    original = inception.load_state_dict_from_url
    inception.load_state_dict_from_url = given
    try:
        yield
    finally:
        inception.load_state_dict_from_url = original
