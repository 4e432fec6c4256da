"""The layout of MEAD: actors filmed from seven sides in eight emotions of three intensities."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import ClassVar

from privtalk.bench.corpus.video.layouts.layout import FEMALE, MALE, FilmLayout, FilmPlace, PassedOver

PERSON = re.compile(r"([MW])\d{3}")
LEVEL = re.compile(r"level_(\d)")
FRONT = "front"
SOUNDS = (".m4a", ".wav")


class MeadLayout(FilmLayout):
    """MEAD: the films from the front, with the sound of its own folder where that is there."""

    name: ClassVar[str] = "mead"
    about: ClassVar[str] = (
        "M003/video/front/angry/level_1/001.mp4, sound in M003/audio/angry/level_1/001.m4a; other views are passed over"
    )
    dataset: ClassVar[str] = "MEAD"
    licence: ClassVar[str] = "by agreement with its authors, for research"
    citation: ClassVar[str] = (
        "Wang et al., MEAD: A Large-scale Audio-visual Dataset for Emotional Talking-face Generation, ECCV 2020"
    )
    version: ClassVar[str] = "2020"
    split: ClassVar[str] = "none"

    def place(self, path: PurePosixPath) -> FilmPlace | PassedOver | None:
        """Returns the person, the emotion and its intensity."""
        parts = path.parts
        if len(parts) != 6 or parts[1] != "video" or path.suffix.lower() != ".mp4":
            return None
        person, level = PERSON.fullmatch(parts[0]), LEVEL.fullmatch(parts[4])
        if person is None or level is None:
            return None
        if parts[2] != FRONT:
            return PassedOver(reason="seen from another side, the same moments as from the front")
        said = PurePosixPath(*parts[3:])
        return FilmPlace(
            identity=parts[0],
            utterance=said,
            sounds=tuple((PurePosixPath(parts[0], "audio") / said).with_suffix(end) for end in SOUNDS),
            attributes={"emotion": parts[3], "intensity": level[1]},
            person={"sex": MALE if person[1] == "M" else FEMALE, "language": "english"},
        )
