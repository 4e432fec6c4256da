"""From phonemes to a moving mouth: phoneme -> viseme -> articulator targets, blended by dominance functions.

Coarticulation follows Cohen and Massaro (1993): each sound pulls every articulator towards its target with
a dominance that is full during the sound and fades before and after it; the track is the dominance-weighted
mean F_k(t) = sum_s D_sk(t) T_sk / sum_s D_sk(t), with D_sk(t) = a exp(-(1 + ln max(a, 1)) (d / reach_k)^2),
a = strength_sk and d the distance of t to the sound. A large a (lips in "p", "f") wins while the sound lasts,
a small one ("h", "k") lets the neighbours through, and both have faded to 1/e or less at d = reach_k.

Legend: S sounds, G instants, T frames, V = 15 visemes, K = 6 articulators.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.performance import VISEMES
from privtalk.bench.corpus.speech.voices import SILENCE, Phoneme

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class VisemeShape:
    """The target of a viseme for each articulator (order of `ARTICULATORS`), and its strength (0: none)."""

    target: tuple[float, float, float, float, float, float]
    strength: tuple[float, float, float, float, float, float]


SHAPES: dict[str, VisemeShape] = {
    #            jaw   width  round press tuck tongue   strengths
    "sil": VisemeShape((0.00, 0.00, 0.00, 0.00, 0.0, 0.0), (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
    "PP": VisemeShape((0.00, 0.00, 0.05, 1.00, 0.0, 0.0), (14.0, 0.6, 0.3, 30.0, 4.0, 2.0)),
    "FF": VisemeShape((0.08, 0.05, 0.05, 0.00, 1.0, 0.0), (8.0, 0.6, 0.4, 6.0, 20.0, 2.0)),
    "TH": VisemeShape((0.22, 0.10, 0.00, 0.00, 0.0, 1.0), (1.2, 0.6, 0.5, 2.0, 2.0, 12.0)),
    "DD": VisemeShape((0.18, 0.15, 0.00, 0.00, 0.0, 0.6), (0.9, 0.5, 0.3, 2.0, 2.0, 4.0)),
    "kk": VisemeShape((0.32, 0.05, 0.00, 0.00, 0.0, 0.0), (0.5, 0.3, 0.2, 2.0, 2.0, 1.0)),
    "CH": VisemeShape((0.14, -0.30, 0.60, 0.00, 0.0, 0.2), (1.5, 1.2, 1.5, 2.0, 2.0, 2.0)),
    "SS": VisemeShape((0.08, 0.35, 0.00, 0.00, 0.0, 0.2), (1.8, 1.0, 0.6, 2.0, 2.0, 2.0)),
    "nn": VisemeShape((0.22, 0.10, 0.00, 0.00, 0.0, 0.7), (0.7, 0.5, 0.3, 2.0, 2.0, 4.0)),
    "RR": VisemeShape((0.28, -0.25, 0.45, 0.00, 0.0, 0.1), (0.8, 0.9, 1.0, 2.0, 2.0, 1.0)),
    "aa": VisemeShape((1.00, 0.10, 0.00, 0.00, 0.0, 0.0), (2.0, 1.0, 1.2, 2.0, 2.0, 1.0)),
    "E": VisemeShape((0.66, 0.55, 0.00, 0.00, 0.0, 0.1), (1.5, 1.0, 1.2, 2.0, 2.0, 1.0)),
    "ih": VisemeShape((0.34, 0.75, 0.00, 0.00, 0.0, 0.1), (1.2, 1.0, 1.2, 2.0, 2.0, 1.0)),
    "oh": VisemeShape((0.76, -0.45, 0.65, 0.00, 0.0, 0.0), (1.8, 1.2, 1.4, 2.0, 2.0, 1.0)),
    "ou": VisemeShape((0.30, -0.85, 1.00, 0.00, 0.0, 0.0), (1.4, 1.5, 1.8, 2.0, 2.0, 1.0)),
}
"""Viseme -> mouth. Rounding is stronger than spreading: it spreads over its neighbours."""

REACH = (0.042, 0.060, 0.080, 0.026, 0.030, 0.050)
"""Seconds after which a sound's dominance is down to 1/e: lips snap, rounding lingers."""

VISEME_REACH = 0.035
"""The same, for the viseme weights."""

