"""Clips for people to look at: short h264 videos with sound, and strips of frames."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privtalk.core.files import partial

VIEW_SIZE = 128
"""Smallest side shown: smaller frames are enlarged by a whole number, so that chroma subsampling spares the mouth."""


def write_video(
    path: Path, frames: NDArray[np.uint8], audio: NDArray[np.float32], fps: float, rate: int
) -> None:
    """Frames [T, H, W, 3] and audio [S] as an mp4 that browsers play (h264, yuv420p, AAC), whole or not at all."""
    import av

    shown = enlarge(frames)
    fast = {"movflags": "faststart"}
    with partial(path) as part, av.open(str(part), "w", format="mp4", options=fast) as container:
        video = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        video.height, video.width = shown.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.options = {"crf": "18", "preset": "veryfast", "threads": "1"}
        sound = container.add_stream("aac", rate=rate, layout="mono")
        for image in shown:
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(video.encode(None))
        samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio[None]), format="fltp", layout="mono")
        samples.sample_rate = rate
        samples.pts = (
            0  # the encoder's run-up then lies before 0 and is not played: else all is heard 64 ms late
        )
        container.mux(sound.encode(samples))
        container.mux(sound.encode(None))


def write_strip(path: Path, frames: NDArray[np.uint8], count: int = 8) -> None:
    """`count` frames of [T, H, W, 3], evenly spaced in time and side by side, as a PNG."""
    from PIL import Image

    chosen = enlarge(frames[spread(len(frames), count)])
    with partial(path) as part:
        Image.fromarray(np.concatenate(list(chosen), axis=1)).save(part, format="PNG")


def spread(length: int, count: int) -> Sequence[int]:
    """`count` indices evenly spread over range(length), first and last among them.

    >>> spread(10, 4)
    [0, 3, 6, 9]
    >>> spread(2, 4)
    [0, 1]
    """
    if length <= count:
        return list(range(length))
    return [round(i * (length - 1) / (count - 1)) for i in range(count)]


def enlarge(frames: NDArray[np.uint8], least: int = VIEW_SIZE) -> NDArray[np.uint8]:
    """[T, H, W, 3] scaled up (bicubic) by the smallest whole factor that makes the shorter side >= `least`."""
    import cv2

    height, width = frames.shape[1:3]
    factor = -(-least // min(height, width))
    if factor <= 1:
        return frames
    size = (width * factor, height * factor)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) for frame in frames]).astype(
        np.uint8
    )
