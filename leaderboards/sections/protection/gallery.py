"""The first owner's portrait and clips with sound, as every protection and the attackers leave them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from privtalk.leaderboards.board.views import View, home
from privtalk.leaderboards.escaping import file_name
from privtalk.leaderboards.sections.protection.protection_board import ProtectedRow, ProtectionBoard
from privtalk.leaderboards.sections.section import PagePlace

_ATTACKED = re.compile(r"^attacked/(?P<attacker>[a-z0-9_]+)/(?P<owner>[^/]+)\.mp4$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """The pictures and clips of a row; addresses are relative to the site, empty where there is nothing."""

    label: str
    at: str
    portrait: str
    """Clean, published, and eight times the difference."""
    clips: Mapping[str, str]
    """Attacker, as far as there is a clip -> video; the empty name is the published portrait as it is."""


def gallery(shown: ProtectionBoard, place: PagePlace) -> tuple[str, Sequence[Exhibit]]:
    """Returns the owner shown and the exhibits of the rows at the main budget, files copied into the site."""
    owners = [owner for found in shown.compared for owner in _owners(found)]
    if not owners:
        return "", ()
    owner = owners[0]
    made = [_exhibit(found, owner, place) for found in shown.compared]
    return owner, [exhibit for exhibit in made if exhibit.clips]


def _owners(found: ProtectedRow) -> list[str]:
    """The owners of whom attackers left clips."""
    return [
        match["owner"]
        for record in found.row.records
        for name in record.artifacts
        if (match := _ATTACKED.match(name))
    ]


def _exhibit(found: ProtectedRow, owner: str, place: PagePlace) -> Exhibit:
    base = place.site / "media" / place.slug / "protection" / file_name(f"{found.row.label} {found.row.at}")
    files: dict[str, Path] = {}
    for record in found.row.records:
        if isinstance(record, View) or home(record) not in place.runs.folders or files:
            continue
        folder = place.runs.folders[home(record)]
        for name, path in record.artifacts.items():
            if (folder / path).is_file():
                files[name] = folder / path

    def copied(name: str) -> str:
        if name not in files:
            return ""
        target = base / file_name(name)
        target = target.with_suffix(files[name].suffix)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files[name], target)
        return target.relative_to(place.site).as_posix()

    attacked = {
        match["attacker"]: copied(name)
        for name in files
        if (match := _ATTACKED.match(name)) and match["owner"] == owner
    }
    direct = {"": copied(f"clips/{owner}.mp4")} if f"clips/{owner}.mp4" in files else {}
    return Exhibit(
        label=found.row.label,
        at=found.row.at,
        portrait=copied(f"portraits/{owner}.png"),
        clips={**direct, **attacked},
    )
