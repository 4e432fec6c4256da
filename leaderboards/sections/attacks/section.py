"""Who leaks: every attack on every row, by family and view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from privtalk.core.display import Display
from privtalk.core.records import Record
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.escaping import file_name
from privtalk.leaderboards.sections.answers import EvidenceLine, Finding
from privtalk.leaderboards.sections.attacks import attack_board
from privtalk.leaderboards.sections.attacks.attack_board import SEEN, AttackBoard, AttackGroup, title_of
from privtalk.leaderboards.sections.attacks.controls import remarks
from privtalk.leaderboards.sections.attacks.figures import draw_attacks, write_rocs
from privtalk.leaderboards.sections.attacks.findings import attackers
from privtalk.leaderboards.sections.attacks.galleries import CAPTION, galleries
from privtalk.leaderboards.sections.attacks.personal import stolen
from privtalk.leaderboards.sections.attacks.regression import attack_worse
from privtalk.leaderboards.sections.attacks.summary import (
    StrengthLine,
    SummaryLine,
    strength_lines,
    summary_lines,
    targets,
)
from privtalk.leaderboards.sections.attacks.tables import NOTE, attack_tables
from privtalk.leaderboards.sections.section import Figures, PagePlace, Section, TerminalBlock


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One attack, row by row."""

    name: str
    anchor: str
    known: AttackSummary
    text: str
    targets: list[float]
    controls: list[str]
    measures: list[str]
    """Measures beside the headline."""
    roc: str
    """Path of the curves' table; empty where there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyPart:
    """One family's part of the section."""

    name: str
    anchor: str
    title: str
    groups: tuple[AttackGroup, ...]
    strengths: list[StrengthLine]
    details: list[Detail]


class Attacks(Section):
    """The section of what attackers could tell, and how far the attacks that could not can be trusted to see."""

    name, title, template = "attack", "Who leaks", "attacks/section.html.j2"
    sound = "every attack's controls are at chance"

    @cached_property
    def attacks(self) -> AttackBoard:
        """The attacks that every medium shows."""
        return AttackBoard(self.board)

    @classmethod
    def present(cls, board: Board) -> bool:
        """Whether anything was attacked."""
        return bool(board.attacks)

    def findings(self) -> Sequence[Finding]:
        """Returns a question a family, and one of personal adapters that leak."""
        return [*attackers(self.attacks), *stolen(self.attacks)]

    def remarks(self) -> Sequence[EvidenceLine]:
        """Returns controls that failed and ceilings that were broken through."""
        return remarks(self.board)

    def terminal(self, width: int, *, whole: bool) -> TerminalBlock:
        """Returns the strongest attacks and the matrices of all."""
        return TerminalBlock(attack_tables(self.attacks, width), [NOTE]) if whole else TerminalBlock()

    def figures(self, place: PagePlace) -> Figures:
        """Draws the matrix, the ROCs and what sums hide."""
        return draw_attacks(self.attacks, place.site, place.slug)

    def page(self, place: PagePlace) -> Mapping[str, Any]:
        """Returns the strongest attacks, and each family with every attack row by row."""
        rocs = write_rocs(self.board, place.site, place.slug)
        return {
            "summary": _by_tier(summary_lines(self.attacks)),
            "targets": [t for t in targets(self.board) if t < 0.1],
            "families": [_family(self.attacks, name, rocs) for name in self.attacks.families],
            "galleries": galleries(self.board, place.runs.folders, place.site, place.slug),
            "gallery_caption": CAPTION,
            "seen": SEEN,
            "figure": attack_board.figure,
            "strength": attack_board.strength_text,
        }

    @classmethod
    def worse(cls, old: Record, fresh: Record, display: Display) -> Sequence[str]:
        """Returns attacks that gained, or stopped being able to say anything."""
        return [
            f"{name}: {text}"
            for name, attack in old.attacks.items()
            for text in attack_worse(attack, fresh.attacks.get(name), display)
        ]


def _by_tier(lines: list[SummaryLine]) -> list[tuple[str, list[SummaryLine]]]:
    tiers = dict.fromkeys(line.tier for line in lines)
    return [(tier, [line for line in lines if line.tier == tier]) for tier in tiers]


def _family(attacks: AttackBoard, name: str, rocs: Mapping[str, str]) -> FamilyPart:
    return FamilyPart(
        name=name,
        anchor=file_name(name),
        title=title_of(name, [group.view for group in attacks.views(name)]),
        groups=tuple(attacks.views(name)),
        strengths=strength_lines(attacks, name),
        details=[_detail(attacks.board, attack, rocs) for attack in attacks.attacks_of(name)],
    )


def _detail(board: Board, name: str, rocs: Mapping[str, str]) -> Detail:
    attacks = [row.attacks[name] for row in board.rows if name in row.attacks]
    known = max(attacks, key=lambda attack: attack.positives)
    return Detail(
        name=name,
        anchor=file_name(name),
        known=known,
        text=_text(known),
        targets=sorted({p.fpr_target for a in attacks for p in a.points}, reverse=True),
        controls=sorted({control for a in attacks for control in a.controls}),
        measures=[
            m for m in dict.fromkeys(m for a in attacks for m in a.measures) if m != known.headline.name
        ],
        roc=rocs.get(name, ""),
    )


def _text(attack: AttackSummary) -> str:
    """Who sees what, what is scored, by whom it was proposed, on how many people."""
    held = {"fresh": "fresh footage of people", "exact": "the very clips of a member’s device"}
    said = [
        f"The adversary sees {SEEN.get(attack.view, attack.view)} "
        f"and holds {held.get(attack.footage, attack.footage)}",
        f"Statistic: {attack.statistic}",
    ]
    if attack.source:
        said.append(f"Source: {attack.source}")
    if attack.positives:
        members, others = attack.positives // attack.runs, attack.negatives // attack.runs
        said.append(f"{members} members against {others} non-members a seed")
    return ". ".join(said) + "."
