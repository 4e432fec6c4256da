"""Options of methods in a tree of settings, under the method that owns them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privtalk.core.errors import UserError, unknown
from privtalk.methods.registry import METHODS, holders

BRANCH = "options"


def owned(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The tree with every option under its method: `options.mu` is short for `options.fedprox.mu`.

    The short spelling is for options that exactly one method has. Unknown and ambiguous ones are a `UserError`.

    >>> owned({"options": {"mu": 0.1, "privfedtalk": {"gamma": 0.0}}})
    {'options': {'fedprox': {'mu': 0.1}, 'privfedtalk': {'gamma': 0.0}}}
    """
    if not isinstance(given := tree.get(BRANCH), Mapping):
        return dict(tree)
    found: dict[str, dict[str, Any]] = {}
    for key, value in given.items():
        name, own = (key, value) if key in METHODS else (_owner(key), {key: value})
        if not isinstance(own, Mapping):
            raise UserError(f"{BRANCH}.{name}={own} is not an option; write {BRANCH}.{name}.OPTION=VALUE")
        for option in own:
            _check(name, option)
        found[name] = {**found.get(name, {}), **own}
    return {**tree, BRANCH: found}


def _owner(option: str) -> str:
    """The one method that has an option."""
    found = list(holders(option))
    if len(found) > 1:
        spelled = " or ".join(f"{BRANCH}.{name}.{option}" for name in found)
        raise UserError(f"{BRANCH}.{option}: {len(found)} methods have this option; write {spelled}")
    if not found:
        raise unknown("key", f"{BRANCH}.{option}", _spelled())
    return found[0]


def _check(name: str, option: str) -> None:
    """Raises unless a method has an option."""
    own = METHODS[name].Options.model_fields
    if option in own:
        return
    if not own:
        raise UserError(f"unknown key '{BRANCH}.{name}.{option}': {name} has no options; leave it out")
    raise unknown("key", f"{BRANCH}.{name}.{option}", [f"{BRANCH}.{name}.{known}" for known in own])


def _spelled() -> list[str]:
    """Every option by its long name."""
    return [
        f"{BRANCH}.{name}.{option}"
        for name, found in METHODS.items()
        for option in found.Options.model_fields
    ]
