"""The finding about personal adapters that leak: whose they are, whether a clip was in them, who else took part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from privtalk.leaderboards.board.model import BoardRow
from privtalk.leaderboards.sections.answers import Answer, Finding, Tone, answer, finding
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard
from privtalk.leaderboards.sections.attacks.findings import PERSONAL, clauses, evidence

QUESTION = "What does a stolen personal adapter tell?"
ASKED: Mapping[str, str] = {
    "weights_to_identity": "whose it is",
    "clip_in_personal": "whether a clip was in it",
    "others_in_personal": "which other clients took part",
}
"""Attack -> what it asks, in the order of the answer; others are called by their name."""


def stolen(attacks: AttackBoard) -> list[Finding]:
    """The finding, place by place; rows that share nothing stand beside it, as what the same adapters tell alone."""
    found = [name for group in attacks.groups if group.view == PERSONAL for name in group.attacks]
    names = sorted(found, key=lambda name: list(ASKED).index(name) if name in ASKED else len(ASKED))
    places = [
        (attacks.board.at(tier), _tried(attacks.board.methods(tier), names)) for tier in attacks.board.tiers
    ]
    places += [(row.where, [row]) for row in _tried(attacks.board.references(), names)]
    answers = [told for at, rows in places if (told := _told(attacks, at, rows, names)) is not None]
    lines = [
        line
        for _, rows in places
        for row in rows
        for name in names
        for line in evidence(attacks, row, [name])
    ]
    held = [row.attacks[n].verdict for _, rows in places for row in rows for n in names if n in row.attacks]
    tone: Tone = "warning" if "invalid" in held else "plain"
    return [finding(QUESTION, answers, lines, tone)] if answers else []


def _tried(rows: Sequence[BoardRow], names: Sequence[str]) -> list[BoardRow]:
    return [row for row in rows if any(name in row.attacks for name in names)]


def _told(attacks: AttackBoard, at: str, rows: Sequence[BoardRow], names: Sequence[str]) -> Answer | None:
    """The clause of every attack that was run there."""
    said = [(name, clauses(attacks, rows, [name])) for name in names]
    told = [f"{ASKED.get(name, name)}: {text}" for name, text in said if text]
    return answer(at, "; ".join(told)) if told else None
