"""The layout of LRS3: a folder a part, a folder a TED talk, a film and its words an utterance."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import ClassVar

from privtalk.bench.corpus.video.layouts.layout import FilmLayout, FilmPlace, FilmRole

ROLES: dict[str, FilmRole] = {"pretrain": "public", "trainval": "", "test": "heldout"}


class Lrs3Layout(FilmLayout):
    """LRS3: utterances of TED and TEDx talks by their official parts."""

    name: ClassVar[str] = "lrs3"
    about: ClassVar[str] = "pretrain|trainval|test/<talk>/<number>.mp4"
    dataset: ClassVar[str] = "LRS3-TED"
    licence: ClassVar[str] = "by agreement with its authors, for research; TED's talks are CC BY-NC-ND 4.0"
    citation: ClassVar[str] = (
        "Afouras et al., LRS3-TED: a large-scale dataset for visual speech recognition, 2018"
    )
    version: ClassVar[str] = "0.4"
    split: ClassVar[str] = (
        "test is held out; who is in pretrain alone is public; who is in trainval trains, and of them pretrain is left "
        "aside, for both parts may show the same moments"
    )

    def place(self, path: PurePosixPath) -> FilmPlace | None:
        """Returns the talk, which stands for the person, and the utterance."""
        if len(path.parts) != 3 or path.parts[0] not in ROLES or path.suffix.lower() != ".mp4":
            return None
        part, talk, film = path.parts
        return FilmPlace(
            identity=talk,
            utterance=PurePosixPath(film),
            attributes={"part": part},
            person={"language": "english"},
            role=ROLES[part],
        )
