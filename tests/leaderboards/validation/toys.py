"""Toy networks: what a good evaluator does on a toy clip, and the ways in which one can be broken."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from privtalk.bench.corpus.clip import Clip
from privtalk.metrics.evaluators.protocols import PerceptualDistance

SAMPLES = 640
"""Of a frame at 25 fps."""
LENGTH = 96
SIDE = 64


def face_points(frames: int, opening: np.ndarray | float = 4.0) -> np.ndarray:
    """[T, 68, 2] a face with open eyes and a mouth of an opening [T] px."""
    rng = np.random.default_rng(0)
    points = np.repeat(rng.uniform(8, 24, (1, 68, 2)), frames, axis=0)
    points[:, 36], points[:, 45] = (8, 10), (24, 10)
    points[:, 48], points[:, 54] = (12, 22), (20, 22)
    points[:, 60:68] = (16, 22)
    points[:, 65:68, 1] += np.broadcast_to(opening, frames)[:, None]
    return points.astype(np.float32)


def toy_clip(person: int, take: int = 0, frames: int = LENGTH) -> Clip:
    """A face-coloured texture of the person's own that drifts, whose red channel's level follows the sound's."""
    rng = np.random.default_rng([person, take])
    texture = np.random.default_rng(person).uniform(40, 200, (SIDE, SIDE + 2 * frames, 3))
    texture = (
        120 + 4 * (gaussian_filter(texture, (3, 3, 0)) - 120) + 0.2 * (texture - 120)
    )  # smooth, some detail
    level = rng.uniform(0, 1, frames)
    moving = np.stack([texture[:, t : t + SIDE] for t in range(frames)])
    moving[:, :4, :, 0] = 250 * level[:, None, None]
    sound = np.repeat(level, SAMPLES).astype(np.float32)
    return Clip(
        frames=moving.round().clip(0, 255).astype(np.uint8),
        audio=sound,
        fps=25.0,
        landmarks=face_points(frames, 2 + 6 * level),
        identity=f"toy-{person:05d}",
        utterance=f"take {take}",
    )


class Hearing:
    """A perfect sync network of toy clips: the level is in the top rows' red, and in the sound."""

    window = 5

    def video(self, frames, landmarks):
        return _windows(frames[:, :4, :, 0].mean((1, 2)) / 250)

    def audio(self, audio, frames, fps):
        return _windows(audio.reshape(frames, -1).mean(1))


class Deaf(Hearing):
    """The same sound everywhere."""

    def audio(self, audio, frames, fps):
        return np.ones((frames - 4, 5), np.float32)


class Wishful(Hearing):
    """Everything is in step, whatever the sound."""

    def audio(self, audio, frames, fps):
        return _windows(self.seen)

    def video(self, frames, landmarks):
        self.seen = frames[:, :4, :, 0].mean((1, 2)) / 250
        return super().video(frames, landmarks)


class Pixels:
    """Features of frames: coarse colours and how sharp they are."""

    dim = 13

    def __call__(self, frames):
        blocks = (
            frames.reshape(len(frames), 2, SIDE // 2, 2, SIDE // 2, 3).mean((2, 4)).reshape(len(frames), 12)
        )
        sharp = np.abs(np.diff(frames.astype(np.float32), axis=2)).mean((1, 2, 3))
        return np.column_stack([blocks / 40, sharp]).astype(np.float32)


class Squared:
    """A perceptual distance that is the squared error."""

    def __call__(self, generated, truth):
        apart = ((generated.astype(np.float32) - truth) / 255) ** 2
        return PerceptualDistance(apart.mean((1, 2, 3)), apart.mean(-1))


class Blurblind:
    """A perceptual distance that compares mean colours only."""

    def __call__(self, generated, truth):
        apart = ((generated.mean((1, 2)) - truth.mean((1, 2))) ** 2).mean(1).astype(np.float32)
        return PerceptualDistance(apart * 0, np.zeros(generated.shape[:3], np.float32))


def _windows(level: np.ndarray) -> np.ndarray:
    rows = np.lib.stride_tricks.sliding_window_view(level, 5).astype(np.float32)
    return rows - rows.mean(1, keepdims=True)