FIRST_SHARE = 0.6
"""Part of a diphthong's time that its first target takes."""


class Target(NamedTuple):
    """One viseme that a sound aims at; a diphthong has two."""

    viseme: str
    jaw: float = 1.0
    """Factor on the viseme's jaw target: "a" opens more than a schwa of the same viseme."""
    hold: float = 1.0
    """Factor on every strength."""


def _one(viseme: str, *symbols: str, jaw: float = 1.0, hold: float = 1.0) -> dict[str, tuple[Target, ...]]:
    return {symbol: (Target(viseme, jaw, hold),) for symbol in symbols}


def _glide(first: Target, last: Target, *symbols: str) -> dict[str, tuple[Target, ...]]:
    return dict.fromkeys(symbols, (first, last))


_A, _OFF = Target("aa", 1.0, 1.8), Target("E", 0.65, 0.8)

PHONEMES: dict[str, tuple[Target, ...]] = {
    **_one("sil", SILENCE),
    # consonants
    **_one("PP", "p", "b", "m", "m-", "B"),
    **_one("FF", "f", "v", "v#"),
    **_one("TH", "T", "D"),
    **_one("DD", "t", "d", "t#", "t2", "d#", "t[", "d[", "*", "**"),
    **_one("DD", "?", jaw=1.5, hold=0.3),
    **_one("kk", "k", "g", "N", "N-", "x", "X", "C", "c", "q", "Q", "Q^", 'Q"', "J", "J^"),
    **_one("kk", "h", jaw=1.4, hold=0.15),
    **_one("CH", "tS", "dZ", "S", "Z", "tS;", "dZ;", "S;", "Z;"),
    **_one("SS", "s", "z", "z#", "s.", "s;", "z.", "z;", "z/2"),
    **_one("nn", "n", "n-", "n.", "n^", "l", "l#", "l-", "l^", "l/", "l/2", "l/3", "l.", "L", "L/"),
    **_one("RR", "r", "r-", "r/", "r.", 'r"', "R", "R2", "R3"),
    **_one("ou", "w", "w#", jaw=0.7, hold=1.3),
    **_one("ih", "j", ";", jaw=0.7),
    # open vowels
    **_one("aa", "a", "aa", "A:", "A#", "A~", "a2"),
    **_one("aa", "V", "a/", jaw=0.85),
    **_one("aa", "a#", "a#2", jaw=0.6, hold=0.8),
    # mid and front vowels
    **_one("E", "E", "E2", "E#", "e", "e:", "e#"),
    **_one("E", "3:", "3", jaw=0.75),
    **_one("E", "@", "@2", "@5", "@#", "@-", jaw=0.6, hold=0.7),
    **_one("ih", "i", "i:"),
    **_one("ih", "I", "I2", "I#", "I2#", jaw=1.1),
    # rounded vowels
    **_one("oh", "O", "O:", "O2", "O~", "0", "02", "0#", "o", "o:"),
    **_one("ou", "u", "u:"),
    **_one("ou", "U", jaw=1.15, hold=0.8),
    # two targets in turn
    **_glide(_A, Target("ih", 1.1), "aI", "aI2"),
    **_glide(_A, _OFF, "aI@", "aI3", "aU@"),
    **_glide(_A, Target("ou"), "aU"),
    **_glide(_A, Target("RR"), "A@"),
    **_glide(Target("aa", 0.8), Target("RR"), "VR"),
    **_glide(Target("E"), Target("ih"), "eI"),
    **_glide(Target("E", 0.95), _OFF, "e@"),
    **_glide(Target("ih"), _OFF, "i@", "i@3"),
    **_glide(Target("ih", 1.1), Target("RR"), "IR"),
    **_glide(Target("oh"), Target("ih"), "OI"),
    **_glide(Target("oh", 0.9), Target("ou"), "oU", "oU#"),
    **_glide(Target("oh"), Target("RR"), "o@", "O@"),
    **_glide(Target("ou", 1.1), _OFF, "U@"),
    **_glide(_OFF, Target("nn"), "@L"),
}
"""Every sound of espeak's English phoneme tables, without stress mark -> the visemes it passes through."""

FALLBACK = (Target("E", 0.6, 0.5),)
"""For a mnemonic that the table lacks: a weak neutral vowel. English never needs it (tests)."""


