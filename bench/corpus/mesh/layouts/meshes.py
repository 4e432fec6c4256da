"""The vertices of .ply and .obj files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.mesh.layouts.recordings import MeshFault

TYPES = {
    "char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4", "float": "f4",
    "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4",
    "float32": "f4", "float64": "f8",
}  # fmt: skip
"""Types of .ply -> those of numpy."""
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">"}
AXES = ["x", "y", "z"]


def read_vertices(path: Path) -> NDArray[np.float64]:
    """Returns the vertices [V, 3] of a .ply or .obj file in the order of the file."""
    try:
        data = path.read_bytes()
        points = _ply(data) if path.suffix.lower() == ".ply" else _obj(data)
    except (OSError, ValueError, LookupError, TypeError, StopIteration) as error:
        raise MeshFault("not a readable .ply or .obj file", path.name) from error
    return points


def _obj(data: bytes) -> NDArray[np.float64]:
    rows = [line.split()[1:4] for line in data.splitlines() if line.startswith(b"v ")]
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _ply(data: bytes) -> NDArray[np.float64]:
    head, mark, body = data.partition(b"end_header")
    lines = [line.split() for line in head.decode("ascii").splitlines() if line.strip()]
    if not mark or lines[0] != ["ply"]:
        raise ValueError("no head")
    kind = next(line[1] for line in lines if line[0] == "format")
    first = next(k for k, line in enumerate(lines) if line[0] == "element")
    if lines[first][1] != "vertex":
        raise ValueError("the vertices do not come first")
    fields: list[tuple[str, str]] = []
    for line in lines[first + 1 :]:
        if line[0] == "element":
            break
        if line[0] == "property":
            fields.append((line[2], TYPES[line[1]]))
    return _points(kind, body[body.index(b"\n") + 1 :], int(lines[first][2]), fields)


def _points(kind: str, body: bytes, count: int, fields: list[tuple[str, str]]) -> NDArray[np.float64]:
    names = [name for name, _ in fields]
    columns = [names.index(axis) for axis in AXES]
    if kind == "ascii":
        rows = np.array([line.split() for line in body.splitlines()[:count]], dtype=np.float64)
        if len(rows) < count:
            raise ValueError("cut short")
        return rows[:, columns]
    packed = np.dtype([(name, ORDERS[kind] + kept) for name, kept in fields])
    table = np.frombuffer(body, packed, count)
    return np.stack([table[axis].astype(np.float64) for axis in AXES], axis=1)
