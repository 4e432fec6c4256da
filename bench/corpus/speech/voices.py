"""Who says it and how: voices, and utterances with exact phoneme times from espeak-ng.

Times are those of the library's phoneme events; a stop is moved from its release to the start of its closure.
`AUDIO_LEAD` and `AUDIO_TAIL` seconds of silence surround the speech.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, resample_poly

from privtalk.bench.corpus.clip import SAMPLE_RATE
from privtalk.bench.corpus.speech import espeak

World = Literal["public", "broad"]

AUDIO_LEAD = 0.12
AUDIO_TAIL = 0.24
SILENCE = "_"
"""Symbol of every pause."""
LOUDNESS = 0.08
"""Root mean square of what exceeds a twentieth of an utterance's peak; full scale is 1."""

ACCENTS = {
    "american": "gmw/en-US",
    "british": "gmw/en",
    "new-york": "gmw/en-US-nyc",
    "received": "gmw/en-GB-x-rp",
    "scottish": "gmw/en-GB-scotland",
    "lancaster": "gmw/en-GB-x-gbclan",
    "midlands": "gmw/en-GB-x-gbcwmd",
    "caribbean": "gmw/en-029",
}
"""Accent -> espeak voice file."""

ACCENT_WEIGHTS: dict[World, dict[str, float]] = {
    "public": {"american": 0.55, "british": 0.25, "new-york": 0.1, "received": 0.1},
    "broad": {
        "american": 0.16, "british": 0.12, "new-york": 0.06, "received": 0.06,
        "scottish": 0.16, "lancaster": 0.14, "midlands": 0.14, "caribbean": 0.16,
    },
}  # fmt: skip
RATE_RANGES: dict[World, tuple[int, int]] = {"public": (150, 185), "broad": (125, 215)}
"""Words a minute."""

VARIANTS = {
    "Andrea": 242, "Annie": 237, "Gene2": 114, "Henrique": 108, "Lee": 96, "Marco": 128, "Mario": 112,
    "Michael": 107, "Mike": 91, "Nguyen": 150, "anika": 266, "aunty": 174, "belinda": 227, "ed": 125,
    "edward": 101, "f1": 178, "f2": 195, "f3": 210, "f4": 179, "f5": 204, "grandma": 197, "klatt4": 102,
    "linda": 227, "m1": 93, "m2": 100, "m3": 105, "m4": 94, "m5": 102, "m7": 106, "m8": 85, "paul": 85,
    "quincy": 92, "rob": 122, "robert": 104, "shelby": 179, "steph": 184, "victor": 95,
}  # fmt: skip
"""Timbre (espeak variant) -> its measured median fundamental in hertz at pitch 50.

Variants that draw noise from the C library's generator (those with `klatt 6`) are left out: it cannot be seeded
without disturbing the process.
"""


class Phoneme(NamedTuple):
    """One sound."""

    symbol: str
    """espeak mnemonic without its stress mark, `SILENCE` for a pause."""
    start: float
    """Seconds from the start of the audio."""
    end: float
    """Seconds; the next phoneme's start."""
    stress: int = 0
    """0 none, 1 secondary, 2 primary (vowels only)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """The sound of a sentence, and what was said when."""

    text: str
    audio: NDArray[np.float32]
    """[S] mono, -1..1, at `SAMPLE_RATE`."""
    phonemes: tuple[Phoneme, ...]
    """In order, from 0 to the end of the audio without gaps."""

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.audio) / SAMPLE_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a person sounds."""

    accent: str
    """Key of `ACCENTS`."""
    variant: str
    """Key of `VARIANTS`: the timbre."""
    pitch: int
    """espeak's base pitch, 0..99; 50 is the variant's own."""
    pitch_range: int
    """espeak's pitch range, 0..99; 0 is monotone, 50 ordinary."""
    rate: int
    """Words a minute."""

    def __post_init__(self) -> None:
        for name, choice, valid in (("accent", self.accent, ACCENTS), ("variant", self.variant, VARIANTS)):
            if choice not in valid:
                raise ValueError(f"unknown {name} {choice!r}; choose one of {', '.join(valid)}")
        for name, value, low, high in (
            ("pitch", self.pitch, 0, 99),
            ("pitch_range", self.pitch_range, 0, 99),
            ("rate", self.rate, 80, 400),
        ):
            if not low <= value <= high:
                raise ValueError(f"voice {name} is {value}; it must lie in {low}..{high}")

    @property
    def fundamental(self) -> float:
        """Estimated median fundamental in hertz: espeak's pitch 20, 50, 80 scale it by 0.78, 1, 1.35."""
        return VARIANTS[self.variant] * float(np.exp((self.pitch - 50) * 0.0092))

    def attributes(self) -> dict[str, str]:
        """The attributes that splits and strata use: accent, rate class, pitch class.

        >>> Voice(accent="british", variant="f2", pitch=50, pitch_range=50, rate=200).attributes()
        {'accent': 'british', 'rate': 'fast', 'pitch': 'high'}
        """
        rate = "slow" if self.rate < 150 else "fast" if self.rate >= 185 else "medium"
        pitch = "low" if self.fundamental < 105 else "high" if self.fundamental >= 165 else "medium"
        return {"accent": self.accent, "rate": rate, "pitch": pitch}


