"""Attacks in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from privtalk.core.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard, Stand, figure
from privtalk.leaderboards.sections.attacks.summary import SummaryLine, summary_lines, targets
from privtalk.leaderboards.terminal import Column, split

COARSE = 0.1
"""A false-positive rate at which a true-positive rate says little that the AUC does not."""
STRONGEST = "The strongest attacks"
LEAKS = "▲"
NOTE = (
    f"{LEAKS} clear of chance after Holm’s correction over the family’s attacks and the tier’s rows; in brackets "
    "the realised false-positive rate. Attacks: ± half of the 95 % interval, red clear of chance, ! a control "
    "failed. Planted: what the same attack finds where something is to be found; ? nobody looked, and chance "
    "then proves nothing."
)
"""The meaning of the marks."""
TONES = {"above chance": "red", "below chance": "yellow"}


def attack_tables(attacks: AttackBoard, width: int) -> Iterator[Table]:
    """The strongest attacks, then every attack place by place."""
    for tier, lines in groupby(summary_lines(attacks), lambda line: line.tier):
        yield from summary(attacks.board, tier, list(lines), width)
    for stand in attacks.stands:
        yield from _matrix(attacks, stand, width)


def summary(board: Board, tier: str, lines: Sequence[SummaryLine], width: int) -> Iterator[Table]:
    """The strongest attack of each family and view at one tier."""
    names = [
        Column("family", [Text(line.group.family) for line in lines], right=False),
        Column("sees", [Text(line.group.view) for line in lines], right=False),
    ]
    columns = [
        Column("attack", [Text(line.attack or formats.MISSING) for line in lines], right=False),
        Column("headline", [_headline(line) for line in lines]),
        Column("row", [Text(line.row.label if line.row else formats.MISSING) for line in lines], right=False),
        *(_rates(lines, target) for target in _shown(board, lines)),
    ]
    families = [line.group.family for line in lines]
    return split(f"{STRONGEST}, {tier}", names, names, columns, families, width)


def _shown(board: Board, lines: Sequence[SummaryLine]) -> list[float]:
    """False-positive rates that any line states a rate at: the strict ones, or where there is none the coarse one."""
    stated = [target for target in targets(board) if any(line.tpr(target) for line in lines)]
    return [target for target in stated if target < COARSE] or stated


def _headline(line: SummaryLine) -> Text:
    if line.result is None:
        return Text(line.verdict, "yellow")
    shown = figure(line.result)
    return Text(f"{shown} {LEAKS}", "red") if line.leaks else Text(f"{shown}  ")


def _rates(lines: Sequence[SummaryLine], target: float) -> Column:
    cells = [formats.MISSING if (shown := line.tpr(target)) is None else shown for line in lines]
    return Column(f"TPR at\n{100 * target:g} % FPR", [Text(cell) for cell in cells])


def _matrix(attacks: AttackBoard, stand: Stand, width: int) -> Iterator[Table]:
    """Attacks by rows of one place, and beside them what they find where something was planted."""
    rows = stand.rows
    held = [(group, name) for group in attacks.groups for name in group.attacks]
    kept = [(group, name) for group, name in held if any(name in row.attacks for row in rows)]
    names = [name for _, name in kept]
    first = Column("attack", [Text(attacks.labelled(name)) for name in names], right=False)
    seen = Column("sees", [Text(group.view) for group, _ in kept], right=False)
    columns = [Column(row.label, [_cell(row.attacks.get(name)) for name in names]) for row in rows]
    planted = Column("planted", [_planted(rows, name) for name in names])
    groups = [group for group, _ in kept]
    return split(f"Attacks, {stand.title}", [first], [first], [seen, planted, *columns], groups, width)


def _cell(attack: AttackSummary | None) -> Text:
    if attack is None or attack.headline.estimate.value is None:
        return Text(formats.MISSING)
    if attack.verdict == "invalid":
        return Text("!", "yellow")
    return Text(_short(attack.headline.estimate, attack), TONES.get(attack.verdict, "dim"))


def _planted(rows: Sequence[BoardRow], name: str) -> Text:
    held = [row.attacks[name] for row in rows if name in row.attacks]
    known = next((attack for attack in held if attack.power != "unknown"), held[0])
    if known.strength is None or known.power == "unknown":
        return Text("?", "yellow")
    return Text(_short(known.strength.estimate, known), "" if known.power == "shown" else "yellow")


def _short(estimate: Estimate, attack: AttackSummary) -> str:
    unit = attack.headline.shown_unit
    value = formats.number(estimate.value, 2, signed=not attack.headline.bounded)
    return " ".join(part for part in (value, unit, formats.plus_minus(estimate, 2)) if part)
