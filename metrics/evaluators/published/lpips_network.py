"""Learned perceptual distance of frames (Zhang et al. 2018, LPIPS 0.1) through the package `lpips`.

d(x, y) = sum over layers of the mean over places of w · (φ(x) − φ(y))², φ the trunk's features scaled to unit
length over channels. The package holds the heads w; the trunk φ is torchvision's classifier from a local file.
T frames [T, H, W, 3] uint8, read in batches [N, 3, H, W] in -1..1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from privtalk.core import torchvision_guard as torchvision_guard  # before lpips
from privtalk.metrics.evaluators.protocols import Frames, PerceptualDistance
from privtalk.metrics.evaluators.published.torch_files import building, read_state, weights_of

import lpips  # isort: skip

Net = Literal["alex", "vgg", "squeeze"]
BATCH = 32
"""Frames read at once."""


class Lpips:
    """LPIPS with one trunk."""

    def __init__(self, net: Net, trunk: Path) -> None:
        """net: which trunk; trunk: torchvision's state dict of it.

        Raises `ValueError` where the file holds another network.
        """
        with building():
            # Its own heads are read by torch.load, which is weights_only by default; pnet_rand: no download.
            network = lpips.LPIPS(net=net, pretrained=True, pnet_rand=True, verbose=False)
        with weights_of(f"the LPIPS trunk {net}", trunk):
            network.net.load_state_dict(_sliced(network.net, read_state(trunk)))
        self._network = network.eval().requires_grad_(False)

    def __call__(self, generated: Frames, truth: Frames) -> PerceptualDistance:
        """Distances of T frames from T others, as a whole [T] and by place [T, H, W]; 0 for equal frames."""
        if generated.shape != truth.shape:
            raise ValueError(f"frames {generated.shape} are compared with {truth.shape}; both must be alike")
        parts = [
            self._batch(generated[start : start + BATCH], truth[start : start + BATCH])
            for start in range(0, len(truth), BATCH)
        ]
        whole, maps = zip(*parts, strict=True)
        return PerceptualDistance(np.concatenate(whole), np.concatenate(maps))

    @torch.inference_mode()
    def _batch(self, generated: Frames, truth: Frames) -> tuple[Any, Any]:
        """`lpips.LPIPS.forward` with both of its averages from one reading of the trunk."""
        network = self._network
        ours, theirs = (network.net(network.scaling_layer(signed(frames))) for frames in (generated, truth))
        layers = [
            head((lpips.normalize_tensor(a) - lpips.normalize_tensor(b)) ** 2)
            for head, a, b in zip(network.lins, ours, theirs, strict=True)
        ]
        size = generated.shape[1:3]
        whole = sum(layer.mean((1, 2, 3)) for layer in layers)
        by_place = sum(lpips.lpips.upsample(layer, size)[:, 0] for layer in layers)
        return whole.numpy(), by_place.numpy()


def signed(frames: Frames) -> Tensor:
    """Frames [N, H, W, 3] as [N, 3, H, W] in -1..1.

    >>> signed(np.array([[[[0, 51, 255]]]], np.uint8)).flatten().tolist()
    [-1.0, -0.6000000238418579, 1.0]
    """
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))).float() / 127.5 - 1


def _sliced(trunk: torch.nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's `features.I.REST` under lpips' `sliceS.I.REST`; the classifier is left out."""
    places = {name: f"features.{name.partition('.')[2]}" for name in trunk.state_dict()}
    return {name: state[place] for name, place in places.items() if place in state}
