"""The charts of attacks as files: who leaks, the ROC of those that speak for their group, what sums hide."""

from __future__ import annotations

from pathlib import Path

from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board
from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.files import Figure, write_table, written
from privtalk.leaderboards.escaping import joined_name, metric_file
from privtalk.leaderboards.sections.attacks import rows as attack_data
from privtalk.leaderboards.sections.attacks.attack_board import SEEN, AttackBoard, AttackGroup
from privtalk.leaderboards.sections.attacks.charts.aggregation import aggregation
from privtalk.leaderboards.sections.attacks.charts.matrix import leak_matrix
from privtalk.leaderboards.sections.attacks.charts.roc import roc

LEGEND = (
    "Coloured: clear of chance to the attacker’s gain, with every control at chance; the stronger the colour, the "
    "greater the gain. Grey: at chance, by an attack that finds what is planted. Outlined: at chance, and the attack "
    "is not known to find anything, which says nothing of privacy. ! in dashes: a control failed, so the figure "
    "means nothing. ‹: below chance. -: not measured."
)


def draw_attacks(attacks: AttackBoard, site: Path, slug: str) -> dict[str, list[Figure]]:
    """`leaks`: the matrix; `aggregation`: curves over the size of a sum; `roc <family>`: one chart a view."""
    rows = attack_data.leak_rows(attacks)
    if not rows:
        return {"leaks": [], "aggregation": []}
    found = {"leaks": [_matrix(attacks, rows, site, slug)], "aggregation": _aggregations(attacks, site, slug)}
    for group in attacks.groups:
        best = attacks.spokesman(group)
        drawn = [_roc(attacks, group, best, site, slug)] if best else []
        found.setdefault(f"roc {group.family}", []).extend(drawn)
    return found


def write_rocs(board: Board, site: Path, slug: str) -> dict[str, str]:
    """Every attack's curves as tables; attack -> path of the CSV, relative to the site."""
    files = {}
    for name in board.attacks:
        if rows := attack_data.roc_rows(board, name):
            path = site / "data" / f"{slug}-roc" / metric_file(name)
            write_table(rows, path)
            files[name] = f"{path.relative_to(site).as_posix()}.csv"
    return files


def _matrix(attacks: AttackBoard, rows: Table, site: Path, slug: str) -> Figure:
    board = attacks.board
    clear = [r for r in rows if r["verdict"] == "above chance"]
    tried = [r for r in rows if r["verdict"] in ("above chance", "at chance", "below chance")]
    said = [f"{r['label']} at {board.at(r['tier'])}: {r['attack']} {_number(r)}" for r in clear]
    return written(
        lambda theme, layout: leak_matrix(attacks, theme, layout),
        rows,
        site / "charts" / slug / "who-leaks",
        title="Who leaks",
        alt=f"Every attack on every row. Clear of chance: {'; '.join(said) or 'none'}.",
        caption=(
            f"AUC unless an attack names another figure. {LEGEND} Not corrected for many comparisons: of {len(tried)} "
            f"valid cells about {round(0.025 * len(tried))} would be coloured by chance alone; the findings are "
            "corrected."
        ),
    )


def _number(row: dict[str, object]) -> str:
    value = row["value"]
    return formats.number(value if isinstance(value, float) else None, 2)


def _roc(attacks: AttackBoard, group: AttackGroup, attack: str, site: Path, slug: str) -> Figure:
    board = attacks.board
    lines = [
        f"{row.stated}: AUC {formats.number(row.attacks[attack].auc.value, 2)}"
        for row in board.methods()
        if attack in row.attacks
    ]
    others = len(group.attacks) - 1
    whose = f", the strongest of {others + 1} on this view" if others else ""
    return written(
        lambda theme, layout: roc(board, attack, theme, layout),
        attack_data.roc_rows(board, attack),
        site / "charts" / slug / f"roc-{metric_file(attack)}",
        title=f"ROC of {attack} on {SEEN.get(group.view, group.view)}",
        alt=f"ROC curves of {attack}. {'; '.join(lines)}.",
        caption=f"{attack}{whose}. {_ceilings(attacks, attack)}",
    )


def _ceilings(attacks: AttackBoard, attack: str) -> str:
    """The note on the dashed lines: what they are, whose ε they come from, and where they lie out of reach."""
    text = "One curve a seed, both axes logarithmic. Grey: chance."
    board = attacks.board
    limits = [
        limit for r in board.methods() if attack in r.attacks and (limit := attack_data.limit_of(r, attack))
    ]
    if not limits:
        return f"{text} No guarantee is claimed against whoever sees this, so nothing bounds the curves."
    whose = formats.listing(sorted({limit.adversary.replace("_", " ") for limit in limits}))
    factor = "2ε: one person in another’s place" if attacks.described(attack).family == "identity" else "ε"
    text += (
        f" Dashed: the most that the guarantee allows, TPR ≤ e^ε FPR + δ, with {factor}, ε against: {whose}."
    )
    if unbound := attack_data.unbound_tiers(board, attack):
        text += (
            f" At {formats.listing(unbound)} that ceiling lies at 1 over the range these counts can resolve."
        )
    return text


def _aggregations(attacks: AttackBoard, site: Path, slug: str) -> list[Figure]:
    found = []
    board = attacks.board
    for attack in attacks.attacks_of("aggregation"):
        series = dict.fromkeys(
            s for row in board.methods() if attack in row.attacks for s in row.attacks[attack].curves
        )
        found += [_aggregation(board, attack, name, site, slug) for name in series]
    return found


def _aggregation(board: Board, attack: str, series: str, site: Path, slug: str) -> Figure:
    rows = attack_data.curve_rows(board, attack, series)
    lines = [
        f"{row.stated}: "
        + ", ".join(f"{y:.2f} at {x:g}" for x, y in row.attacks[attack].curves.get(series, ()))
        for row in board.methods()
        if attack in row.attacks
    ]
    return written(
        lambda theme, layout: aggregation(board, attack, series, theme, layout),
        rows,
        site / "charts" / slug / f"curve-{metric_file(attack)}-{joined_name(*series.split(' '))}",
        title=f"{attack}: {series.replace('auc', 'AUC')}",
        alt=f"{attack}, {series}. {'; '.join(lines)}.",
        caption=f"{attack}: how fast a sum hides its clients. A curve a tier; the rule is chance. Means over seeds.",
    )
