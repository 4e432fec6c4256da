"""Clips and networks that are small enough to know by heart."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from privtalk.metrics import ClipPair, Reading
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given
from privtalk.metrics.evaluators.protocols import PerceptualDistance
from privtalk.metrics.regions import mouth_opening

T, SIZE = 32, 64
FRAME = 640
"""Samples of a frame."""


def loudness(count=T):
    """[T] of speech, 0..1, never twice the same movement."""
    return 0.5 + 0.5 * np.sin(1.1 * np.arange(count) ** 1.2)


def noise(seed=0, count=T, size=SIZE):
    """Frames [T, H, W, 3] of blurred noise."""
    rng = np.random.default_rng(seed)
    blurred = gaussian_filter(rng.normal(size=(count, size, size, 3)), (1, 3, 3, 0))
    return ((blurred - blurred.min()) / np.ptp(blurred) * 255).astype(np.uint8)


def talking(seed=0, count=T, size=SIZE):
    """Frames whose brightness is how loud the speech is."""
    shade = 0.6 + 0.4 * loudness(count)[:, None, None, None]
    return (noise(seed, count, size) * shade).astype(np.uint8)


def face(count=T, size=SIZE):
    """[T, 68, 2] whose mouth opens and closes."""
    points = np.zeros((count, 68, 2), np.float32)
    turn = np.linspace(0, np.pi, 17)
    points[:, :17] = np.stack([32 - 16 * np.cos(turn), 28 + 26 * np.sin(turn)], -1)
    points[:, 17:36] = (32, 30)
    points[:, 36:48] = (32, 24)
    points[:, 36], points[:, 45] = (22, 24), (42, 24)
    points[:, 48:68] = (32, 44)
    points[:, 48], points[:, 54] = (26, 44), (38, 44)
    points[:, 65:68, 1] += 2 * loudness(count)[:, None]
    return points * np.float32(size / SIZE)


def speech(count=T):
    """[S] a hiss as loud as the speech."""
    hiss = np.random.default_rng(9).uniform(-1, 1, count * FRAME)
    return (hiss * np.repeat(loudness(count), FRAME)).astype(np.float32)


class Counted:
    """A function, and how often it was called."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *arguments):
        self.calls += 1
        return self.function(*arguments)


def knows_the_opening(frames, landmarks, at=None):
    """A mouth reader that knows the truth."""
    return mouth_opening(landmarks if at is None else landmarks[at])


def knows_the_points(frames, landmarks):
    """A landmark reader that knows the truth."""
    return landmarks.astype(np.float64)


def colours(frames):
    """[T, 3] mean colour, 0..1."""
    return frames.mean((1, 2), dtype=np.float64).astype(np.float32) / 255


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def who(frames, landmarks):
    """An identity that is a tint."""
    return unit(colours(frames))


def apart(generated, truth):
    """A perceptual distance that is the absolute one."""
    gap = np.abs(generated.astype(np.float32) - truth).mean(3) / 255
    return PerceptualDistance(gap.mean((1, 2)), gap)


class Frames:
    """Embeds a frame as its mean colour."""

    dim = 3

    def __init__(self):
        self.read = Counted(colours)

    def __call__(self, frames):
        return self.read(frames)


class Video:
    """Embeds every fourth window of four frames: where its colour is, and how much it moves."""

    dim = 6
    window = 4

    def __init__(self):
        self.read = Counted(self._read)

    def __call__(self, frames):
        return self.read(frames)

    def _read(self, frames):
        shown = colours(frames)
        parts = [shown[k : k + 4] for k in range(0, len(shown) - 3, 4)]
        rows = [np.concatenate([part.mean(0), part.std(0)]) for part in parts]
        return np.stack(rows).astype(np.float32) if rows else np.empty((0, 6), np.float32)


class Sync:
    """Brightness of five frames against loudness of their sound."""

    window = 5

    def __init__(self):
        self.video, self.audio = Counted(self._video), Counted(self._audio)

    def _video(self, frames, landmarks):
        return self._windows(frames.mean((1, 2, 3)))

    def _audio(self, audio, frames, fps):
        return self._windows(np.array([part.std() for part in np.array_split(audio, frames)]))

    def _windows(self, curve):
        windows = np.lib.stride_tricks.sliding_window_view(curve, self.window)
        return unit(windows - windows.mean(1, keepdims=True) + 1e-6 * np.arange(self.window))


def networks(**other):
    """One of each kind, under the in-domain name; `other` replaces some of them."""
    toys = {
        "mouth": Counted(knows_the_opening),
        "perceptual": Counted(apart),
        "frames": Frames(),
        "video": Video(),
        "identity": Counted(who),
        "landmarks": Counted(knows_the_points),
        "sync": Sync(),
    }
    return {(kind, TALKHEAD): network for kind, network in (toys | other).items()}


def pair(generated, truth=None, *, landmarks=None, audio=None, using=None, fps=25.0):
    """Two readings of one clip, by toy networks."""
    truth = generated if truth is None else truth
    using = Given(networks()) if using is None else using
    landmarks = face(len(truth)) if landmarks is None else landmarks
    audio = speech(len(truth)) if audio is None else audio
    made, true = (Reading(frames, landmarks, using, audio=audio, fps=fps) for frames in (generated, truth))
    return ClipPair(made, true)
