"""Peak signal-to-noise ratio."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric
from privtalk.metrics.inputs import check_alike, check_region

CAP = 100.0
"""dB, of identical frames, whose ratio is infinite (one value of a 64 px frame one level off: 89 dB)."""

PSNR = Metric(
    name="psnr",
    family="quality",
    direction="higher",
    unit="dB",
    range=(0.0, CAP),
    worst=0.0,
    needs=("truth",),
    about="peak signal-to-noise ratio over the whole frame",
)
PSNR_FACE = Metric(
    name="psnr_face",
    family="quality",
    direction="higher",
    unit="dB",
    range=(0.0, CAP),
    worst=0.0,
    needs=("truth", "landmarks"),
    about="peak signal-to-noise ratio over the true face, brows to chin",
)
PSNR_MOUTH = Metric(
    name="psnr_mouth",
    family="quality",
    direction="higher",
    unit="dB",
    range=(0.0, CAP),
    worst=0.0,
    needs=("truth", "landmarks"),
    about="peak signal-to-noise ratio over the box around the true mouth",
)


def psnr(
    generated: NDArray[np.uint8], truth: NDArray[np.uint8], region: NDArray[np.bool_] | None = None
) -> float:
    """Mean over frames of 10 log10(255² / MSE_t), in dB, each frame capped at `CAP`; higher is better.

    generated, truth: [T, H, W, 3], 0..255. region: [T, H, W], the pixels that count (None: all); every frame
    must have one.

    >>> black, white = np.zeros((2, 4, 4, 3), np.uint8), np.full((2, 4, 4, 3), 255, np.uint8)
    >>> psnr(black, white), psnr(black, black)
    (0.0, 100.0)
    """
    check_alike(generated, truth)
    check_region(region, truth.shape[:3])
    error = frame_errors(generated, truth, region)
    with np.errstate(divide="ignore"):
        ratio = 10 * np.log10(255.0**2 / error)
    return float(np.minimum(ratio, CAP).mean())


def frame_errors(
    generated: NDArray[np.uint8], truth: NDArray[np.uint8], region: NDArray[np.bool_] | None
) -> NDArray[np.float64]:
    """[T] mean squared error of each frame over its region, in grey levels squared."""
    difference = generated.astype(np.int32) - truth
    squares = np.einsum("thwc,thwc->thw", difference, difference)
    channels = generated.shape[-1]
    if region is None:
        return squares.mean((1, 2)) / channels
    return np.where(region, squares, 0).sum((1, 2)) / (channels * region.sum((1, 2)))
