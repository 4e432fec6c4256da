"""The data sets that a prepared folder comes from, of films or of moving faces."""

from __future__ import annotations

from pathlib import Path

from privtalk.core.json_files import read_json
from privtalk.core.origin import DatasetOrigin

CORPUS = "corpus.json"
"""File that both kinds of folders have."""


def origins(folder: Path) -> tuple[DatasetOrigin, ...]:
    """Returns the data sets of a folder, as ``corpus.json`` names them; none where it does not say.

    A damaged file says nothing here: whoever reads the corpus itself names the damage.
    """
    try:
        told = read_json(folder / CORPUS)
    except (OSError, ValueError):
        return ()
    if not isinstance(told, dict):
        return ()
    listed = told.get("datasets", [_of_faces(told)] if "layout" in told else [])
    try:
        return tuple(map(DatasetOrigin.model_validate, listed))
    except (ValueError, TypeError):
        return ()


def _of_faces(told: dict[str, object]) -> dict[str, object]:
    """The origin of moving faces, whose layouts have their data sets' names."""
    said = {key: told.get(key, "") for key in ("layout", "licence", "citation")}
    return {"name": told["layout"], **said}
