"""The layout of HDTF: clips in one folder, named by video and number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

from privtalk.bench.corpus.video.layouts.layout import FilmLayout, FilmPlace, LaidOutPerson
from privtalk.bench.corpus.video.layouts.tables import read_lines

NAME = re.compile(
    r"(?:(?P<weekly>WDA|WRA)_(?P<person>[A-Za-z]+(?:[-'][A-Za-z]+)*)\d*|(?:RD_)?(?P<radio>Radio\d+))(?:_\d+)+"
)
PARTIES = {"WDA": "democratic", "WRA": "republican"}


def hdtf_identity(stem: str) -> str | None:
    """Returns the person of a clip's name; None where it is none of HDTF's.

    The number behind a politician's name is the video's, so that several videos are one person. Radio videos do not
    say who speaks: each counts as a person of its own.

    >>> hdtf_identity("WDA_BenCardin1_000"), hdtf_identity("RD_Radio10_000"), hdtf_identity("Radio11_1")
    ('WDA_BenCardin', 'RD_Radio10', 'RD_Radio11')
    """
    named = NAME.fullmatch(stem)
    if named is None:
        return None
    return f"{named['weekly']}_{named['person']}" if named["weekly"] else f"RD_{named['radio']}"


class HdtfLayout(FilmLayout):
    """HDTF: politicians' weekly addresses and radio hosts, in high definition."""

    name: ClassVar[str] = "hdtf"
    about: ClassVar[str] = (
        "RD_Radio10_000.mp4, WDA_<person><video>_<clip>.mp4, WRA_... in SRC; test.txt lists held-out clips or videos"
    )
    dataset: ClassVar[str] = "HDTF"
    licence: ClassVar[str] = (
        "none stated for the lists; the films are YouTube's, for research at one's own risk"
    )
    citation: ClassVar[str] = (
        "Zhang et al., Flow-Guided One-Shot Talking Face Generation With a High-Resolution Audio-Visual Dataset, "
        "CVPR 2021"
    )
    version: ClassVar[str] = "2021"
    split: ClassVar[str] = (
        "none by its authors; who stands in test.txt with all clips that lists name, is held out"
    )

    def place(self, path: PurePosixPath) -> FilmPlace | None:
        """Returns the person and clip of a name."""
        identity = hdtf_identity(path.stem)
        if identity is None or len(path.parts) > 1:
            return None
        group = identity.partition("_")[0]
        party = {"party": PARTIES[group]} if group in PARTIES else {}
        return FilmPlace(
            identity=identity, utterance=path, person={"group": group, "language": "english", **party}
        )

    def people(self, folder: Path) -> Mapping[str, LaidOutPerson]:
        """Returns who is held out by lists of clips."""
        listed = {
            part: {identity for line in read_lines(path) if (identity := _listed(line))}
            for part in ("train", "test")
            if (path := folder / f"{part}.txt").is_file()
        }
        heldout = listed.get("test", set()) - listed.get("train", set())
        return {identity: LaidOutPerson(role="heldout") for identity in heldout}


def _listed(line: str) -> str | None:
    """The person of a line of a list, which names a clip, with or without a suffix, or a video."""
    stem = PurePosixPath(line.split()[0]).name.removesuffix(".mp4")
    return hdtf_identity(stem) or hdtf_identity(f"{stem}_0")
