"""Factorial designs among the rows of a board: which factor is present in which row, and which cells are missing.

The factors are those of the suite's grid, as the run's plan has them, and the axes that the task calls factors (a
privacy tier is DP present; no tier, DP absent). Rows that differ in any other axis form designs of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import NamedTuple

from privtalk.core.display import AxisDisplay
from privtalk.core.run_folder import PlannedRow
from privtalk.core.upgrade import at_of, tier_of
from privtalk.leaderboards import formats
from privtalk.leaderboards.board import progress
from privtalk.leaderboards.board.model import Board, BoardRow, placed
from privtalk.leaderboards.board.views import home

States = tuple[bool, ...]
"""A cell of a design: whether each factor is present."""
Place = Mapping[str, str]
"""Axis -> value."""


class DesignFactor(NamedTuple):
    """Something that rows have or lack, with the words for either."""

    label: str
    present: str
    absent: str


class Lost(NamedTuple):
    """A cell of which nothing was recorded."""

    states: States
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Rows that differ in some factors and in nothing else."""

    method: str
    """The method whose parts the factors are, as people write it."""
    place: str
    """The place that all its rows share, as people write it; empty where they share none."""
    factors: tuple[DesignFactor, ...]
    rows: Mapping[States, BoardRow]
    lost: tuple[Lost, ...] = ()

    @property
    def title(self) -> str:
        """The method and what the rows share."""
        return placed(self.method, self.place)

    def named(self, states: States) -> str:
        """A cell in words: `with salt, without pepper, hot`."""
        return ", ".join(
            factor.present if state else factor.absent
            for factor, state in zip(self.factors, states, strict=True)
        )


class _Group(NamedTuple):
    """Planned rows of one grid: the method, the names of its factors, and what tells same-named rows apart."""

    method: str
    names: tuple[str, ...]
    variant: str


def designs(board: Board) -> tuple[Design, ...]:
    """Every design of which at least two cells were recorded, in the order in which rows were planned."""
    known = {row.cell_id: row for row in board.design}
    recorded: dict[_Group, list[tuple[PlannedRow, BoardRow]]] = {}
    for row in progress.ends(board).rows:
        found = next((known[cell] for r in row.records if (cell := home(r)) in known), None)
        if found is not None:
            group = _Group(found.method, tuple(found.factors), row.key.variant)
            recorded.setdefault(group, []).append((found, row))
    order = list(dict.fromkeys((row.method, tuple(row.factors)) for row in board.design))
    made = [
        design
        for group in sorted(recorded, key=lambda g: (order.index(g[:2]), g.variant))
        for design in _of_group(board, group, recorded[group])
    ]
    return tuple(design for design in made if len(design.rows) > 1)


def whole_parts(design: Design) -> tuple[Design, ...]:
    """The design where no cell is missing; else its largest parts that are whole, each with some factors fixed."""
    if not design.lost:
        return (design,)
    count = len(design.factors)
    for fixed in range(1, count):
        parts = [
            _part(design, dict(zip(chosen, states, strict=True)))
            for chosen in combinations(range(count), fixed)
            for states in product((False, True), repeat=fixed)
        ]
        if whole := [part for part in parts if not part.lost]:
            return tuple(whole)
    return ()


def _part(design: Design, fixed: Mapping[int, bool]) -> Design:
    """The cells in which some factors, by their place, are as given; the others vary."""
    free = [place for place in range(len(design.factors)) if place not in fixed]

    def of(states: States) -> States:
        return tuple(states[place] for place in free)

    def held(states: States) -> bool:
        return all(states[place] == state for place, state in fixed.items())

    words = [
        design.factors[place].present if state else design.factors[place].absent
        for place, state in fixed.items()
    ]
    return replace(
        design,
        place=", ".join(filter(None, (design.place, *words))),
        factors=tuple(design.factors[place] for place in free),
        rows={of(states): row for states, row in design.rows.items() if held(states)},
        lost=tuple(Lost(of(lost.states), lost.reason) for lost in design.lost if held(lost.states)),
    )