class MouthTrack(NamedTuple):
    """A mouth over T frames."""

    visemes: NDArray[np.float32]
    """[T, 15] weights, non-negative, each frame sums to 1."""
    articulators: NDArray[np.float32]
    """[T, 6] in the ranges of `ARTICULATORS`."""


SUBSTEPS = 4
"""Instants over which a frame is averaged: the middle half of its interval, a 180 degree shutter."""


def track(phonemes: Sequence[Phoneme], frames: int, fps: float = 25.0) -> MouthTrack:
    """Viseme weights and articulators of `frames` frames; frame t is exposed around (t + 0.5) / fps."""
    if not phonemes:
        raise ValueError("no phonemes to track; give at least one, a pause if nothing is said")
    sounds = _sounds(phonemes)
    offsets = ((np.arange(SUBSTEPS) + 0.5) / SUBSTEPS - 0.5) / 2
    instants = ((np.arange(frames)[:, None] + 0.5 + offsets) / fps).ravel()
    # a frame after the last sound (or before the first) shows that sound
    instants = instants.clip(phonemes[0].start, phonemes[-1].end)
    gap = _distance(instants, sounds)
    return MouthTrack(_exposed(_mixture(gap, sounds), frames), _exposed(_blend(gap, sounds), frames))


class _Sounds(NamedTuple):
    start: Array  # [S] seconds
    end: Array  # [S] seconds
    target: Array  # [S, K]
    strength: Array  # [S, K]
    one_hot: Array  # [S, V]
    hold: Array  # [S]


def _sounds(phonemes: Sequence[Phoneme]) -> _Sounds:
    """One row a target."""
    rows = [row for phoneme in phonemes for row in _rows(phoneme)]
    return _Sounds(*(np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)))


def _rows(phoneme: Phoneme) -> Iterator[tuple[float, float, Array, Array, Array, float]]:
    _, start, end, stress = phoneme
    first, *rest = PHONEMES.get(phoneme.symbol, FALLBACK)
    middle = start + FIRST_SHARE * (end - start) if rest else end
    yield (start, middle, *_aim(first, stress))
    for target in rest:
        yield (middle, end, *_aim(target, stress))


_STRESS_JAW = (0.88, 0.96, 1.0)
"""Unstressed sounds open less."""


@cache
def _aim(target: Target, stress: int) -> tuple[Array, Array, Array, float]:
    """Articulator targets [K], strengths [K], viseme [V] and hold of one target."""
    viseme, jaw, hold = target
    aim, strength = np.array(SHAPES[viseme].target), np.array(SHAPES[viseme].strength)
    aim[0] = min(1.0, aim[0] * jaw * _STRESS_JAW[stress])
    return aim, strength * hold, np.array([float(name == viseme) for name in VISEMES]), hold


def _distance(instants: Array, sounds: _Sounds) -> Array:
    """[G, S] seconds from each instant to each sound, 0 within it."""
    before = sounds.start - instants[:, None]
    after = instants[:, None] - sounds.end
    return np.maximum(np.maximum(before, after), 0.0)


def _dominance(gap: Array, reach: float, strength: Array) -> Array:
    """[G, S] of one articulator: gap [G, S] seconds, strength [S]."""
    sharpness = (1 + np.log(np.maximum(strength, 1.0))) / reach**2
    return np.asarray(strength * np.exp(-sharpness * gap**2))


def _blend(gap: Array, sounds: _Sounds) -> Array:
    """[G, K] articulators."""
    columns = []
    for k, reach in enumerate(REACH):
        dominance = _dominance(gap, reach, sounds.strength[:, k])
        columns.append((dominance * sounds.target[:, k]).sum(1) / dominance.sum(1))
    return np.stack(columns, axis=1)


def _mixture(gap: Array, sounds: _Sounds) -> Array:
    """[G, V] viseme weights."""
    dominance = _dominance(gap, VISEME_REACH, sounds.hold)
    return np.asarray(np.einsum("gs,sv->gv", dominance, sounds.one_hot) / dominance.sum(1, keepdims=True))


def _exposed(values: Array, frames: int) -> NDArray[np.float32]:
    return values.reshape(frames, SUBSTEPS, -1).mean(1).astype(np.float32)
