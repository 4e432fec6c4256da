"""Settings that would change nothing, told apart from those that do.

Whoever asks for a stronger guarantee and gets the weaker one must hear of it. So a setting of the user's is refused
where the program fills it in, where the suite's grids decide it, and where no row of the preset reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from privtalk.bench.task import Cell, Task
from privtalk.core.errors import UserError
from privtalk.core.frozen import Frozen
from privtalk.core.upgrade import NO_LEVEL


def leaves(
    tree: Mapping[str, Any], whole: Collection[str] = (), prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yields every setting of a tree with its value; an empty branch, and one in `whole`, stands for itself.

    >>> list(leaves({"federation": {"rounds": 3}, "privacy": {}}))
    [('federation.rounds', 3), ('privacy', {})]
    """
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and path not in whole:
            yield from leaves(value, whole, f"{path}.")
        else:
            yield path, value


def check_reserved(task: Task, tree: Mapping[str, Any]) -> None:
    """Refuses settings that are not the user's to choose: what the program fills in, and what an axis decides."""
    for path, value in leaves(tree, task.filled_in):
        if path in task.filled_in:
            raise UserError(f"{path} is filled in by the program, {task.filled_in[path]}")
        if path in task.by_axis:
            axis = task.by_axis[path]
            tier = f"{axis}={value:g}" if isinstance(value, int | float) else NO_LEVEL
            raise UserError(f"{path} has no effect: every row's tier decides it; use --tiers {tier}")
        if value == {}:
            raise UserError(f"{path}={{}} sets nothing; write {path}.NAME=VALUE")


def check_effect(task: Task, tree: Mapping[str, Any], asked: Frozen, cells: Sequence[Cell]) -> None:
    """Refuses settings that reach no row, or reach rows none of which reads them.

    `tree` holds what the user set, `asked` the settings with it, `cells` those of a whole preset.
    """
    wanted = asked.model_dump()
    for path, _ in leaves(tree, task.filled_in):
        value = _at(wanted, path)
        placed = {id(cell): task.placed(cell, path) for cell in cells}
        reached = [cell for cell in cells if placed[id(cell)] == (value,)]
        held = {repr(place[0]) for place in placed.values() if place is not None}
        if held and not reached:
            raise UserError(f"{path}={value} has no effect: rows have {', '.join(sorted(held))} there")
        condition = task.condition(path)
        if condition is not None and not any(map(condition.holds, reached)):
            raise UserError(f"{path} has no effect here: what reads it is {condition.rule}")


def _at(tree: Mapping[str, Any], path: str) -> Any:
    value: Any = tree
    for part in path.split("."):
        value = value[part]
    return value
