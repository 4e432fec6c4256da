"""JSON files that nobody vouches for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DEEPEST = 40
"""Levels of lists and objects in a file: several times what any of ours has."""
LARGEST = 1e100
"""Size of a number in a file: the squares of such numbers can still be summed."""


def read_json(path: Path) -> Any:
    """The content of a JSON file, of bounded depth, with finite numbers and text that can be written again.

    Raises `ValueError` for anything else, in a line that says why and does not name the file.
    """
    try:
        if not path.is_file():
            raise ValueError("no such file")
        value = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_no_number)
    except OSError as error:
        raise ValueError(error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8") from error
    except RecursionError as error:
        raise ValueError(f"nested deeper than {DEEPEST} levels") from error
    if fault := fault_of(value):
        raise ValueError(fault)
    return value


def fault_of(value: Any) -> str:
    """The fault that makes a JSON value unfit to be worked with; empty where there is none.

    >>> fault_of({"a": [1, 2.5, None, "text"]}), fault_of([float("inf")])
    ('', 'holds a number beyond 1e+100')
    """
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > DEEPEST:
            return f"nested deeper than {DEEPEST} levels"
        if isinstance(item, dict):
            pending += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            pending += [(part, depth + 1) for part in item]
        elif fault := _leaf_fault(item):
            return fault
    return ""


def _leaf_fault(item: Any) -> str:
    if isinstance(item, str):
        return "" if item.isascii() or _encodable(item) else "holds text that is not Unicode"
    if isinstance(item, int | float) and not abs(item) <= LARGEST:
        return f"holds a number beyond {LARGEST:g}"
    return ""


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _no_number(name: str) -> float:
    raise ValueError(f"holds {name}, which is no number")
