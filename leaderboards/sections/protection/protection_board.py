"""The protections of a board: each at a budget, by everybody who attacks it, with its controls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from privtalk.core.record_parts import ControlCheck, Estimate
from privtalk.core.upgrade import at_of
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.board.statistics import Difference

SILENCED, TALKING = 0.25, 0.75
"""Control retained up to which a portrait is silenced, and from which it talks."""
INTACT = 0.8
"""Identity kept from which what is animated is still the person: the clean portrait's animation itself has .81 of the
true person's template, so that below it a protection has changed more than animation does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtectedRow:
    """A row and the same row by everybody who attacked it."""

    row: BoardRow
    attacked: Mapping[str, BoardRow]
    """Attacker -> the row as that one animates it."""

    @property
    def invalid(self) -> tuple[str, ...]:
        """Controls that failed, with their seeds."""
        return tuple(
            f"{name}, seed {record.seed}"
            for record in self.row.records
            for name, check in (record.protection.controls if record.protection else {}).items()
            if check.decides and not check.passed
        )

    @property
    def controls(self) -> list[tuple[int, str, ControlCheck]]:
        """(seed, name, control) of all records."""
        return [
            (record.seed, name, check)
            for record in self.row.records
            for name, check in (record.protection.controls if record.protection else {}).items()
        ]

    @property
    def bounded(self) -> bool:
        """Whether the budget was kept."""
        return all(record.protection is None or record.protection.bounded for record in self.row.records)


class ProtectionBoard:
    """The protections of a board, most silent first."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.axis = next((axis for axis in board.display.axes if axis.apart), None)

    @cached_property
    def rows(self) -> tuple[ProtectedRow, ...]:
        """Every row that is a protection, or the clean portrait."""
        made = [ProtectedRow(row=row, attacked=self._attacked(row)) for row in self.board.rows]
        return tuple(
            sorted(made, key=lambda found: (self.order(found), self.control(found.row).value or 0.0))
        )

    def order(self, found: ProtectedRow) -> tuple[bool, object]:
        """The clean portrait first, then by budget."""
        return (found.row.key.tier != "none", self.board.display.at_order(found.row.key.tier))

    @cached_property
    def attackers(self) -> tuple[str, ...]:
        """Everybody who attacks, in the axis' order."""
        names = {name for found in self.rows for name in found.attacked}
        return tuple(sorted(names, key=lambda name: self.axis.place(name) if self.axis else (0, 0.0, name)))

    def _attacked(self, row: BoardRow) -> dict[str, BoardRow]:
        axis = self.axis.name if self.axis else ""
        found: dict[str, BoardRow] = {}
        for other in self.board.apart:
            at = at_of(other.key.tier)
            name = at.pop(axis, None)
            own = {} if row.key.tier == "none" else at_of(row.key.tier)
            if name is not None and other.key.method == row.key.method and at == own:
                found[name] = other
        return found

    def control(self, row: BoardRow) -> Estimate:
        """Audio control retained."""
        return row.cells["audio_control"].estimate

    def cost(self, row: BoardRow) -> Estimate:
        """The portrait's I-PSNR."""
        return row.cells["portrait_psnr"].estimate

    def intact(self, row: BoardRow) -> Estimate:
        """Identity kept, by whichever network; missing where none read it."""
        for name, cell in row.cells.items():
            if name.partition("[")[0] == "identity_kept" and cell.estimate.value is not None:
                return cell.estimate
        return Estimate(missing="no network read identities")

    def worst(self, found: ProtectedRow) -> tuple[str, BoardRow] | None:
        """The attacker who restores most control, the direct one included as an empty name."""
        tried = {"": found.row, **found.attacked}
        values = {name: self.control(row).value for name, row in tried.items()}
        known = {name: value for name, value in values.items() if value is not None}
        if not known:
            return None
        name = max(known, key=lambda key: known[key])
        return name, tried[name]

    @property
    def main(self) -> list[ProtectedRow]:
        """The rows with most attackers: those at the main budget."""
        most = max((len(found.attacked) for found in self.methods), default=0)
        return [found for found in self.methods if len(found.attacked) == most]

    @property
    def compared(self) -> list[ProtectedRow]:
        """The clean portrait and the rows at the main budget: those that everybody attacks."""
        return [*(found for found in self.rows if found.row.key.tier == "none"), *self.main]

    @property
    def methods(self) -> list[ProtectedRow]:
        """Protections, without the clean portrait."""
        return [found for found in self.rows if found.row.key.tier != "none"]

    def apart(self, row: BoardRow, other: BoardRow) -> Difference:
        """Control retained, row minus other, paired by owner."""
        return self.board.difference(row.key, other.key, "audio_control")

    def near(self, found: ProtectedRow, others: str, within: float = 1.0) -> Iterator[ProtectedRow]:
        """Rows of a method whose portraits cost as much, to `within` dB of I-PSNR."""
        own = self.cost(found.row).value
        for other in self.methods:
            value = self.cost(other.row).value
            known = own is not None and value is not None and other.row.key.method == others
            if known and abs((own or 0.0) - (value or 0.0)) <= within:
                yield other


def state(control: float | None, intact: float | None) -> str:
    """Returns the quadrant in words.

    >>> state(0.1, 0.99), state(0.9, 0.99), state(0.1, 0.5), state(0.9, 0.5), state(0.5, 0.99)
    ('silenced', 'talking', 'broken', 'talking and broken', 'half silenced')
    """
    if control is None or intact is None:
        return "unknown"
    if intact < INTACT:
        return "talking and broken" if control > (SILENCED + TALKING) / 2 else "broken"
    if control <= SILENCED:
        return "silenced"
    return "talking" if control >= TALKING else "half silenced"
