"""Ablation: what a method's parts do, alone and together, where a run's rows form a factorial design."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from privtalk.core.files import write_atomic
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.files import write_table
from privtalk.leaderboards.sections.ablation import figures, tables
from privtalk.leaderboards.sections.ablation.design import Design, designs, whole_parts
from privtalk.leaderboards.sections.ablation.effects import Effects, effects
from privtalk.leaderboards.sections.ablation.findings import parts_change
from privtalk.leaderboards.sections.answers import EvidenceLine, Finding
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section, TerminalBlock


class Ablation(Section):
    """The effects of a method's parts."""

    name, title, template = "ablation", "Ablation", "ablation/section.html.j2"
    heading = "What a method’s parts do"

    @cached_property
    def designs(self) -> tuple[Design, ...]:
        """The factorial designs of the board, with cells that may be missing."""
        return designs(self.board)

    @cached_property
    def effects(self) -> tuple[Effects, ...]:
        """The effects of every design, or of the largest parts of it that are whole."""
        attacks = AttackBoard(self.board)
        return tuple(
            effects(self.board, part, attacks) for design in self.designs for part in whole_parts(design)
        )

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether any rows form a factorial design, and there is a metric that has a better side."""
        return bool(designs(board)) and any(metric.sign for metric in board.metrics)

    def findings(self) -> Sequence[Finding]:
        """Returns what the parts change, and how much at most where nothing is shown."""
        found = parts_change(self.effects)
        return [] if found is None else [found]

    def remarks(self) -> Sequence[EvidenceLine]:
        """Returns the cells without which a design is not whole."""
        lost = [(design, cell) for design in self.designs for cell in design.lost]
        return [
            EvidenceLine(
                subject=f"Ablation of {design.title}",
                figure=f"no cell {design.named(cell.states)}: {cell.reason}",
                verdict="missing",
            )
            for design, cell in lost
        ]

    @property
    def notes(self) -> list[str]:
        """How to read the tables, and what is missing."""
        return tables.notes(self.effects, self.designs)

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns a table a design, of the whole board alone."""
        if not whole:
            return TerminalBlock()
        return TerminalBlock(tables.terminal_tables(self.effects, width), self.notes)

    def markdown(self) -> Sequence[str]:
        """Returns a table a design."""
        return tables.markdown_lines(self.effects, self.notes)

    def figures(self, place: PagePlace) -> Figures:
        """Draws the heat map."""
        return {"map": [figures.draw(self.effects, place.site, place.slug)]} if self.effects else {"map": []}

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the effects, written as Markdown, LaTeX, CSV and JSON beside the board's data."""
        base = place.site / "data" / f"{place.slug}-effects"
        write_table(tables.rows(self.effects), base)
        text = "\n".join(tables.markdown_lines(self.effects, self.notes))
        for suffix, content in ((".md", text), (".tex", tables.latex_text(self.effects, self.notes))):
            write_atomic(base.with_name(base.name + suffix), content)
        return {
            "effects": self.effects,
            "notes": self.notes,
            "marks": tables.MARKS,
            "files": [
                (label, f"data/{base.name}{suffix}")
                for label, suffix in (
                    ("Markdown", ".md"),
                    ("LaTeX", ".tex"),
                    ("CSV", ".csv"),
                    ("JSON", ".json"),
                )
            ],
            "head": lambda measure: f"{measure.unit} {tables.ARROWS[measure.sign]}".strip(),
            "half": lambda effect, digits: formats.interval(effect.difference, digits, signed=True),
        }
