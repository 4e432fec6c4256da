"""Names of files and folders that are made from other people's: what may stand, and how names stay apart."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath, PureWindowsPath

LONGEST_COMPONENT = 255
"""Bytes of one name that common file systems take."""

LONGEST = LONGEST_COMPONENT - len("-0000000.npz") - len(".4194304.part")
"""Bytes of an utterance's name: a clip's number, a suffix and a writer's number stand behind it."""

INVISIBLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of what a terminal obeys, what breaks a line and what is not text at all."""

TURNING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction in which others are shown."""


def unnameable(name: str) -> str | None:
    """Why `name` cannot stand as one file or folder inside another; None where it can."""
    if not name or name.startswith(".") or any(c in name for c in "/\\\0"):
        return "it must not be empty, start with a dot or hold a slash"
    if any("\ud800" <= c <= "\udfff" for c in name):
        return "it must be UTF-8"
    if any(unicodedata.category(c) in INVISIBLE for c in name):
        return "it must not hold control characters or line breaks"
    if PureWindowsPath(name).drive:
        return "it must not start with a drive"
    if len(name.encode()) > LONGEST_COMPONENT:
        return f"it must not have more than {LONGEST_COMPONENT} bytes"
    return None


def fold(name: str) -> str:
    """The form of a name that two share which some disk takes for one, whatever the letters' case and form.

    >>> fold("Jose\\u0301") == fold("JOS\\u00c9")
    True
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())


def fold_folder(name: str) -> str:
    """`fold` of a name without a suffix, whose dots and spaces at the end some disk drops."""
    return fold(name).rstrip(". ")


def shown(text: str | os.PathLike[str]) -> str:
    r"""Text for a terminal or a table: what cannot be seen, or would be obeyed, as an escape.

    >>> print(shown("Andr\udce9\x1b[1m"))
    Andr\xe9\x1b[1m
    """
    return "".join(
        _escape(c) if unicodedata.category(c) in INVISIBLE or c in TURNING else c for c in os.fspath(text)
    )


def readable(path: PurePath) -> str:
    """A path as text that JSON takes: bytes that are not UTF-8 as escapes."""
    return path.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _escape(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def utterances(paths: Sequence[PurePath]) -> list[str]:
    """A name for each path below one identity's folder, no two alike on any disk.

    A path's name is its parts with dashes between them: ``b/c.mp4`` is ``b-c``, and ``b-c-mp4`` where another file
    has that name too. What is alike even so, too long, or cannot stand as a name, gets a hash of its path.
    """
    plain = ["-".join([*path.parts[:-1], path.stem]) for path in paths]
    shared = Counter(map(fold, plain))
    wanted = [
        f"{name}-{path.suffix[1:].lower()}" if shared[fold(name)] > 1 else name
        for name, path in zip(plain, paths, strict=True)
    ]
    return _apart(wanted, paths)


def _apart(wanted: Sequence[str], paths: Sequence[PurePath]) -> list[str]:
    """The names that are wanted once and can stand; hashed ones for the others."""
    count = Counter(map(fold, wanted))
    good = [
        count[fold(name)] == 1 and unnameable(name) is None and len(name.encode()) <= LONGEST
        for name in wanted
    ]
    taken = {fold(name) for name, kept in zip(wanted, good, strict=True) if kept}
    return [
        name if kept else _hashed(name, path, taken)
        for name, path, kept in zip(wanted, paths, good, strict=True)
    ]


def _hashed(name: str, path: PurePath, taken: set[str]) -> str:
    """The part of a name that can stand, with a hash of its path; enters it into `taken`."""
    origin = os.fsencode(path)
    while True:
        digest = _digest(origin)
        found = _cleaned(name, LONGEST - len(digest) - 1) + digest
        if fold(found) not in taken:
            taken.add(fold(found))
            return found
        origin += b"\0"


def _cleaned(name: str, size: int) -> str:
    """At most `size` bytes of a name, and a dash: underscores in place of what cannot stand."""
    clean = "".join("_" if c in "/\\:" or unicodedata.category(c) in INVISIBLE else c for c in name)
    kept = clean.lstrip(".").encode()[:size].decode(errors="ignore")
    return f"{kept}-" if kept else ""


def distinct(names: Sequence[str], origins: Sequence[PurePath]) -> list[str]:
    """The names, those that come twice with a hash of what they stand for."""
    count = Counter(names)
    if len(count) == len(names):
        return list(names)
    return distinct(
        [
            f"{name} [{_digest(os.fsencode(origin))}]" if count[name] > 1 else name
            for name, origin in zip(names, origins, strict=True)
        ],
        origins,
    )


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=6).hexdigest()
