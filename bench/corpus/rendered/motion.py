"""The movement of the rest of the face while someone speaks: head, eyelids, brows, gaze.

Head motion is a base pose of the clip, a smooth drift (a sum of slow sinusoids) and nods on stressed
syllables. It is deliberately lively: within about a second the head moves enough that a still frame predicts
a clip badly. Angles are radians: positive yaw turns to the image's right, positive pitch looks up, positive
roll tilts anticlockwise; gaze has the signs of yaw and pitch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import SAMPLE_RATE
from privtalk.bench.corpus.performance import ARTICULATORS, Performance
from privtalk.bench.corpus.speech import visemes
from privtalk.bench.corpus.speech.voices import Utterance

Array = NDArray[np.float64]

POSE_LIMITS = (np.radians(12.0), np.radians(8.0), np.radians(6.0), 0.03, 0.03, 0.03)
"""Bounds on |yaw|, |pitch|, |roll| (radians) and |x|, |y|, |z| (head heights)."""
GAZE_LIMITS = (np.radians(20.0), np.radians(14.0))
"""Bounds on |horizontal|, |vertical| gaze relative to the head, radians."""

_BASE = np.array([np.radians(3.0), np.radians(2.0), np.radians(1.5), 0.006, 0.006, 0.006])
_DRIFT = np.array([np.radians(6.0), np.radians(3.2), np.radians(2.6), 0.013, 0.011, 0.010])
_NOD = np.radians(3.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A person's habits; factors are relative to an ordinary lively speaker, for whom all are 1."""

    articulation: float = 1.0
    """Factor on jaw, width and rounding."""
    turning: float = 1.0
    """Factor on the drift of yaw and x."""
    nodding: float = 1.0
    """Factor on the nods, and on the drift of pitch and y."""
    tilting: float = 1.0
    """Factor on the drift of roll and z."""
    tempo: float = 1.0
    """Factor on the frequencies of the head's drift."""
    blinking: float = 18.0
    """Blinks a minute."""
    brows: float = 1.0
    """Factor on brow movements."""
    wandering: float = 1.0
    """Factor on how far the eyes stray from the camera."""


def sample_style(rng: np.random.Generator) -> Style:
    """A person's habits."""
    return Style(
        articulation=float(rng.uniform(0.8, 1.15)),
        turning=float(rng.uniform(0.8, 1.25)),
        nodding=float(rng.uniform(0.75, 1.3)),
        tilting=float(rng.uniform(0.75, 1.3)),
        tempo=float(rng.uniform(0.85, 1.2)),
        blinking=float(rng.uniform(12.0, 28.0)),
        brows=float(rng.uniform(0.6, 1.3)),
        wandering=float(rng.uniform(0.5, 1.3)),
    )


def perform(
    utterance: Utterance, frames: int, rng: np.random.Generator, style: Style, fps: float = 25.0
) -> Performance:
    """The whole face's controls over `frames` frames; frame t shows the time (t + 0.5) / fps."""
    times: Array = (np.arange(frames, dtype=np.float64) + 0.5) / fps
    accents = _accents(utterance)
    mouth = visemes.track(utterance.phonemes, frames, fps)
    head = head_pose(times, accents, rng, style)
    return Performance(
        visemes=mouth.visemes,
        articulators=_spoken(mouth.articulators, loudness(utterance, times), style.articulation),
        pose=head.astype(np.float32),
        blink=blinks(times, rng, style).astype(np.float32),
        brows=brow_raises(times, accents, rng, style).astype(np.float32),
        gaze=gaze(times, head, rng, style).astype(np.float32),
    )


def _accents(utterance: Utterance) -> Array:
    """[A] middles of the vowels with primary stress, seconds."""
    return np.array([(p.start + p.end) / 2 for p in utterance.phonemes if p.stress == 2])


def loudness(utterance: Utterance, times: Array) -> Array:
    """[T] level within 50 ms of each time: 1 at the utterance's loud parts, -1 where 12 dB below or less."""
    energy = np.concatenate([[0.0], np.cumsum(np.square(utterance.audio, dtype=np.float64))])
    edges = np.clip(np.round((times[:, None] + [-0.05, 0.05]) * SAMPLE_RATE), 0, len(energy) - 1).astype(int)
    power = (energy[edges[:, 1]] - energy[edges[:, 0]]) / (0.1 * SAMPLE_RATE)
    decibels = 10 * np.log10(power + 1e-10)
    return np.clip((decibels - np.percentile(decibels, 90)) / 6 + 1, -1.0, 1.0)


def _spoken(articulators: NDArray[np.float32], level: Array, articulation: float) -> NDArray[np.float32]:
    """Loud and expressive speech opens more; lip contact is what it is."""
    spoken = articulators.astype(np.float64)
    spoken[:, ARTICULATORS.index("jaw")] *= articulation * (1 + 0.08 * level)
    spoken[:, ARTICULATORS.index("width")] *= articulation
    spoken[:, ARTICULATORS.index("round")] *= articulation
    lowest = np.where(np.array(ARTICULATORS) == "width", -1.0, 0.0)
    return np.clip(spoken, lowest, 1.0).astype(np.float32)


