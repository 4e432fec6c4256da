"""From a suite, a preset and the user's changes to a flat list of cells."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from privtalk.bench.spec import Cell, Planned, PrivacySpec, Settings, Training
from privtalk.bench.suites.effects import check_effect, check_reserved
from privtalk.bench.suites.options import owned
from privtalk.bench.suites.schema import Factor, Grid, Suite
from privtalk.core.errors import UserError, unknown
from privtalk.core.frozen import Frozen
from privtalk.methods.registry import METHODS, REFERENCES
from privtalk.methods.registry import options as method_options


class Plan(Frozen):
    """A preset, expanded."""

    suite: str
    preset: str
    settings: Settings
    cells: tuple[Planned, ...]


def expand(
    suite: Suite,
    preset: str,
    *,
    seeds: Sequence[int] = (),
    methods: Sequence[str] = (),
    tiers: Sequence[str] = (),
    changes: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Plan:
    """The cells of a preset, grids and seeds expanded.

    `seeds` and `methods` (rows or methods) keep only those; `tiers` stand in place of those of the grids that have
    several; `changes` are `key=value` settings, each of which must have an effect on some row of the preset. `given`
    are settings of the network at hand, which changes may contradict (and are then refused with a better reason
    later); `fixed` are those that the corpus and the network determine, which nothing contradicts.
    """
    if preset not in suite.presets:
        raise unknown("preset", preset, list(suite.presets))
    chosen = suite.presets[preset]
    base, sized, asked = map(owned, (suite.base, chosen.settings, assignments(changes)))
    for tree in (base, sized, asked):
        check_reserved(tree)
    wanted = merged(merged(merged(base, sized), given or {}), asked)
    settings = settled(merged(wanted, fixed or {}))
    rows = [row for grid in suite.grids for row in _rows(grid, tiers or chosen.tiers, bool(tiers), settings)]
    planned = _distinct(
        [
            Planned(
                suite=suite.name,
                preset=preset,
                row=name,
                cell=_cell(method, seed, settings, options, privacy),
            )
            for seed in seeds or chosen.seeds or suite.seeds
            for name, method, options, privacy in rows
        ]
    )
    check_effect(asked, settled(wanted), [plan.cell for plan in planned])
    return Plan(suite=suite.name, preset=preset, settings=settings, cells=tuple(_only(planned, methods)))


def settled(tree: Mapping[str, Any]) -> Settings:
    """Validated settings; a mistake is a `UserError`."""
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise UserError(explain(error, Settings)) from error


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
    """One line for the first mistake in a tree of settings."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        inside, fields = ".".join(path[:-1]), list(_fields(model, path[:-1]))
        valid = [f"{inside}.{name}" if inside else name for name in fields]
        return str(unknown("key", ".".join(path), valid))
    place, text = ".".join(path), first["msg"].removeprefix("Value error, ")
    return text if text.startswith(f"{place}.") else f"{place}: {text}"  # which option it is, is said already


def _fields(model: type[BaseModel], path: Sequence[str]) -> Mapping[str, Any]:
    """Fields of the model at a path below `model`."""
    for part in path:
        inner = model.model_fields[part].annotation
        assert isinstance(inner, type)
        assert issubclass(inner, BaseModel)
        model = inner
    return model.model_fields


Row = tuple[str, str, Mapping[str, Any], PrivacySpec]
"""Name, method, options, privacy."""


def _rows(grid: Grid, tiers: Sequence[str] | None, instead: bool, settings: Settings) -> list[Row]:
    """A grid's rows; `tiers` pick from its tiers, or stand `instead` of them where it has several."""
    rows: list[Row] = []
    wanted = [tier for tier in grid.tier if tiers is None or tier in tiers]
    if instead:
        wanted = list(tiers or ()) if len(grid.tier) > 1 else list(grid.tier)
    for method, tier in itertools.product(grid.method, wanted):
        if method not in METHODS and method not in REFERENCES:
            raise unknown("method", method, [*METHODS, *REFERENCES])
        privacy = PrivacySpec.model_validate(settings.privacy.model_dump() | {"epsilon": _epsilon(tier)})
        for states in itertools.product((False, True), repeat=len(grid.factors)):
            name, options = _ablated(method, grid.factors, states)
            rows.append((name, method, options, privacy))
    return rows


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


def _epsilon(tier: str) -> float | None:
    """
    >>> _epsilon("eps=8"), _epsilon("none")
    (8.0, None)
    """
    if tier == "none":
        return None
    try:
        epsilon = float(tier.removeprefix("eps="))
    except ValueError as error:
        raise UserError(f"unknown tier {tier!r}; write none or eps=NUMBER") from error
    if not 0 < epsilon < math.inf:
        raise UserError(f"tier {tier!r}: epsilon is a number above 0; write none for a row without privacy")
    return epsilon


def _cell(
    method: str, seed: int, settings: Settings, options: Mapping[str, Any], privacy: PrivacySpec
) -> Cell:
    trained = method in METHODS or REFERENCES[method].trains is not None
    training = Training(
        adapter=settings.adapter,
        federation=settings.federation,
        options=_options(method, settings.options.get(method, {}) | dict(options)),
        privacy=privacy,
        attack=settings.attack,
    )
    return Cell(
        method=method,
        seed=seed,
        corpus=settings.corpus,
        partition=settings.partition,
        evaluation=settings.evaluation,
        backbone=settings.backbone,
        training=training if trained else None,
    )


def _options(row: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a row's method; none of a reference row."""
    if row not in METHODS:
        return {}
    try:
        return method_options(row, given).model_dump(mode="json")
    except ValueError as error:
        raise UserError(str(error)) from error


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
