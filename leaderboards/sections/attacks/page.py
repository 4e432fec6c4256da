"""What the page says about attacks and audits: the template's part of the context, and the files behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.files import Figure
from privtalk.leaderboards.escaping import file_name
from privtalk.leaderboards.sections.attacks import leaks
from privtalk.leaderboards.sections.attacks.figures import draw_attacks, write_rocs
from privtalk.leaderboards.sections.attacks.galleries import CAPTION, galleries
from privtalk.leaderboards.sections.attacks.leaks import Group
from privtalk.leaderboards.sections.attacks.summary import (
    StrengthLine,
    SummaryLine,
    strength_lines,
    summary_lines,
    targets,
)
from privtalk.leaderboards.sections.audits.audits import (
    AuditLine,
    assumptions,
    audit_lines,
    lower_text,
    named,
    upper_text,
)


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
class Family:
    """One family's part of the section."""

    name: str
    anchor: str
    title: str
    groups: tuple[Group, ...]
    strengths: list[StrengthLine]
    details: list[Detail]
    rocs: list[Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """An audit with its bounds in words."""

    line: AuditLine
    uppers: list[str]
    lowers: list[str]
    estimates: list[str]


def section(board: Board, folders: Mapping[str, Path], site: Path, slug: str) -> dict[str, Any]:
    """Everything about attacks; empty families where nothing was attacked."""
    drawn, rocs = draw_attacks(board, site, slug), write_rocs(board, site, slug)
    return {
        "matrix": drawn["leaks"],
        "summary": _by_tier(summary_lines(board)),
        "targets": [t for t in targets(board) if t < 0.1],
        "families": [_family(board, name, drawn, rocs) for name in leaks.families(board)],
        "aggregation": drawn["aggregation"],
        "galleries": galleries(board, folders, site, slug),
        "gallery_caption": CAPTION,
        "seen": leaks.SEEN,
        "figure": leaks.figure,
        "strength": leaks.strength_text,
    }


def audits(board: Board) -> list[AuditRow]:
    """Every audit: the account, what is certified against it, and estimates."""
    return [
        AuditRow(
            line=line,
            uppers=[upper_text(bound) for bound in line.audit.upper],
            lowers=[lower_text(bound) for bound in line.audit.certified],
            estimates=[
                f"{guess.epsilon:.3g}, {guess.low:.2g} to {guess.high:.2g}: {named(guess.name)}"
                for guess in line.audit.estimates
            ],
        )
        for line in audit_lines(board)
    ]


def audit_notes(board: Board) -> list[str]:
    """What certified bounds rest on."""
    return assumptions(audit_lines(board))


def _by_tier(lines: list[SummaryLine]) -> list[tuple[str, list[SummaryLine]]]:
    tiers = dict.fromkeys(line.tier for line in lines)
    return [(tier, [line for line in lines if line.tier == tier]) for tier in tiers]


def _family(board: Board, name: str, drawn: Mapping[str, list[Figure]], rocs: Mapping[str, str]) -> Family:
    return Family(
        name=name,
        anchor=file_name(name),
        title=leaks.TITLES.get(name, name.capitalize()),
        groups=tuple(group for group in leaks.groups(board) if group.family == name),
        strengths=strength_lines(board, name),
        details=[_detail(board, attack, rocs) for attack in leaks.attacks_of(board, name)],
        rocs=drawn.get(f"roc {name}", []),
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
        f"The adversary sees {leaks.SEEN.get(attack.view, attack.view)} "
        f"and holds {held.get(attack.footage, attack.footage)}",
        f"Statistic: {attack.statistic}",
    ]
    if attack.source:
        said.append(f"Source: {attack.source}")
    if attack.positives:
        members, others = attack.positives // attack.runs, attack.negatives // attack.runs
        said.append(f"{members} members against {others} non-members a seed")
    return ". ".join(said) + "."
