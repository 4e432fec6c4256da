"""The files that layouts share: arrays, templates, regions and what a user says about a folder. No pickle is opened."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from privtalk.bench.corpus.mesh.layouts.meshes import read_vertices
from privtalk.bench.corpus.mesh.layouts.recordings import Floats, MeshFault, MeshRegions
from privtalk.bench.corpus.prepared.archive import DAMAGE
from privtalk.bench.corpus.prepared.names import shown
from privtalk.core.errors import UserError
from privtalk.core.frozen import Frozen

ABOUT = "about.json"
REGIONS = "regions.json"
MESHES = (".npy", ".ply", ".obj")
LARGEST_JSON = 2**28
"""Bytes of a table that is read."""


class MeshNotes(Frozen):
    """``about.json``: what a user says of data whose layout leaves it open."""

    fps: float = Field(30.0, gt=0, lt=1000)
    unit: str = "unknown"
    millimetres: float | None = Field(None, gt=0)
    """Millimetres in a unit."""
    test: tuple[str, ...] = ()
    """Sentences that training people are tested with, and nobody trains on."""
    strangers: tuple[str, ...] = ()
    """People whom nobody trains on."""


def read_notes(folder: Path) -> MeshNotes:
    """Returns the content of a folder's ``about.json``, or what holds without one."""
    path = folder / ABOUT
    if not path.is_file():
        return MeshNotes()
    try:
        return MeshNotes.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "all of it"
        raise UserError(f"{shown(path)}: {shown(place)}: {first['msg']}") from error


def absent(folder: Path, needed: Sequence[str]) -> str | None:
    """Returns why a folder lacks what a layout needs, with the folder below it that has it; None where it has all."""
    missing = [name for name in needed if not (folder / name).exists()]
    if not missing:
        return None
    for below in sorted(path for path in folder.iterdir() if path.is_dir()):
        if all((below / name).exists() for name in needed):
            return f"{missing[0]} stands one level below; name {shown(below)}"
    return f"no {missing[0]} in it"


def unasked(folder: Path) -> str | None:
    """Returns why ``about.json`` cannot stand beside data that say all about themselves."""
    found = (folder / ABOUT).exists()
    return f"its rate, unit and split are the data set's; remove {ABOUT}" if found else None


def open_array(path: Path) -> NDArray[Any]:
    """Returns the numbers of an .npy file, mapped and not read."""
    try:
        array = npy.open_memmap(path, mode="r")
    except DAMAGE as error:
        raise MeshFault("not a readable .npy file of plain numbers", path.name) from error
    if array.dtype.kind not in "fiu":
        raise MeshFault("not an .npy file of numbers", f"{path.name}: {array.dtype}")
    return array


def read_motion(path: Path, every: int = 1) -> Floats:
    """Returns vertices [T, V, 3] of an .npy file of [T, V * 3] or [T, V, 3]; `every` second frame, where it is 2."""
    array = open_array(path)
    if array.ndim == 2 and array.shape[1] % 3 == 0:
        array = array.reshape(len(array), array.shape[1] // 3, 3)
    if array.ndim != 3 or array.shape[2] != 3:
        raise MeshFault("the motion is not [T, V * 3]", f"{list(array.shape)}")
    return np.array(array[::every], dtype=np.float32)


def read_table(path: Path) -> Any:
    """Returns the content of a JSON file; a `MeshFault` where it is none."""
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise MeshFault("the JSON file is larger than any that is read", path.name)
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, MeshFault):
            raise
        raise MeshFault("not a readable JSON file", path.name) from error


class MeshTemplates:
    """The faces at rest in ``templates.npz`` or ``templates/``, all of one number of vertices."""

    def __init__(self, folder: Path, vertices: int | None = None) -> None:
        self.faults: dict[str, MeshFault] = {}
        """Person -> why there is no template."""
        found = self._archive(folder) if (folder / "templates.npz").is_file() else self._single(folder)
        counts = Counter(len(points) for points in found.values())
        self.vertices = vertices or (counts.most_common(1)[0][0] if counts else 0)
        self.points = {name: points for name, points in found.items() if len(points) == self.vertices}
        for name in found.keys() - self.points.keys():
            told = f"{len(found[name])}, not {self.vertices}"
            self.faults[name] = MeshFault("the template has another number of vertices", told)

    def check(self, identity: str) -> None:
        """Raises unless a person has a template."""
        if identity not in self.points:
            raise self.faults.get(identity, MeshFault("no template of the person", identity))

    def _archive(self, folder: Path) -> dict[str, Floats]:
        try:
            return self._kept(read_npz(folder / "templates.npz"))
        except DAMAGE as error:
            raise UserError(
                f"{shown(folder / 'templates.npz')}: not an .npz file of plain numbers"
            ) from error

    def _single(self, folder: Path) -> dict[str, Floats]:
        found: dict[str, NDArray[Any]] = {}
        for path in sorted((folder / "templates").glob("*")):
            if path.suffix.lower() in MESHES:
                try:
                    found[path.stem] = open_array(path) if path.suffix == ".npy" else read_vertices(path)
                except MeshFault as fault:
                    self.faults[path.stem] = fault
        return self._kept(found)

    def _kept(self, found: dict[str, NDArray[Any]]) -> dict[str, Floats]:
        kept: dict[str, Floats] = {}
        for name, array in found.items():
            if (
                array.dtype.kind not in "fiu"
                or array.size % 3
                or not array.size
                or not np.isfinite(array).all()
            ):
                self.faults[name] = MeshFault("the template is not [V, 3] finite numbers", name)
            else:
                kept[name] = np.array(array, dtype=np.float32).reshape(-1, 3)
        return kept


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Returns the arrays of an .npz file of plain numbers; raises one of `DAMAGE` where it is none."""
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def templates_absent(folder: Path) -> str | None:
    """Returns what to supply in place of templates that are missing or pickled; None where they are there."""
    if (folder / "templates.npz").is_file() or (folder / "templates").is_dir():
        return None
    wanted = "save templates.npz (an array [V, 3] a person, by name) or templates/<person>.npy, .ply or .obj"
    if (folder / "templates.pkl").exists():
        return f"templates.pkl is a pickle, which is never opened; {wanted}"
    return f"no templates in it; {wanted}"


def read_regions(folder: Path, vertices: int) -> MeshRegions:
    """Returns the regions in the folder's ``regions.json``, or the one beside the folder."""
    path = next((p for p in (folder / REGIONS, folder.parent / REGIONS) if p.is_file()), None)
    if path is None:
        raise UserError(
            f"{shown(folder)}: no {REGIONS} in it; metrics need the vertices of the face's parts: supply "
            f'{{"lips": [...], "upper": [...], "eyes": [...]}}, numbers from 0 to {vertices - 1}'
        )
    try:
        table = read_table(path)
    except MeshFault as fault:
        raise UserError(f"{shown(path)}: {fault.reason}") from fault
    return MeshRegions(**{name: _region(path, table, name, vertices) for name in ("lips", "upper", "eyes")})


def _region(path: Path, table: Any, name: str, vertices: int) -> NDArray[np.intp]:
    numbers = table.get(name) if isinstance(table, dict) else None
    whole = isinstance(numbers, list) and all(type(k) is int and 0 <= k < vertices for k in numbers)
    if not whole or not numbers or len(set(numbers)) < len(numbers):
        raise UserError(
            f"{shown(path)}: {name} must list numbers of vertices, each once, from 0 to {vertices - 1}"
        )
    return np.array(sorted(numbers), dtype=np.intp)
