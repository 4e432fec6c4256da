"""Suites from files: those of the package by name, and anybody's by path."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from privtalk.bench.suites.expansion import explain, merged
from privtalk.bench.suites.schema import Suite
from privtalk.core.errors import UserError, unknown

SUFFIXES = (".yaml", ".yml")
EXTENDS = "extends"
DEEPEST = 8
"""Most suites that extend one another in a row: more is a circle."""


def names() -> list[str]:
    """Returns the names of the package's own suites."""
    folder = files("privtalk.bench.suites")
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def load(name: str) -> Suite:
    """Returns a suite by its name, or from a YAML file of one's own.

    A file that says `extends: NAME` (or a path beside it) holds only what differs: settings and presets are merged,
    `grids` and `seeds` stand in place of the others.
    """
    tree = _extended(name, Path(), DEEPEST)
    try:
        return Suite.model_validate(tree)
    except ValidationError as error:
        raise UserError(f"suite {name}: {explain(error, Suite)}") from error


def is_file(name: str) -> bool:
    """Whether a suite is named by its file."""
    return name.endswith(SUFFIXES)


def _extended(name: str, beside: Path, deepest: int) -> dict[str, Any]:
    if not deepest:
        raise UserError(f"suite {name}: suites extend one another in a circle; leave out one `{EXTENDS}`")
    path = beside / name if is_file(name) else None
    own = _read(name, path)
    base = own.pop(EXTENDS, None)
    if base is None:
        return own
    if not isinstance(base, str):
        raise UserError(f"suite {name}: {EXTENDS} is {base!r}; write one suite's name, or a YAML file's")
    below = _extended(base, path.parent if path else Path(), deepest - 1)
    return merged(below, {"name": _default_name(name)} | own)


def _read(name: str, path: Path | None) -> dict[str, Any]:
    """A suite's file as a tree."""
    if path is None:
        known = names()
        if name not in known:
            raise unknown("suite", name, [*known, "or a file such as my.yaml"])
        text = (files("privtalk.bench.suites") / f"{name}.yaml").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text in UTF-8"
            raise UserError(f"suite {path}: {reason}; name a YAML file (docs/extend/suite.md)") from error
    try:
        tree = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"suite {name}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(tree, Mapping):
        raise UserError(f"suite {name}: holds no settings; begin with `{EXTENDS}: NAME` or `task: NAME`")
    return dict(tree) if path is None else {"name": _default_name(name)} | dict(tree)


def _default_name(name: str) -> str:
    return Path(name).stem
