"""Records of older schemas, as today's schema has them: one pure function from version to version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Raw = dict[str, Any]

FIRST_TASK = "talking_head"
"""The only task there was before records named theirs (schemas 1 to 4)."""

NO_LEVEL = "none"
"""How a tier is written that differs from no default."""


def upgrade(raw: Mapping[str, Any], to: int) -> Raw:
    """Returns the record `raw` as schema `to` has it; what an older schema did not say is left out.

    `upgraded_from` keeps the schema that it was written in, and the cell stays as it was hashed.
    Raises `KeyError` or `TypeError` where `raw` lacks what every schema holds.
    """
    found = dict(raw)
    written = version = found["schema_version"]
    while version < to:
        found = STEPS.get(version, _same)(found)
        version += 1
    return found if written == to else found | {"schema_version": to, "upgraded_from": written}


def at_of(tier: str) -> dict[str, str]:
    """Returns the place on its axes that a tier's text names.

    >>> at_of("eps=8"), at_of("none")
    ({'eps': '8'}, {})
    """
    if tier == NO_LEVEL:
        return {}
    return {
        axis.strip(): value.strip() for axis, _, value in (part.partition("=") for part in tier.split(","))
    }


def tier_of(at: Mapping[str, str]) -> str:
    """Returns the text of a place on its axes.

    >>> tier_of({"eps": "8"}), tier_of({}), tier_of({"budget": "4", "purifier": "diffpure"})
    ('eps=8', 'none', 'budget=4, purifier=diffpure')
    """
    return ", ".join(f"{axis}={value}" if value else axis for axis, value in at.items()) or NO_LEVEL


def _same(raw: Raw) -> Raw:
    """Schemas 1 to 3 were each the next without some optional fields."""
    return raw


def _with_task(raw: Raw) -> Raw:
    """Schema 5 names the task, gives the place on its axes, and holds what is federated in a block."""
    found = dict(raw)
    row, tier = found.pop("method"), found.pop("tier")
    block = {name: found.pop(name) for name in ("privacy", "training", "communication_bytes")}
    return found | {"task": FIRST_TASK, "row": row, "at": at_of(tier), "federation": block}


STEPS: Mapping[int, Callable[[Raw], Raw]] = {4: _with_task}
"""Version -> the step to the next; a version without one needs none."""
