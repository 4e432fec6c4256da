"""The layout of VoxCeleb2: films and their sound in two trees, people by number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

from privtalk.bench.corpus.video.layouts.layout import FEMALE, MALE, FilmLayout, FilmPlace, LaidOutPerson
from privtalk.bench.corpus.video.layouts.tables import read_rows
from privtalk.core.errors import UserError

PERSON = re.compile(r"id\d{5}")
TABLE = "vox2_meta.csv"
ID, GENDER = "VoxCeleb2 ID", "Gender"
SEXES = {"m": MALE, "f": FEMALE}


class VoxCeleb2Layout(FilmLayout):
    """VoxCeleb2: interviews of celebrities by the official parts."""

    name: ClassVar[str] = "voxceleb2"
    about: ClassVar[str] = (
        f"dev|test/mp4/<idXXXXX>/<video>/<number>.mp4, sound in dev|test/aac/.../<number>.m4a; {TABLE} tells the sex"
    )
    dataset: ClassVar[str] = "VoxCeleb2"
    licence: ClassVar[str] = "CC BY 4.0 (its lists; the films are YouTube's)"
    citation: ClassVar[str] = "Chung et al., VoxCeleb2: Deep Speaker Recognition, INTERSPEECH 2018"
    version: ClassVar[str] = "2018"
    split: ClassVar[str] = "test is held out, as the official one says"

    def place(self, path: PurePosixPath) -> FilmPlace | None:
        """Returns the person, the utterance and where its sound may be."""
        parts = path.parts
        if len(parts) != 5 or parts[0] not in ("dev", "test") or parts[1] != "mp4":
            return None
        if path.suffix.lower() != ".mp4" or not PERSON.fullmatch(parts[2]):
            return None
        sound = PurePosixPath(parts[0], "aac", *parts[2:]).with_suffix(".m4a")
        return FilmPlace(
            identity=parts[2],
            utterance=PurePosixPath(*parts[3:]),
            sounds=(sound, path.with_suffix(".m4a")),
            role="heldout" if parts[0] == "test" else "",
        )

    def people(self, folder: Path) -> Mapping[str, LaidOutPerson]:
        """Returns the sex of everybody in the table, if it is there."""
        path = folder / TABLE
        if not path.is_file():
            return {}
        found = {}
        for row in read_rows(path):
            if ID not in row or GENDER not in row:
                raise UserError(f"{path}: no columns {ID!r} and {GENDER!r}; take the table of its authors")
            if row[GENDER] in SEXES:
                found[row[ID]] = LaidOutPerson({"sex": SEXES[row[GENDER]]})
        return found
