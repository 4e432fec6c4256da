"""The rows behind the charts of attacks: every attack on every row, its curves, and the ceilings over them."""

from __future__ import annotations

from typing import Any

from privtalk.leaderboards.board.attacks import AttackSummary
from privtalk.leaderboards.board.ceilings import Bound, bound, ceiling
from privtalk.leaderboards.board.model import Board, BoardRow
from privtalk.leaderboards.charts.data import Table, figures, identified, union
from privtalk.leaderboards.sections.attacks.attack_board import AttackBoard


def leak_rows(attacks: AttackBoard) -> Table:
    """Every attack on every row: headline against chance, p-value, operating points, controls, strength."""
    names = [name for group in attacks.groups for name in group.attacks]
    return union(
        [
            _leak_row(row, name, attacks.adjusted.get((row.key, name)))
            for stand in attacks.stands
            for row in stand.rows
            for name in names
            if name in row.attacks
        ]
    )


def roc_rows(board: Board, attack: str) -> Table:
    """Corners of every seed's curve, in order."""
    return [
        identified(row) | {"seed": seed, "order": order, "fpr": fpr, "tpr": tpr}
        for row in board.rows
        if attack in row.attacks
        for seed, curve in row.attacks[attack].rocs
        for order, (fpr, tpr) in enumerate(curve)
    ]


def curve_rows(board: Board, attack: str, series: str) -> Table:
    """Points of one of an attack's series, such as the AUC by the number of clients in a sum."""
    return [
        identified(row) | {"attack": attack, "series": series, "x": x, "y": y}
        for row in board.rows
        if attack in row.attacks
        for x, y in row.attacks[attack].curves.get(series, ())
    ]


def limit_of(row: BoardRow, attack: str) -> Bound | None:
    """The limit of the row's guarantee against whoever runs this attack."""
    known = row.attacks[attack]
    return bound(known.view, known.family, row.privacy)


def ceiling_rows(row: BoardRow, attack: str, lowest: float, count: int = 60) -> Table:
    """Highest TPR that the row's guarantee allows the attack, on a logarithmic grid of FPR from `lowest` to 1."""
    limit = limit_of(row, attack)
    if limit is None:
        return []
    grid = [lowest ** (1 - step / (count - 1)) for step in range(count)]
    return [
        {
            "tier": row.at,
            "fpr": fpr,
            "ceiling": ceiling(fpr, limit.epsilon, limit.delta),
        }
        for fpr in grid
    ]


def lowest_rate(board: Board, attack: str) -> float:
    """Smallest FPR worth drawing: half of one non-member of one seed."""
    counts = [
        row.attacks[attack].negatives / max(len(row.attacks[attack].rocs), 1)
        for row in board.rows
        if attack in row.attacks
    ]
    return 0.5 / max([*counts, 1.0])


def unbound_tiers(board: Board, attack: str) -> list[str]:
    """Tiers whose ceiling lies at 1 over the whole drawn range: no curve could contradict the guarantee."""
    lowest = lowest_rate(board, attack)
    rows = [r for r in board.methods() if attack in r.attacks and limit_of(r, attack) is not None]
    low = {
        row.key.tier
        for row in rows
        if any(p["ceiling"] < 0.99 for p in ceiling_rows(row, attack, 2 * lowest))
    }
    return [board.at(t) for t in board.tiers if t in {row.key.tier for row in rows} - low]


def _leak_row(row: BoardRow, name: str, p: float | None) -> dict[str, Any]:
    attack = row.attacks[name]
    head = attack.headline
    shown: dict[str, Any] = {
        "attack": name,
        "family": attack.family,
        "view": attack.view,
        "footage": attack.footage,
    }
    shown |= {"headline": head.name, "unit": head.unit, "chance": head.chance}
    shown |= {"attacker_gains": "above" if head.sign > 0 else "below"}
    shown |= figures(head.estimate) | {"verdict": attack.verdict, "p_holm": p, "valid": attack.valid}
    failed = [control for control, result in attack.controls.items() if not result.passed]
    shown |= {"missing": attack.missing or None, "failed_controls": "; ".join(failed)}
    limit = limit_of(row, name)
    shown |= {
        "bound_epsilon": limit.epsilon if limit else None,
        "bound_delta": limit.delta if limit else None,
    }
    shown |= {"bounded_against": limit.adversary if limit else None}
    return identified(row) | shown | _strength(attack) | _operating(attack) | _measures(attack)


def _strength(attack: AttackSummary) -> dict[str, Any]:
    planted = attack.strength
    ends: dict[str, Any] = {
        f"strength_{end}": getattr(planted.estimate, end) if planted else None
        for end in ("value", "low", "high")
    }
    return ends | {"strength_known": attack.power, "planted": planted.planted if planted else None}


def _operating(attack: AttackSummary) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for point in attack.points:
        at = f"{point.fpr_target:g}"
        shown |= {f"tpr_at_{at}": point.tpr.value, f"tpr_low_at_{at}": point.tpr.low}
        shown |= {f"tpr_high_at_{at}": point.tpr.high, f"fpr_realised_at_{at}": point.fpr_realised}
    return shown


def _measures(attack: AttackSummary) -> dict[str, Any]:
    return {f"measure_{name}": measure.estimate.value for name, measure in attack.measures.items()}
