"""Audits: what canaries say of each run's ε."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.table import Table
from rich.text import Text

from privtalk.core.display import Display
from privtalk.core.records import Audit, LowerBound, Record
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.sections.answers import Finding
from privtalk.leaderboards.sections.audits.audits import (
    AuditLine,
    assumptions,
    audit_lines,
    audits_worse,
    checked_rounds,
    checks_worse,
    lower_text,
    named,
    upper_text,
)
from privtalk.leaderboards.sections.audits.findings import audited
from privtalk.leaderboards.sections.section import PagePlace, Section, TerminalBlock
from privtalk.leaderboards.terminal import Column, split


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """An audit with its bounds in words."""

    line: AuditLine
    uppers: list[str]
    lowers: list[str]
    estimates: list[str]


class Audits(Section):
    """Whether what is certified exceeds what is accounted for."""

    name, title, template = "audits", "Audits", "audits/section.html.j2"

    @cached_property
    def lines(self) -> list[AuditLine]:
        """Every audit of every run."""
        return audit_lines(self.board)

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any run was audited."""
        return any(record.audits for row in board.rows for record in row.records)

    def findings(self) -> Sequence[Finding]:
        """Returns the verdict, an error where a guarantee is violated."""
        return [audited(self.lines, checked_rounds(self.board))]

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns the bounds in columns, and every violation in words."""
        if not whole:
            return TerminalBlock()
        notes = [f"* rests on an assumption: {text}" for text in assumptions(self.lines)]
        notes += [
            f"! {line.row.where}, seed {line.seed}: {text}" for line in self.lines for text in line.violations
        ]
        return TerminalBlock(audits(self.lines, width), notes)

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the bounds in words, and what they rest on."""
        rows = [
            AuditRow(
                line=line,
                uppers=[upper_text(bound) for bound in line.audit.upper],
                lowers=[lower_text(bound) for bound in line.audit.certified],
                estimates=[
                    f"{guess.epsilon:.3g}, {guess.low:.2g} to {guess.high:.2g}: {named(guess.name)}"
                    for guess in line.audit.estimates
                ],
            )
            for line in self.lines
        ]
        return {"audits": rows, "assumptions": assumptions(self.lines)}

    @classmethod
    def worse(cls, old: Record, fresh: Record, display: Display) -> Sequence[str]:
        """Returns every violation, and audits that are gone."""
        return [*audits_worse(old.audits, fresh.audits), *checks_worse(old, fresh)]


def audits(lines: Sequence[AuditLine], width: int) -> Iterator[Table]:
    """The table of what the accountant allows beside what canaries certify, a column for each bound."""
    names = [
        Column("row", [Text(line.row.label) for line in lines], right=False),
        Column("tier", [Text(line.row.placed) for line in lines], right=False),
        Column("seed", [Text(str(line.seed)) for line in lines]),
        Column("sees", [Text(line.audit.view) for line in lines], right=False),
    ]
    columns = [
        Column("audit", [_verdict(line) for line in lines], right=False),
        *_bounds(lines, "≤", lambda audit: [("account", upper.epsilon) for upper in audit.upper]),
        *_bounds(lines, "≥", lambda audit: [(_starred(low), low.epsilon) for low in audit.certified]),
        *_bounds(lines, "≈", lambda audit: [(named(guess.name), guess.epsilon) for guess in audit.estimates]),
    ]
    groups = [(line.row.kind == "method", line.row.key.tier) for line in lines]
    title = "Audits: ε at most (≤) says the account, at least (≥) is certified, about (≈) is an estimate"
    return split(title, names, names, columns, groups, width)


def _bounds(
    lines: Sequence[AuditLine], sign: str, read: Callable[[Audit], list[tuple[str, float | None]]]
) -> list[Column]:
    """A column a name; several δ of a name stand behind each other."""
    names = dict.fromkeys(name for line in lines for name, _ in read(line.audit))
    columns = []
    for name in names:
        cells = []
        for line in lines:
            values = [value for own, value in read(line.audit) if own == name]
            said = ["none" if value is None else f"{value:.2f}" for value in values]
            cells.append(Text(" / ".join(said) or formats.MISSING))
        columns.append(Column(f"{sign} {name}", cells))
    return columns


def _starred(bound: LowerBound) -> str:
    return f"{named(bound.name)} *" if bound.assumption else named(bound.name)


def _verdict(line: AuditLine) -> Text:
    return Text(line.verdict, "bold red" if line.violations else "")
