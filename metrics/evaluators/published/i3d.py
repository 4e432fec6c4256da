"""I3D features of windows of frames for FVD (Unterthiner et al. 2019), from a TorchScript file.

The file and its use are StyleGAN-V's (src/metrics/frechet_video_distance.py of universome/stylegan-v: the raw
400-d layer before the softmax), with LatentSync's windows of 16 frames. StyleGAN-V lets the network scale 0..255
to -1..1 and resize to 224 x 224; here that is done before it, as LatentSync and most later evaluations do
(rescale=False, resize=False), so that the resizing is known. T frames [T, H, W, 3] uint8.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from privtalk.metrics.evaluators.protocols import Floats, Frames

SIZE = 224
"""Pixels a side that the network was trained with."""
BATCH = 4
"""Windows read at once."""


class I3D:
    """The network; `dim` features for each window of `window` frames."""

    dim = 400
    window = 16

    def __init__(self, weights: Path) -> None:
        """weights: a TorchScript archive. Raises `ValueError` for another file.

        TorchScript is a program: its archive is read by torch's own restricted reader, which builds tensors and
        TorchScript's types only and runs no Python, and `installed.load` opens it only after its sha256 was
        found to be the published one.
        """
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="`torch.jit.load` is deprecated")
            try:
                network = torch.jit.load(str(weights), map_location="cpu")
            except (RuntimeError, ValueError) as error:
                raise ValueError(f"{weights}: no TorchScript archive of I3D") from error
        self._network = network.eval()

    @torch.inference_mode()
    def __call__(self, frames: Frames) -> Floats:
        """[n, 400] of the n = T // 16 windows that follow one another without overlap; n is 0 for short clips."""
        count = len(frames) // self.window
        parts = [self._read(part) for part in _windows(frames, count, self.window).split(BATCH)]
        return torch.cat(parts).numpy() if count else np.zeros((0, self.dim), np.float32)

    def _read(self, windows: Tensor) -> Tensor:
        """[N, 400] of windows [N, 16, 3, H, W] in 0..255."""
        small = torch.nn.functional.interpolate(
            windows.flatten(0, 1).float(), (SIZE, SIZE), mode="bilinear", align_corners=False
        )
        video = (small / 127.5 - 1).unflatten(0, windows.shape[:2]).transpose(1, 2).contiguous()
        features: Tensor = self._network(video, rescale=False, resize=False, return_features=True)
        if features.shape != (len(windows), self.dim):
            raise ValueError(f"I3D gave {tuple(features.shape)} features, not {(len(windows), self.dim)}")
        return features


def _windows(frames: Frames, count: int, window: int) -> Tensor:
    """[n, window, 3, H, W] uint8."""
    channels_first = np.ascontiguousarray(frames[: count * window].transpose(0, 3, 1, 2))
    return torch.from_numpy(channels_first).unflatten(0, (count, window))
