"""Multi-scale structural similarity (Wang, Simoncelli & Bovik, 2003).

Conventions where implementations differ: contrast and structure enter at every scale and luminance at the
coarsest only; a scale's value is the mean over channels and over the pixels whose window lies inside the frame
(at every scale, as the paper's code does; torchmetrics takes the coarsest over the reflected border too, which
differs by less than .001 for blur, noise and motion of rendered frames and by .003 for brighter ones); a
negative mean counts as 0 (torchmetrics' `normalize="relu"`), since its power has no value; frames are weighed
alike. An odd row or column that is left over when halving is a cell of its own, so that 161 px suffice.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_alike
from privtalk.metrics.ssim import CHUNK, WINDOW, centred, similarity_parts

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponent of each scale, the finest first."""
NUMERALS = {3: "three", 5: "five"}

MS_SSIM = Metric(
    name="ms_ssim",
    family="quality",
    direction="higher",
    unit="",
    range=(0.0, 1.0),
    worst=0.0,
    needs=("truth",),
    about="structural similarity over five scales (frames of 161 px on)",
)
MS_SSIM_3 = Metric(
    name="ms_ssim_3",
    family="quality",
    direction="higher",
    unit="",
    range=(0.0, 1.0),
    worst=0.0,
    needs=("truth",),
    about="structural similarity over three scales, the weights of the first three (frames of 41 px on)",
)


def ms_ssim(generated: NDArray[np.uint8], truth: NDArray[np.uint8], scales: int = 5) -> float:
    """Mean over frames of the product over scales of each one's similarity to its weight; higher is better.

    Both clips: [T, H, W, 3] uint8. Fewer than five scales take the first weights, divided by their sum.

    >>> frames = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    >>> ms_ssim(frames, frames, scales=3)
    1.0
    """
    check_alike(generated, truth)
    least = smallest_side(scales)
    if min(truth.shape[1:3]) < least:
        raise Undefined(f"{NUMERALS.get(scales, scales)} scales need {least} px")
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    step = max(1, CHUNK // (truth.shape[1] * truth.shape[2]))
    chunks = [slice(start, start + step) for start in range(0, len(truth), step)]
    values = [np.stack([*_scales(generated[chunk], truth[chunk], scales)], 1) for chunk in chunks]
    # Weights sum to 1 up to rounding; equal frames score exactly 1.
    return float((np.maximum(np.concatenate(values), 0) ** weights).prod(1).mean())


def smallest_side(scales: int) -> int:
    """Side in pixels below which the coarsest scale is smaller than its window.

    >>> smallest_side(5), smallest_side(3)
    (161, 41)
    """
    if not 1 <= scales <= len(WEIGHTS):
        raise ValueError(f"{scales} scales; there are weights for 1 to {len(WEIGHTS)}")
    return (WINDOW - 1) * 2 ** (scales - 1) + 1


def _scales(
    generated: NDArray[np.uint8], truth: NDArray[np.uint8], scales: int
) -> Iterator[NDArray[np.float64]]:
    """[T] mean similarity of each frame at each scale."""
    x, y = centred(generated), centred(truth)
    edge = WINDOW // 2
    for scale in range(scales):
        parts = similarity_parts(x, y)
        last = scale == scales - 1
        similarity = parts.luminance * parts.structure if last else parts.structure
        yield similarity[..., edge:-edge, edge:-edge].mean((1, 2, 3), dtype=np.float64)
        x, y = halve(x), halve(y)


def halve(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each 2 x 2 cell of [..., H, W]; an odd last row or column is repeated.

    >>> halve(np.float32([[1, 3, 5], [5, 7, 9]])).tolist()
    [[4.0, 7.0]]
    """
    height, width = images.shape[-2:]
    whole = np.pad(images, [(0, 0)] * (images.ndim - 2) + [(0, height % 2), (0, width % 2)], mode="edge")
    rows = whole[..., ::2, :] + whole[..., 1::2, :]
    return np.float32(0.25) * (rows[..., ::2] + rows[..., 1::2])