def head_pose(times: Array, accents: Array, rng: np.random.Generator, style: Style) -> Array:
    """[T, 6] yaw, pitch, roll in radians, x, y, z in head heights; smooth, inside `POSE_LIMITS`."""
    habit = np.array(
        [style.turning, style.nodding, style.tilting, style.turning, style.nodding, style.tilting]
    )
    base = rng.normal(size=6) * _BASE
    drift = np.stack([_drift(times, rng, style.tempo) for _ in range(6)], axis=1)
    pose = base + drift * _DRIFT * habit
    pose[:, 1] -= _pulses(times, accents, rng, width=0.11, share=0.8) * _NOD * style.nodding
    return _limited(pose, np.array(POSE_LIMITS))


def _drift(times: Array, rng: np.random.Generator, tempo: float, waves: int = 4) -> Array:
    """[T] smooth random curve, root mean square 1 over all phases: sinusoids of 0.25 to 0.75 Hz."""
    frequency = tempo * np.exp(rng.uniform(np.log(0.25), np.log(0.75), waves))
    weight = rng.uniform(0.5, 1.0, waves)
    phase = rng.uniform(0.0, 2 * np.pi, waves)
    curve = np.sin(2 * np.pi * frequency * times[:, None] + phase) @ weight
    return np.asarray(curve * np.sqrt(2 / np.sum(weight**2)))


def _pulses(times: Array, centres: Array, rng: np.random.Generator, *, width: float, share: float) -> Array:
    """[T] sum of bumps of random height in 0.4..1 at a random share of the centres; sigma `width` seconds."""
    height = rng.uniform(0.4, 1.0, len(centres)) * (rng.random(len(centres)) < share)
    shift = rng.normal(0.0, 0.03, len(centres))
    return np.asarray(np.exp(-0.5 * ((times[:, None] - centres - shift) / width) ** 2) @ height)


def _limited(values: Array, limits: Array) -> Array:
    """Smoothly bounded: the identity for small values, never beyond the limits."""
    return np.asarray(limits * np.tanh(values / limits))


def blinks(times: Array, rng: np.random.Generator, style: Style) -> Array:
    """[T, 2] eyelids, 0 open .. 1 closed: closing in 100 to 150 ms, a moment shut, opening more slowly."""
    lids = np.zeros(len(times))
    end = float(times[-1]) if len(times) else 0.0
    start = float(rng.exponential(60.0 / style.blinking))
    while start < end:
        closing, shut, opening = rng.uniform([0.10, 0.04, 0.14], [0.15, 0.06, 0.22])
        knots = start + np.cumsum([0.0, closing, shut, opening])
        lids = np.maximum(lids, _eased(np.interp(times, knots, [0.0, 1.0, 1.0, 0.0])))
        start = float(knots[-1] + 0.3 + rng.exponential(60.0 / style.blinking))
    return np.stack([lids, lids], axis=1)


def _eased(values: Array) -> Array:
    """0..1 -> 0..1 with flat ends."""
    return values * values * (3 - 2 * values)


def gaze(times: Array, head: Array, rng: np.random.Generator, style: Style) -> Array:
    """[T, 2] horizontal and vertical, radians relative to the head: fixations with 40 ms jumps in between.

    The eyes make up for most of the head's turn, so that most fixations stay near the camera.
    """
    aim = np.zeros((len(times), 2))
    moment, target = float(rng.uniform(-0.5, 0.3)), _aim(rng, style)
    aim += target
    while moment < float(times[-1]):
        following = _aim(rng, style)
        aim += _eased(np.clip((times - moment) / 0.04, 0.0, 1.0))[:, None] * (following - target)
        target = following
        moment += float(rng.uniform(0.35, 1.4))
    return _limited(aim - 0.7 * head[:, :2], np.array(GAZE_LIMITS))


def _aim(rng: np.random.Generator, style: Style) -> Array:
    """[2] where a fixation looks, radians from the camera: mostly at it, at times well away."""
    spread = np.radians([2.0, 1.2]) if rng.random() < 0.65 else np.radians([9.0, 5.0])
    return np.asarray(rng.normal(size=2) * spread * style.wandering)


def brow_raises(times: Array, accents: Array, rng: np.random.Generator, style: Style) -> Array:
    """[T, 2] right and left, -1 lowered .. 1 raised: resting height, drift, raises at stressed vowels."""
    rest = rng.normal(0.0, 0.12)
    slow = 0.12 * _drift(times, rng, 0.7)
    raises = 0.75 * _pulses(times, accents, rng, width=0.14, share=0.45)
    lopsided = rng.normal(0.0, 0.1) * np.array([1.0, -1.0])
    brows = style.brows * ((rest + slow + raises)[:, None] * (1 + lopsided))
    return np.asarray(np.tanh(brows))
