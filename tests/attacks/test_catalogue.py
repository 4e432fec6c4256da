"""The catalogue holds every declaration that there is, each once and under its own name."""

from __future__ import annotations

import importlib
import pkgutil

from privtalk import attacks
from privtalk.attacks.catalogue import CATALOGUE, _all
from privtalk.attacks.declaration import Declaration


def declared() -> set[str]:
    """Names of all declarations that stand in the modules of the package, alone or in an attack."""
    found = set()
    for module in pkgutil.walk_packages(attacks.__path__, "privtalk.attacks."):
        for value in vars(importlib.import_module(module.name)).values():
            value = getattr(value, "declaration", value)
            if isinstance(value, Declaration):
                found.add(value.name)
    return found


def test_no_attack_is_left_out() -> None:
    assert declared() <= set(CATALOGUE)


def test_no_name_is_taken_twice() -> None:
    names = [declaration.name for declaration in _all()]
    assert sorted(names) == sorted(set(names))
    assert all(name == declaration.name for name, declaration in CATALOGUE.items())
