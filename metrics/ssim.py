"""Structural similarity (Wang et al., 2004)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_alike, check_floats, check_region

WINDOW = 11
"""Pixels, width of the Gaussian window."""
SIGMA = 1.5
"""Pixels, its standard deviation."""
CHUNK = 64 * 64
"""Pixels worked on at a time, so that intermediate arrays stay in the processor's cache (2x faster);
larger ones are also handed back to the system and asked for anew each time."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

SSIM = Metric(
    name="ssim",
    family="quality",
    direction="higher",
    unit="",
    range=(-1.0, 1.0),
    worst=-1.0,
    needs=("truth",),
    about="structural similarity over the whole frame",
)
SSIM_FACE = Metric(
    name="ssim_face",
    family="quality",
    direction="higher",
    unit="",
    range=(-1.0, 1.0),
    worst=-1.0,
    needs=("truth", "landmarks"),
    about="structural similarity, mean of its map over the true face, brows to chin",
)
SSIM_MOUTH = Metric(
    name="ssim_mouth",
    family="quality",
    direction="higher",
    unit="",
    range=(-1.0, 1.0),
    worst=-1.0,
    needs=("truth", "landmarks"),
    about="structural similarity, mean of its map over the box around the true mouth",
)


class SimilarityParts(NamedTuple):
    """The two factors of SSIM at every pixel, both of the images' shape."""

    luminance: NDArray[np.float32]
    """(2 μx μy + C1) / (μx² + μy² + C1), 0..1."""
    structure: NDArray[np.float32]
    """(2 σxy + C2) / (σx² + σy² + C2), contrast and structure together, -1..1."""


def ssim(similarity: NDArray[np.float32], region: NDArray[np.bool_] | None = None) -> float:
    """Mean of a similarity map over a region of each frame, then over frames; higher is better.

    similarity: [T, H, W] from `ssim_map`. region: [T, H, W] pixels that count; None: all whose window lies
    inside the frame, as scikit-image does.

    >>> frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), dtype=np.uint8)
    >>> ssim(ssim_map(frames, frames))
    1.0
    """
    check_floats(similarity, "similarities", "[T, H, W]", 3)
    check_region(region, similarity.shape)
    if region is None:
        _check_size(similarity)
        edge = WINDOW // 2
        return float(similarity[:, edge:-edge, edge:-edge].mean(dtype=np.float64))
    inside = np.where(region, similarity, 0).sum((1, 2), dtype=np.float64)
    return float((inside / region.sum((1, 2))).mean())


def ssim_map(generated: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[T, H, W] similarity at every pixel, mean over channels, -1..1.

    (2 μx μy + C1)(2 σxy + C2) / ((μx² + μy² + C1)(σx² + σy² + C2)) with Gaussian-weighted population
    moments, as `skimage.metrics.structural_similarity(gaussian_weights=True, use_sample_covariance=False,
    data_range=255)`. Both clips: [T, H, W, 3] uint8.
    """
    check_alike(generated, truth)
    _check_size(truth)
    step = max(1, CHUNK // (generated.shape[1] * generated.shape[2]))
    chunks = [slice(start, start + step) for start in range(0, len(truth), step)]
    return np.concatenate([_similarity(generated[chunk], truth[chunk]) for chunk in chunks])


def _check_size(frames: NDArray[Any]) -> None:
    """Checks the size of [T, H, W, ...]."""
    if min(frames.shape[1:3]) < WINDOW:
        raise Undefined(f"frames are smaller than SSIM's window of {WINDOW} px")


def _similarity(generated: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.float32]:
    """`ssim_map` of a few frames."""
    parts = similarity_parts(centred(generated), centred(truth))
    similarity = parts.luminance
    similarity *= parts.structure
    mean: NDArray[np.float32] = similarity.mean(1)
    return mean


def similarity_parts(x: NDArray[np.float32], y: NDArray[np.float32]) -> SimilarityParts:
    """The two factors of SSIM of centred images [..., H, W] (`centred`), edges mirrored."""
    # Variances do not change under a shift; centred values lose fewer digits in E[x²] - E[x]².
    mean_x, mean_y = _blur(x), _blur(y)
    product, squares = mean_x * mean_y, _sum_of_squares(mean_x, mean_y)
    structure = _blur(x * y)
    structure -= product
    variances = _blur(_sum_of_squares(x, y))
    variances -= squares
    # (μx + h)(μy + h) and (μx + h)² + (μy + h)² of the uncentred means, h = 127.5.
    shift = mean_x
    shift += mean_y
    shift *= 127.5
    shift += 127.5**2
    product += shift
    squares += 2 * shift
    return SimilarityParts(_ratio(product, squares, C1), _ratio(structure, variances, C2))


def _sum_of_squares(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    total = x**2
    total += y**2
    return total


def _ratio(
    product: NDArray[np.float32], squares: NDArray[np.float32], constant: float
) -> NDArray[np.float32]:
    """(2 product + constant) / (squares + constant), in place."""
    product *= 2
    product += constant
    squares += constant
    product /= squares
    return product


def centred(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[T, 3, H, W] float32, -127.5..127.5."""
    return np.ascontiguousarray(frames.transpose(0, 3, 1, 2), dtype=np.float32) - np.float32(127.5)


def _blur(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Gaussian mean around every pixel of [..., H, W]: two banded matrix products, fast by BLAS."""
    height, width = images.shape[-2:]
    rows = (images.reshape(-1, width) @ _band(width).T).reshape(images.shape)
    blurred: NDArray[np.float32] = _band(height) @ rows
    return blurred


@lru_cache(maxsize=16)
def _band(size: int) -> NDArray[np.float32]:
    """[size, size] matrix of the 1-D window, edges mirrored (d c b a | a b c d)."""
    offsets = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-(offsets**2) / (2 * SIGMA**2))
    source = np.arange(size)[:, None] + offsets
    source = np.where(source < 0, -1 - source, np.where(source >= size, 2 * size - 1 - source, source))
    band = np.zeros((size, size))
    np.add.at(band, (np.arange(size)[:, None], source), taps / taps.sum())
    return band.astype(np.float32)
