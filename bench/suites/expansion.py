"""From a suite, a preset and the user's changes to a flat list of cells."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args

import yaml
from pydantic import BaseModel, SerializeAsAny, ValidationError

from privtalk.bench.suites.effects import check_effect, check_reserved
from privtalk.bench.suites.schema import Factor, RowGrid, Suite
from privtalk.bench.task import Planned, Task, Wanted, find_task
from privtalk.core.errors import UserError, unknown
from privtalk.core.frozen import Frozen
from privtalk.core.upgrade import NO_LEVEL, at_of


class Plan(Frozen):
    """A preset, expanded."""

    task: str
    suite: str
    preset: str
    settings: SerializeAsAny[Frozen]
    """The task's."""
    cells: tuple[Planned, ...]


def expand(
    suite: Suite,
    preset: str,
    *,
    seeds: Sequence[int] = (),
    methods: Sequence[str] = (),
    added: Sequence[str] = (),
    tiers: Sequence[str] = (),
    changes: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Plan:
    """The cells of a preset, grids and seeds expanded.

    `seeds` and `methods` (rows or methods) keep only those; `added` methods join the grids (`Task.extend`); `tiers`
    stand in place of those of the grids that have several; `changes` are `key=value` settings, each of which must have
    an effect on some row of the preset. `given` are settings of the means at hand, which changes may contradict (and
    are then refused with a better reason later); `fixed` are those that the means determine, which nothing contradicts.
    """
    if preset not in suite.presets:
        raise unknown("preset", preset, list(suite.presets))
    task, chosen = find_task(suite.task), suite.presets[preset]
    base, sized, asked = map(task.tidied, (suite.base, chosen.settings, assignments(changes)))
    for tree in (base, sized, asked):
        check_reserved(task, tree)
    wanted = merged(merged(merged(base, sized), given or {}), asked)
    settings = settled(task, merged(wanted, fixed or {}))
    rows = [
        row for grid in suite.grids for row in _rows(task, grid, tiers or chosen.tiers, bool(tiers), added)
    ]
    if strange := [name for name in added if name not in {row.method for row in rows}]:
        raise UserError(f"suite {suite.name} has no grid that takes {strange[0]}; name another suite")
    planned = _distinct(
        [
            Planned(
                suite=suite.name,
                preset=preset,
                row=row.name,
                factors=row.factors,
                cell=task.cell(settings, Wanted(row.method, row.at, seed, row.options)),
            )
            for seed in seeds or chosen.seeds or suite.seeds
            for row in rows
        ]
    )
    check_effect(task, asked, settled(task, wanted), [plan.cell for plan in planned])
    return Plan(
        task=task.name,
        suite=suite.name,
        preset=preset,
        settings=settings,
        cells=tuple(_only(planned, methods)),
    )


def settled(task: Task, tree: Mapping[str, Any]) -> Frozen:
    """Validated settings of a task; a mistake is a `UserError`."""
    try:
        return task.settings.model_validate(tree)
    except ValidationError as error:
        raise UserError(explain(error, task.settings)) from error


def assignments(changes: Sequence[str]) -> dict[str, Any]:
    """Tree of `key.key=value` texts; values are YAML, and the last one of a key holds.

    >>> assignments(["federation.rounds=3", "privacy.delta=null"])
    {'federation': {'rounds': 3}, 'privacy': {'delta': None}}
    """
    tree: dict[str, Any] = {}
    for change in changes:
        key, equals, text = (part.strip() for part in change.partition("="))
        if not equals or not key:
            raise UserError(f"--set {change}: write it as key=value, for example federation.rounds=10")
        try:
            value: Any = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(f"--set {change}: {text!r} is not a YAML value") from error
        for part in reversed(key.split(".")):
            value = {part: value}
        tree = merged(tree, value)
    return tree


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the leaves of `over` put in.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    out = dict(base)
    for key, value in over.items():
        below = out.get(key)
        out[key] = (
            merged(below, value) if isinstance(value, Mapping) and isinstance(below, Mapping) else value
        )
    return out


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """One line for a mistake in a tree of settings; a key that is not known explains one that is missing."""
    errors = error.errors()
    first = next((found for found in errors if found["type"] == "extra_forbidden"), errors[0])
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        inside, fields = ".".join(path[:-1]), list(_fields(model, path[:-1]))
        valid = [f"{inside}.{name}" if inside else name for name in fields]
        return str(unknown("key", ".".join(path), valid))
    place, text = ".".join(path), first["msg"].removeprefix("Value error, ")
    return text if text.startswith(f"{place}.") else f"{place}: {text}"  # which option it is, is said already


def _fields(model: type[BaseModel], path: Sequence[str]) -> Mapping[str, Any]:
    """Fields of the model at a path below `model`, through lists and mappings of models."""
    found: Any = model
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            found = found.model_fields[part].annotation
        else:
            found = next((kind for kind in reversed(get_args(found)) if kind is not Ellipsis), None)
    return found.model_fields if isinstance(found, type) and issubclass(found, BaseModel) else {}


class _Row(NamedTuple):
    """A row of a grid, of any seed."""

    name: str
    method: str
    at: dict[str, str]
    options: dict[str, Any]
    factors: dict[str, bool]


def _rows(
    task: Task, grid: RowGrid, tiers: Sequence[str] | None, instead: bool, added: Sequence[str]
) -> list[_Row]:
    """A grid's rows; `tiers` pick from its tiers, or stand `instead` of them where it has several."""
    wanted = [tier for tier in grid.tier if tiers is None or tier in tiers]
    if instead:
        wanted = list(tiers or ()) if len(grid.tier) > 1 else list(grid.tier)
    for method in grid.method:
        if method not in task.rows:
            raise unknown("method", method, list(task.rows))
    rows = []
    methods = grid.method if grid.factors else task.extend(grid.method, added)
    for method, tier in itertools.product(methods, wanted):
        at = parse_tier(task, tier)
        for states in itertools.product((False, True), repeat=len(grid.factors)):
            name, options = _ablated(method, grid.factors, states)
            rows.append(_Row(name, method, at, options, dict(zip(grid.factors, states, strict=True))))
    return rows


def parse_tier(task: Task, tier: str) -> dict[str, str]:
    """Returns the place on the task's axes that a text such as `eps=8` names, in the axes' own spelling."""
    found = {}
    planned = [name for name, axis in task.axes.items() if axis.planned]
    for axis, value in at_of(tier).items():
        if axis not in planned or not value:
            valid = " or ".join([NO_LEVEL, *(f"{name}=VALUE" for name in planned)])
            raise UserError(f"unknown tier {tier!r}; write {valid}")
        try:
            found[axis] = task.axes[axis].parse(value)
        except UserError:
            raise
        except ValueError as error:
            raise UserError(f"tier {tier!r}: {axis} is {task.axes[axis].about} ({error})") from error
    return found


def _ablated(
    method: str, factors: Mapping[str, Factor], states: Sequence[bool]
) -> tuple[str, dict[str, Any]]:
    """Name and options of a row whose factors are on or off."""
    options: dict[str, Any] = {}
    for factor, state in zip(factors.values(), states, strict=True):
        options |= factor.present if state else factor.absent
    present = [name for name, state in zip(factors, states, strict=True) if state]
    name = method if not factors else "+".join(present) or "adapters only"
    return name, options


def _only(planned: list[Planned], wanted: Sequence[str]) -> list[Planned]:
    """The rows or methods that are wanted; all, where none is named."""
    valid = list(dict.fromkeys(name for p in planned for name in (p.row, p.cell.method)))
    for name in wanted:
        if name not in valid:
            raise unknown("method", name, valid)
    return [p for p in planned if not wanted or p.row in wanted or p.cell.method in wanted]


def _distinct(planned: list[Planned]) -> list[Planned]:
    """Every cell once; two rows that are the same configuration are a mistake of the suite."""
    seen: dict[str, Planned] = {}
    for plan in planned:
        if other := seen.get(plan.cell.id):
            raise UserError(
                f"rows {other.key!r} and {plan.key!r} are the same configuration; drop one of them"
            )
        seen[plan.cell.id] = plan
    return planned
