"""The layout of GRID: talkers by number, a film a sentence of six words."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import ClassVar

from privtalk.bench.corpus.video.layouts.layout import FEMALE, MALE, FilmLayout, FilmPlace

TALKER = re.compile(r"s([1-9]|[12]\d|3[0-4])")
PACKED = re.compile(r"s\d+\.mpg_(?:vcd|6000\.part\d)")
SENTENCE = re.compile(r"[blps][bgrw][abiw][a-z][1-9sz][anps]")
WOMEN = frozenset({4, 7, 11, 15, 16, 18, 20, 21, 22, 23, 24, 25, 29, 31, 33, 34})
BELOW = ((), ("video",), ("video", "mpg_6000"), ("video", "mpg_vcd"))


class GridLayout(FilmLayout):
    """GRID: 33 talkers with a thousand sentences each of a small grammar."""

    name: ClassVar[str] = "grid"
    about: ClassVar[str] = (
        "s1/bbaf2n.mpg, s1/video/mpg_6000/bbaf2n.mpg or s1.mpg_6000.part1/s1/video/...; sound in the film, or in "
        "s1/audio/ or audio_25k/s1/"
    )
    dataset: ClassVar[str] = "GRID"
    licence: ClassVar[str] = "CC BY 4.0"
    citation: ClassVar[str] = (
        "Cooke et al., An audio-visual corpus for speech perception and automatic speech recognition, JASA 120, 2006"
    )
    version: ClassVar[str] = "2006"
    split: ClassVar[str] = "none"

    def place(self, path: PurePosixPath) -> FilmPlace | None:
        """Returns the talker and the sentence."""
        parts = path.parts[1:] if PACKED.fullmatch(path.parts[0]) else path.parts
        talker = TALKER.fullmatch(parts[0]) if parts else None
        if talker is None or parts[1:-1] not in BELOW or not SENTENCE.fullmatch(path.stem):
            return None
        if path.suffix.lower() not in (".mpg", ".mp4", ".avi"):
            return None
        heard = PurePosixPath(f"{path.stem}.wav")
        return FilmPlace(
            identity=parts[0],
            utterance=PurePosixPath(path.name),
            sounds=(PurePosixPath(parts[0], "audio") / heard, PurePosixPath("audio_25k", parts[0]) / heard),
            person={"sex": FEMALE if int(talker[1]) in WOMEN else MALE, "language": "english"},
        )
