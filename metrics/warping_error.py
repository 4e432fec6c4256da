"""Warping error (Lai et al., 2018): do a clip's pixels follow the motion that they should?

The motion is that of the true clip, so that a frozen clip is scored by the motion it lacks. A clip that is smoother
than the true one scores below it (a camera's noise does not move with the face), so the value is read beside ground
truth's and is no race to 0. The motion is found once for each true clip (`true_motion`) and serves every generated one.

Farneback's flow of frames enlarged to at least `SIDE` pixels, measured on four rendered clips of 64 px by the error
of the true clip over that of a frozen one (below 1 it tells them apart): Farneback .65-1.14 as they are, .43-.67
enlarged twice; DIS (medium) 1.5-2.4 as they are, .9-1.9 enlarged twice.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.inputs import check_floats, check_frames

Floats = NDArray[np.float32]

SIDE = 128
"""Pixels, shorter side to which smaller frames are enlarged before their flow is found."""
WINDOW = 5
"""Pixels over which the flow is smoothed; 7, 9 and 15 px left more error in the true clips."""
RELATIVE, ABSOLUTE = 0.01, 0.5
"""The inconsistency from which a pixel is occluded: a share of the squared flows, and px² (Ruder et al., 2016)."""

WARPING_ERROR = Metric(
    name="warping_error",
    family="temporal",
    direction="reference",
    unit="",
    range=(0.0, 1.0),
    worst=None,
    needs=("truth",),
    about="squared error of each frame, moved back by the true clip's motion, against the frame before",
)


class Motion(NamedTuple):
    """The motion between successive frames of a clip."""

    flows: Floats
    """[T-1, H, W, 2] (x, y) pixels: what is at p in frame t is at p + flow in frame t + 1."""
    mask: NDArray[np.bool_]
    """[T-1, H, W] pixels of frame t that are seen in frame t + 1 too."""


def warping_error(frames: NDArray[np.uint8], flows: Floats, mask: NDArray[np.bool_]) -> float:
    """Mean over pairs of Σ M (warp(I_(t+1)) - I_t)² / Σ M, frames on 0..1, mean over channels.

    frames: [T, H, W, 3] uint8. flows, mask: `Motion` of the true clip. Pairs without a visible pixel are left
    out.

    >>> still = np.zeros((2, 4, 4, 3), np.uint8); still[1] = 51
    >>> round(warping_error(still, np.zeros((1, 4, 4, 2), np.float32), np.ones((1, 4, 4), bool)), 6)
    0.04
    """
    _check(frames, flows, mask)
    seen = [pair for pair in range(len(flows)) if mask[pair].any()]
    if not seen:
        raise Undefined("no pixel stays visible from one frame to the next")
    unit = frames.astype(np.float32) / 255
    errors = [((warp(unit[t + 1], flows[t]) - unit[t])[mask[t]] ** 2).mean(dtype=np.float64) for t in seen]
    return float(np.mean(errors))


def true_motion(frames: NDArray[np.uint8]) -> Motion:
    """Flow and visibility of a clip [T, H, W, 3] uint8, T at least 2."""
    check_frames(frames)
    forward, backward = flow(frames), flow(frames[::-1])[::-1]
    return Motion(forward, visible(forward, backward))


def flow(frames: NDArray[np.uint8]) -> Floats:
    """[T-1, H, W, 2] optical flow (x, y) in pixels from each frame to the next (Farneback, 2003)."""
    if len(frames) < 2:
        raise Undefined("one frame has no motion")
    height, width = frames.shape[1:3]
    factor = max(1, -(-SIDE // min(height, width)))
    size = (factor * width, factor * height)
    grey = [cv2.cvtColor(np.ascontiguousarray(frame), cv2.COLOR_RGB2GRAY) for frame in frames]
    large = [cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in grey]
    flows = [_farneback(earlier, later) for earlier, later in pairwise(large)]
    small = [cv2.resize(large_flow, (width, height), interpolation=cv2.INTER_AREA) for large_flow in flows]
    return np.stack(small).astype(np.float32) / np.float32(factor)


def _farneback(earlier: Any, later: Any) -> Any:
    """[H, W, 2] flow between two grey frames: three octaves, three rounds each, polynomials over 5 px."""
    out = np.empty((*earlier.shape, 2), np.float32)
    return cv2.calcOpticalFlowFarneback(earlier, later, out, 0.5, 3, WINDOW, 3, 5, 1.2, 0)


def visible(forward: Floats, backward: Floats) -> NDArray[np.bool_]:
    """[N, H, W] pixels whose flow is undone by the flow back from where it leads, inside the frame.

    |f + b(p + f)|² < .01 (|f|² + |b(p + f)|²) + .5 px² (Ruder et al., 2016, without their motion boundaries).
    forward, backward: [N, H, W, 2] from each frame to the next, and back.
    """
    back = np.stack([warp(b, f) for b, f in zip(backward, forward, strict=True)])
    gap = ((forward + back) ** 2).sum(-1)
    seen: NDArray[np.bool_] = gap < RELATIVE * ((forward**2).sum(-1) + (back**2).sum(-1)) + ABSOLUTE
    height, width = forward.shape[1:3]
    x, y = np.moveaxis(_targets(forward), -1, 0)
    return seen & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def warp(image: Floats, flow: Floats) -> Floats:
    """[H, W, C] the image [H, W, C] read at p + flow(p), bilinear, edges repeated.

    >>> warp(np.float32([[[1], [2], [3]]]), np.full((1, 3, 2), (1, 0), np.float32))[..., 0].tolist()
    [[2.0, 3.0, 3.0]]
    """
    x, y = np.moveaxis(_targets(flow), -1, 0)
    read = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32).reshape(image.shape)


def _targets(flow: Floats) -> Floats:
    """[..., H, W, 2] p + flow(p)."""
    height, width = flow.shape[-3:-1]
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32) + flow


def _check(frames: NDArray[np.uint8], flows: Floats, mask: NDArray[np.bool_]) -> None:
    check_frames(frames)
    if len(frames) < 2:
        raise Undefined("one frame has no motion")
    pairs = (len(frames) - 1, *frames.shape[1:3])
    if flows.shape != (*pairs, 2) or mask.shape != pairs:
        raise ValueError(
            f"flows {list(flows.shape)} and mask {list(mask.shape)} must be {[*pairs, 2]} and {list(pairs)}, "
            f"those of the {len(frames)} frames' pairs"
        )
    check_floats(flows, "flows", "[T-1, H, W, 2]", 4)
    if mask.dtype != np.bool_:
        raise ValueError(f"the mask is {mask.dtype}, must be bool")
