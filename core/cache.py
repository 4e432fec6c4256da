"""Files that can be made again: found by the hash of what they depend on, verified by the hash of what they hold.

A cached file is a safetensors file with its sha256 beside it, each written to a temporary name and renamed. A file
that was cut short, altered or left without its hash does not pass `verified` and is made again over the old one.
Two processes that make the same file make the same bytes, so neither can harm the other.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privtalk.core.files import file_hash, partial, write_atomic

VARIABLE = "PRIVTALK_CACHE"
"""Environment variable that moves the cache."""


def cache_folder() -> Path:
    """The folder in which caches lie: `$PRIVTALK_CACHE`, or the user's cache folder."""
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    import platformdirs

    return Path(platformdirs.user_cache_dir("privtalk-bench", appauthor=False))


def content_hash(value: Any, size: int = 8) -> str:
    """Hexadecimal blake2b of a value's canonical JSON: the order of keys does not matter.

    >>> content_hash({"a": 1, "b": [2.0]}) == content_hash({"b": [2.0], "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=size).hexdigest()


def write_tensors(
    path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> None:
    """The hash, then the file, each whole or not at all."""
    from safetensors.numpy import save

    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    # safetensors writes several entries in random order; one entry keeps equal content at equal bytes
    data = save(whole, {"notes": json.dumps(dict(metadata or {}), sort_keys=True)})
    with partial(path) as part:
        # written here: `save_file` leaves a file of a random name behind when it is killed
        part.write_bytes(data)
        write_atomic(_hash_path(path), file_hash(part) + "\n")


def verified(path: Path) -> bool:
    """Whether the file is there and holds what was written."""
    try:
        promised = _hash_path(path).read_text(encoding="ascii").strip()
        return file_hash(path) == promised
    except (OSError, UnicodeDecodeError):
        return False


def read_tensors(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """The named tensors of a file (all, where none is named)."""
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as file:
        return {name: file.get_tensor(name) for name in (names or file.keys())}


def tensor_shape(path: Path, name: str) -> tuple[int, ...]:
    """The shape of one tensor of a file, from its header alone."""
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as file:
        return tuple(file.get_slice(name).get_shape())


def read_metadata(path: Path) -> dict[str, str]:
    """A file's metadata."""
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as file:
        notes: dict[str, str] = json.loads((file.metadata() or {}).get("notes", "{}"))
        return notes


def _hash_path(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