def sample_voice(rng: np.random.Generator, world: World) -> Voice:
    """A person's voice. `broad` adds accents and widens the rates that `public` has."""
    accents = ACCENT_WEIGHTS[world]
    low, high = RATE_RANGES[world]
    return Voice(
        accent=str(rng.choice(list(accents), p=list(accents.values()))),
        variant=str(rng.choice(list(VARIANTS))),
        pitch=int(rng.integers(35, 66)),
        pitch_range=int(rng.integers(30, 81)),
        rate=int(rng.integers(low, high + 1)),
    )


def speak(text: str, voice: Voice) -> Utterance:
    """Says the text. The same text and voice give the same bytes, whatever was said before."""
    if not text.strip() or "\0" in text:
        raise ValueError(f"cannot speak {text!r}; give a text with at least one word and no NUL")
    rate, pcm, events = espeak.synthesise(
        text,
        voice=f"{ACCENTS[voice.accent]}+{voice.variant}",
        rate=voice.rate,
        pitch=voice.pitch,
        pitch_range=voice.pitch_range,
    )
    marks = _with_closures(pcm, events, rate)
    lead, tail = (np.zeros(round(seconds * SAMPLE_RATE), np.float32) for seconds in (AUDIO_LEAD, AUDIO_TAIL))
    audio = np.concatenate([lead, _levelled(_resampled(pcm, rate)), tail])
    return Utterance(text=text, audio=audio, phonemes=_tiled(marks, rate, len(audio) / SAMPLE_RATE))


_STOPS = ("p", "b", "t", "d", "k", "g", "?")
_QUIET = 30
"""16-bit amplitude under which espeak's output is a closure or a pause (it writes exact zeros, then echo)."""


def _with_closures(pcm: NDArray[np.int16], marks: list[espeak.Mark], rate: int) -> list[espeak.Mark]:
    """espeak marks a stop at its release: moves the mark to the start of the silent closure before it."""
    moved = [marks[0]] if marks else []
    for previous, mark in pairwise(marks):
        start = mark.sample
        if _bare(mark.name).startswith(_STOPS) and not previous.name.startswith("_"):
            floor = max(previous.sample, moved[-1].sample) + rate // 50
            loud = np.flatnonzero(np.abs(pcm[floor : mark.sample].astype(np.int32)) > _QUIET)
            start = min(start, floor + (int(loud[-1]) + 1 if len(loud) else 0))
        moved.append(mark._replace(sample=max(start, moved[-1].sample)))
    return moved


def _bare(name: str) -> str:
    return name.lstrip("',%=")


def _tiled(marks: list[espeak.Mark], rate: int, duration: float) -> tuple[Phoneme, ...]:
    """Marks in the library's samples become phonemes that cover 0..duration, surrounding pauses included."""
    starts = [0.0] + [AUDIO_LEAD + mark.sample / rate for mark in marks]
    names = [SILENCE] + [mark.name for mark in marks]
    tiled: list[Phoneme] = []
    for name, start, end in zip(names, starts, [*starts[1:], duration], strict=True):
        symbol = SILENCE if name.startswith("_") else _bare(name)
        if symbol == SILENCE and tiled and tiled[-1].symbol == SILENCE:
            tiled[-1] = tiled[-1]._replace(end=end)
        elif end > start:
            tiled.append(Phoneme(symbol, start, end, 2 if "'" in name else 1 if "," in name else 0))
    return tuple(tiled)


def _resampled(pcm: NDArray[np.int16], rate: int) -> NDArray[np.float32]:
    common = math.gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    scaled = pcm.astype(np.float32) / np.float32(32768)
    window: Any = _lowpass(max(up, down))
    return np.asarray(resample_poly(scaled, up, down, window=window), dtype=np.float32)


@cache
def _lowpass(factor: int) -> NDArray[np.float32]:
    """The filter that `resample_poly` would design anew for every utterance."""
    return np.asarray(firwin(20 * factor + 1, 1 / factor, window=("kaiser", 5.0)), dtype=np.float32)


def _levelled(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Brings what exceeds a twentieth of the peak to `LOUDNESS`, or the peak to 0.95 if that is less."""
    peak = float(np.abs(audio).max())
    voiced = audio[np.abs(audio) > peak / 20].astype(np.float64)
    if not len(voiced):  # nothing but zeros
        return audio
    return audio * np.float32(min(LOUDNESS / np.sqrt(np.mean(voiced**2)), 0.95 / peak))
