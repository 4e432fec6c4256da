"""The perceptual term of PrivFedTalk (arXiv 2604.08037): decoded frames must have the true frames' features.

The distance is that of LPIPS (Zhang et al. 2018) without its learnt weights: at every depth, features of unit length
across channels, their squared difference, the mean over positions; then the mean over depths. The network is the
backbone's own autoencoder: its decoder makes the frames, its encoder reads them. The true frames are decoded latents
too, since pixels do not reach training; what the autoencoder loses is lost on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.methods.federation.local import LocalStep


def perceptual_distance(made: Sequence[Tensor], truth: Sequence[Tensor]) -> Tensor:
    """[N] in [0, 4], of features [N, C, h, w] at several depths; 0 for equal ones, whatever their lengths."""
    depths = [
        (F.normalize(a, dim=1) - F.normalize(b, dim=1)).square().sum(1).mean((1, 2))
        for a, b in zip(made, truth, strict=True)
    ]
    return torch.stack(depths).mean(0)


def perceptual(step: LocalStep, predicted: Tensor) -> Tensor:
    """[N] distance of predicted latents [N, F, C, h, w] to the true ones, both decoded, at each window's middle frame.

    Frames of a window look alike, and one of three costs a third.
    """
    autoencoder, middle = step.backbone.autoencoder, predicted.shape[1] // 2
    with torch.no_grad():
        truth = autoencoder.features(autoencoder.decode(step.draw.batch.latents[:, middle]))
    made = autoencoder.features(autoencoder.decode(predicted[:, middle]))
    return perceptual_distance(made, truth)
