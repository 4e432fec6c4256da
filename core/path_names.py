"""Names that stand in paths, made so that two names never share one."""

from __future__ import annotations

import hashlib
import re
import unicodedata

PLAIN = re.compile(r"[a-z0-9_][a-z0-9_.-]*")
"""Names that every file system keeps apart: no capitals (some fold them), no accents (some compose them), no marks."""

LONGEST = 100
"""Characters of a plain name; file systems allow 255 bytes, of which a suffix and a temporary ending need some."""

RESERVED = frozenset({"con", "prn", "aux", "nul"}) | {
    f"{port}{k}" for port in ("com", "lpt") for k in range(10)
}
"""File names that Windows takes for devices, whatever their suffix."""

MARK = "~"
"""Stands before the hash, and in no plain name."""


def path_name(name: str) -> str:
    """A name of letters, digits, `_`, `.` and `-` for a path; distinct names keep distinct ones.

    A plain name stays as it is. Any other is spelled as near as can be, with a hash of the whole name behind it, so
    that "a b" and "a_b", "Ann" and "ann", and two spellings of "é" stay apart on every file system.

    >>> path_name("clients-00001"), path_name("Ann B/1")
    ('clients-00001', 'ann_b_1~96aa2d09b2')
    """
    if is_plain(name):
        return name
    spelled = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    kept = re.sub(r"[^a-z0-9_.-]", "_", spelled).strip(".")[:LONGEST] or "_"
    kept = f"_{kept}" if _is_device(kept) else kept
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return f"{kept}{MARK}{digest}"


def is_plain(name: str) -> bool:
    """Whether a name can stand in a path as it is."""
    whole = PLAIN.fullmatch(name) is not None and len(name) <= LONGEST and not name.endswith(".")
    return whole and not _is_device(name)


def _is_device(name: str) -> bool:
    return name.partition(".")[0] in RESERVED
