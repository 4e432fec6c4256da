"""The layout of films of one's own: one folder an identity."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar, get_args

from privtalk.bench.corpus.video.layouts.layout import FilmLayout, FilmPlace, FilmRole, LaidOutPerson
from privtalk.bench.corpus.video.layouts.tables import read_rows
from privtalk.core.errors import UserError

TABLE = "people.csv"
IDENTITY, ROLE = "identity", "role"
ROLES: tuple[FilmRole, ...] = get_args(FilmRole)


class FoldersLayout(FilmLayout):
    """Folders of films of people, laid out by whoever filmed them."""

    name: ClassVar[str] = "folders"
    about: ClassVar[str] = (
        f"<identity>/**/<film>; {TABLE} may tell of people: identity, role (public, heldout or empty), attributes"
    )
    dataset: ClassVar[str] = ""
    licence: ClassVar[str] = ""
    citation: ClassVar[str] = ""
    version: ClassVar[str] = ""
    split: ClassVar[str] = f"none, but for the roles in {TABLE}"

    def place(self, path: PurePosixPath) -> FilmPlace | None:
        """Returns the first folder as the person, and the rest of the path as the utterance."""
        if len(path.parts) < 2:
            return None
        return FilmPlace(identity=path.parts[0], utterance=PurePosixPath(*path.parts[1:]))

    def people(self, folder: Path) -> Mapping[str, LaidOutPerson]:
        """Returns what the user tells of people."""
        path = folder / TABLE
        rows = list(read_rows(path)) if path.is_file() else []
        if rows and IDENTITY not in rows[0]:
            raise UserError(f"{path}: no column {IDENTITY!r}; name the people in one")
        return {row[IDENTITY]: _told(path, row) for row in rows}


def _told(path: Path, row: Mapping[str, str]) -> LaidOutPerson:
    role = next((role for role in ROLES if role == row.get(ROLE, "")), None)
    if role is None:
        raise UserError(f"{path}: role {row[ROLE]!a} is not public, heldout or empty; write one of these")
    told = {key: value for key, value in row.items() if key not in (IDENTITY, ROLE) and value}
    return LaidOutPerson(told, role)
