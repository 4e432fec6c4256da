"""The checks that functions of metrics are held to: type, shape and range of their arrays, one line an error.

An array that is of another kind than a formula is for gives a figure all the same (floats on 0..1 a ratio of signals
48 dB too high, a longer clip a mean over what it has in common); so it is refused.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def check_frames(frames: NDArray[np.uint8], what: str = "frames") -> None:
    """Raise `ValueError` unless they are uint8 [T, H, W, C] of at least one frame."""
    array = as_array(frames, what)
    if array.dtype != np.uint8 or array.ndim != 4:
        raise ValueError(
            f"{what} are {array.dtype} {list(array.shape)}, must be uint8 [T, H, W, C] in 0..255"
        )
    if not array.size:
        raise ValueError(f"{what} are {list(array.shape)}, must hold at least one pixel")


def check_alike(generated: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
    """Raise `ValueError` unless both are frames of three channels, of one length and size."""
    check_frames(generated, "generated frames")
    check_frames(truth, "true frames")
    if generated.shape != truth.shape or truth.shape[-1] != 3:
        raise ValueError(
            f"generated frames {list(generated.shape)} and true frames {list(truth.shape)} must have the same shape "
            "[T, H, W, 3] (nothing is resampled or cut off)"
        )


def check_region(region: NDArray[np.bool_] | None, shape: tuple[int, ...]) -> None:
    """Raise `ValueError` unless it is None or marks pixels in each of the frames [T, H, W]."""
    if region is None:
        return
    array = as_array(region, "the region")
    if array.dtype != np.bool_ or array.shape != shape:
        raise ValueError(f"the region is {array.dtype} {list(array.shape)}, must be bool {list(shape)}")
    if not array.any((1, 2)).all():
        raise ValueError("the region is empty in a frame; every frame must have a pixel that counts")


def check_floats(values: NDArray[np.floating], what: str, shape: str, ndim: int) -> None:
    """Raise `ValueError` unless they are finite floats of so many dimensions, with at least one number."""
    array = as_array(values, what)
    if array.ndim != ndim or not array.size:
        raise ValueError(f"{what} are {list(array.shape)}, must be {shape}")
    _check_kind(array, what)
    if not np.isfinite(array).all():
        raise ValueError(f"{what} hold NaN or infinite numbers, all must be finite")


def check_curves(generated: NDArray[np.float64], truth: NDArray[np.float64]) -> None:
    """Raise `ValueError` unless both are finite [T] of one length."""
    check_floats(generated, "generated values", "[T]", 1)
    check_floats(truth, "true values", "[T]", 1)
    if len(generated) != len(truth):
        raise ValueError(
            f"{len(generated)} generated and {len(truth)} true frames; lengths must agree (nothing is cut off)"
        )


def check_points(landmarks: NDArray[np.floating], what: str = "landmarks") -> None:
    """Raise `ValueError` unless they are finite floats [T, 68, 2]."""
    array = as_array(landmarks, what)
    if array.ndim != 3 or array.shape[1:] != (68, 2) or not len(array):
        raise ValueError(f"{what} are {list(array.shape)}, must be [T, 68, 2]")
    _check_kind(array, what)
    if not np.isfinite(array).all():
        raise ValueError(f"{what} are not finite")


def check_number(value: float, what: str, least: float = float("-inf")) -> None:
    """Raise `ValueError` unless it is finite and at least so large."""
    if not (np.isfinite(value) and value >= least):
        raise ValueError(
            f"{what} is {value}, must be finite" + (f" and at least {least:g}" if least > -np.inf else "")
        )


def as_array(value: NDArray[np.generic], what: str) -> NDArray[np.generic]:
    """The value itself, if it is an array."""
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{what} are {type(value).__name__}, must be a numpy array")
    return value


def _check_kind(array: NDArray[np.generic], what: str) -> None:
    if array.dtype.kind != "f":
        raise ValueError(f"{what} are {array.dtype}, must be floats")