def _of_group(
    board: Board, group: _Group, recorded: Sequence[tuple[PlannedRow, BoardRow]]
) -> Iterator[Design]:
    """The designs of a grid: one for each pair of levels of the factors' axes, and place on the other axes."""
    axes = [axis for axis in board.display.axes if axis.factor]
    planned = [row for row in board.design if (row.method, tuple(row.factors)) == group[:2]]
    places = [at_of(row.key.tier) for _, row in recorded]
    names = {axis.name for axis in axes}
    others = list(dict.fromkeys(tier_of(_without(place, names)) for place in places))
    for other in sorted(others, key=board.display.at_order):
        for levels in product(*(_levels(axis, [row.at for row in planned]) for axis in axes)):
            yield _design(board, group, list(zip(axes, levels, strict=True)), at_of(other), recorded)


def _levels(axis: AxisDisplay, places: Iterable[Place]) -> list[tuple[str | None, ...]]:
    """Values of an axis where its factor is absent and present, for each level; its one value where it is no factor."""
    values = sorted({place.get(axis.name) for place in places}, key=axis.place)
    placed_ = [value for value in values if value is not None]
    return [(None, value) for value in placed_] if None in values and placed_ else [(v,) for v in values]


def _design(
    board: Board,
    group: _Group,
    axes: Sequence[tuple[AxisDisplay, tuple[str | None, ...]]],
    other: Place,
    recorded: Sequence[tuple[PlannedRow, BoardRow]],
) -> Design:
    """The design at a place, of the grid's factors and of those axes that have two levels."""
    varied = [(axis, levels) for axis, levels in axes if len(levels) > 1]
    held = {axis.name: levels[0] for axis, levels in axes if len(levels) == 1 and levels[0] is not None}
    rows: dict[States, BoardRow] = {}
    for planned, row in recorded:
        place = at_of(row.key.tier)
        told = [place.pop(axis.name, None) for axis, _ in varied]
        if place == {**other, **held} and all(
            t in levels for t, (_, levels) in zip(told, varied, strict=True)
        ):
            states = (*planned.factors.values(), *(value is not None for value in told))
            rows[states] = row
    factors = (
        *(_of_grid(board.display.row_label(name)) for name in group.names),
        *(DesignFactor(axis.factor, axis.text(levels[1]), axis.text(levels[0])) for axis, levels in varied),
    )
    lost = [states for states in product((False, True), repeat=len(factors)) if states not in rows]
    shared = {**held, **other}
    return Design(
        method=placed(board.display.row_label(group.method), group.variant),
        place=_said(board, shared, {axis.name for axis, _ in varied}),
        factors=factors,
        rows=rows,
        lost=tuple(Lost(states, _reason(board, group, states, varied, held)) for states in lost),
    )


def _of_grid(label: str) -> DesignFactor:
    return DesignFactor(label, f"with {label}", f"without {label}")


def _said(board: Board, place: Place, varied: set[str]) -> str:
    """A place in words, without the axes that vary."""
    axes = [axis for axis in board.display.axes if axis.name not in varied]
    known = {axis.name for axis in board.display.axes}
    words = [axis.text(place.get(axis.name)) for axis in axes if not axis.factor or axis.name in place]
    return ", ".join(filter(None, (*words, *(f"{n} = {v}" for n, v in place.items() if n not in known))))


def _reason(
    board: Board,
    group: _Group,
    states: States,
    varied: Sequence[tuple[AxisDisplay, tuple[str | None, ...]]],
    held: Place,
) -> str:
    """Why a cell is not there: as the run says, or that nobody asked for it."""
    count = len(group.names)
    at = {axis.name: levels[state] for (axis, levels), state in zip(varied, states[count:], strict=True)}
    wanted = {**held, **{name: value for name, value in at.items() if value is not None}}
    ids = {
        row.cell_id
        for row in board.design
        if (row.method, tuple(row.factors)) == group[:2]
        and tuple(row.factors.values()) == states[:count]
        and row.at == wanted
    }
    if not ids:
        return "nobody asked for it"
    told = dict.fromkeys(row.reason for row in board.missing if row.cell_id in ids)
    return formats.listing(list(told)) or "nothing is recorded at this place"


def _without(place: Place, names: set[str]) -> dict[str, str]:
    return {axis: value for axis, value in place.items() if axis not in names}
