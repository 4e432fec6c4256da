"""Score a generated clip beside the true one: single metrics are functions of arrays, `score_clip` asks them all.

The two clips are made here: a disc that moves, and the same disc a little late and noisy.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics import ClipPair, Reading, metric, score_clip
from privtalk.metrics.evaluators.bundle import Given
from privtalk.metrics.psnr import psnr
from privtalk.metrics.ssim import ssim, ssim_map


def main() -> None:
    generator = np.random.default_rng(0)
    truth, late = disc(0), disc(1)
    noise = generator.normal(0, 8, late.shape)
    generated = (late + noise).clip(0, 255).astype(np.uint8)
    print(f"psnr {psnr(generated, truth):.2f} dB, ssim {ssim(ssim_map(generated, truth)):.3f}")

    landmarks = face(len(truth))  # of the true clip: generated frames should show the face where it is
    networks = Given(reason="this example loads none")
    scored = score_clip(ClipPair(*(Reading(frames, landmarks, networks) for frames in (generated, truth))))
    for name in ("psnr", "psnr_face", "ssim", "jitter_error"):
        print(f"{name:14}{scored.scores[name]:8.3f} {metric(name).unit:3} better: {metric(name).direction}")
    reason = scored.missing["lpips[talkhead]"]
    print(f"{len(scored.missing)} metrics have no value, such as lpips[talkhead]: {reason}")


def disc(delay: int, frames: int = 16, size: int = 64) -> NDArray[np.uint8]:
    """[T, H, W, 3]: a bright disc on grey that goes from left to right."""
    y, x = np.mgrid[:size, :size]
    centres = 20 + 1.5 * (np.arange(frames) - delay)
    inside = (x - centres[:, None, None]) ** 2 + (y - size / 2) ** 2 < 15**2
    return np.where(inside[..., None], np.uint8(210), np.uint8(90)).repeat(3, axis=-1)


def face(frames: int, size: int = 64) -> NDArray[np.float32]:
    """[T, 68, 2] points on two ovals around the middle, still: enough for metrics that ask where the face is."""
    turn = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    oval = size / 2 + np.stack([16 * np.cos(turn), 20 * np.sin(turn)], axis=-1)
    return np.broadcast_to(oval, (frames, 68, 2)).astype(np.float32)


if __name__ == "__main__":
    main()
