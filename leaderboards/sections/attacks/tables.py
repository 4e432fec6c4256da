"""Guarantees, attacks and audits in the terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from rich.table import Table
from rich.text import Text

from privtalk.core.records import Audit, Estimate, LowerBound, Privacy
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.model import Board, Row
from privtalk.leaderboards.sections.attacks import leaks
from privtalk.leaderboards.sections.attacks.summary import SummaryLine, summary_lines, targets
from privtalk.leaderboards.sections.audits.audits import AuditLine, assumptions, audit_lines, named
from privtalk.leaderboards.terminal import Column, add_row, plain, split

COARSE = 0.1
"""A false-positive rate at which a true-positive rate says little that the AUC does not."""
STRONGEST = "The strongest attacks"
LEAKS = "▲"
TONES = {"above chance": "red", "below chance": "yellow"}


def attack_tables(board: Board, width: int) -> Iterator[Table]:
    """Guarantees, the strongest attacks, every attack tier by tier, audits: as far as the board has them."""
    yield guarantees(board)
    for tier, lines in groupby(summary_lines(board), lambda line: line.tier):
        yield from summary(board, tier, list(lines), width)
    for tier, rows in leaks.attacked(board):
        yield from _matrix(board, board.at(tier) if tier else "References", rows, width)
    if found := audit_lines(board):
        yield from audits(found, width)


def attack_notes(board: Board) -> list[str]:
    """What the marks in the tables of attacks and audits mean."""
    lines = audit_lines(board)
    notes = [f"* rests on an assumption: {text}" for text in assumptions(lines)]
    notes += [f"! {line.row.where}, seed {line.seed}: {text}" for line in lines for text in line.violations]
    if not board.attacks:
        return notes
    return [
        f"{LEAKS} clear of chance after Holm’s correction over the family’s attacks and the tier’s rows; in brackets "
        "the realised false-positive rate. Attacks: ± half of the 95 % interval, red clear of chance, ! a control "
        "failed. Planted: what the same attack finds where something is to be found; ? nobody looked, and chance "
        "then proves nothing.",
        *notes,
    ]


def guarantees(board: Board) -> Table:
    """ε against three adversaries, methods with the same guarantee on one line."""
    table = plain("Guarantee")
    table.add_column("rows")
    table.add_column("tier", no_wrap=True)
    table.add_column("ε of outsider / sums / server", justify="right", no_wrap=True)
    table.add_column("δ", justify="right", no_wrap=True)
    merged: dict[tuple[str, ...], list[str]] = {}
    for row in board.methods():
        merged.setdefault((row.at, *_guarantee(row.privacy)), []).append(row.label)
    for (tier, epsilons, delta), labels in merged.items():
        add_row(table, formats.listing(labels), tier, epsilons, delta)
    return table


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


def audits(lines: Sequence[AuditLine], width: int) -> Iterator[Table]:
    """What the accountant allows beside what canaries certify, a column for each bound."""
    names = [
        Column("row", [Text(line.row.label) for line in lines], right=False),
        Column("tier", [Text(_tier(line.row)) for line in lines], right=False),
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


def _shown(board: Board, lines: Sequence[SummaryLine]) -> list[float]:
    """False-positive rates that any line states a rate at: the strict ones, or where there is none the coarse one."""
    stated = [target for target in targets(board) if any(line.tpr(target) for line in lines)]
    return [target for target in stated if target < COARSE] or stated


def _headline(line: SummaryLine) -> Text:
    if line.result is None:
        return Text(line.verdict, "yellow")
    figure = leaks.figure(line.result)
    return Text(f"{figure} {LEAKS}", "red") if line.leaks else Text(f"{figure}  ")


def _rates(lines: Sequence[SummaryLine], target: float) -> Column:
    cells = [formats.MISSING if (shown := line.tpr(target)) is None else shown for line in lines]
    return Column(f"TPR at\n{100 * target:g} % FPR", [Text(cell) for cell in cells])


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


def _tier(row: Row) -> str:
    return row.placed


def _matrix(board: Board, tier: str, rows: Sequence[Row], width: int) -> Iterator[Table]:
    """Attacks by rows of one tier, and beside them what they find where something was planted."""
    held = [(group, name) for group in leaks.groups(board) for name in group.attacks]
    kept = [(group, name) for group, name in held if any(name in row.attacks for row in rows)]
    names = [name for _, name in kept]
    first = Column("attack", [Text(leaks.labelled(board, name)) for name in names], right=False)
    seen = Column("sees", [Text(group.view) for group, _ in kept], right=False)
    columns = [Column(row.label, [_cell(row.attacks.get(name)) for name in names]) for row in rows]
    planted = Column("planted", [_planted(rows, name) for name in names])
    groups = [group for group, _ in kept]
    return split(f"Attacks, {tier}", [first], [first], [seen, planted, *columns], groups, width)


def _cell(attack: AttackSummary | None) -> Text:
    if attack is None or attack.headline.estimate.value is None:
        return Text(formats.MISSING)
    if attack.verdict == "invalid":
        return Text("!", "yellow")
    return Text(_short(attack.headline.estimate, attack), TONES.get(attack.verdict, "dim"))


def _planted(rows: Sequence[Row], name: str) -> Text:
    held = [row.attacks[name] for row in rows if name in row.attacks]
    known = next((attack for attack in held if attack.power != "unknown"), held[0])
    if known.strength is None or known.power == "unknown":
        return Text("?", "yellow")
    return Text(_short(known.strength.estimate, known), "" if known.power == "shown" else "yellow")


def _short(estimate: Estimate, attack: AttackSummary) -> str:
    unit = attack.headline.shown_unit
    value = formats.number(estimate.value, 2, signed=not attack.headline.bounded)
    return " ".join(part for part in (value, unit, formats.plus_minus(estimate, 2)) if part)


def _guarantee(privacy: Privacy) -> tuple[str, str]:
    if not privacy.guarantee:
        return "no guarantee", formats.MISSING
    values = privacy.epsilons.outsider, privacy.epsilons.secure_aggregation, privacy.epsilons.server
    shown = ["none" if value is None else f"{value:.2f}" for value in values]
    return " / ".join(shown), formats.MISSING if privacy.delta is None else f"{privacy.delta:.0e}"
