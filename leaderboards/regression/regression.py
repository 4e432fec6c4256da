"""Did a change make anything worse? Two sets of records, paired by configuration, seed, client and clip.

A difference counts as a regression only if its interval is clear of zero in the bad direction and it exceeds
the metric's tolerance. Guarantees, controls, audits and completeness are checked exactly; an attack counts where its
interval lies wholly on the attacker's side of the old one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from statistics import fmean

from privtalk.core.display import Display, alike
from privtalk.core.records import Estimate, Record, Score
from privtalk.core.run_folder import MissingRow
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.assembly import by_row, flatten
from privtalk.leaderboards.board.loading import Runs, display_of
from privtalk.leaderboards.board.model import RowKey, Samples, verdict
from privtalk.leaderboards.board.statistics import Scores, client_means, paired_difference
from privtalk.leaderboards.board.views import expanded
from privtalk.leaderboards.regression.comparison import Change, Check, Comparison, Status
from privtalk.leaderboards.regression.pair_checks import (
    named,
    new_only,
    pair_checks,
    scores_of_metric,
    unfinished,
    where,
)
from privtalk.leaderboards.regression.tolerances import Tolerances, tolerance

CODE_KEYS = frozenset({"code", "code_version", "version", "commit"})
"""Keys of a cell that do not change what is computed."""


def compare_runs(base: Runs, new: Runs, tolerances: Tolerances | None = None) -> Comparison:
    """Compare what was loaded of two run folders, with all that could not be read or is missing on either side."""
    return compare(
        base.records,
        base.samples,
        new.records,
        new.samples,
        tolerances=tolerances,
        display=_display(base, new),
        failures=[*(f"base: {text}" for text in base.problems), *new.problems],
        base_missing=base.missing,
        missing=new.missing,
    )


def _display(base: Runs, new: Runs) -> Display | None:
    """Names as new has them, tolerances as base has them: a change does not loosen what it is judged by."""
    task = next((record.task for record in (*new.records, *base.records)), None)
    if task is None:
        return None
    judged_by = base.display(task)
    kept = {"tolerances": judged_by.tolerances, "alike_from": judged_by.alike_from}
    return new.display(task).model_copy(update=kept)


def compare(
    base_records: Sequence[Record],
    base_samples: Samples,
    new_records: Sequence[Record],
    new_samples: Samples,
    *,
    display: Display | None = None,
    tolerances: Tolerances | None = None,
    failures: Iterable[str] = (),
    base_missing: Sequence[MissingRow] = (),
    missing: Sequence[MissingRow] = (),
) -> Comparison:
    """Compare; `failures` are records that could not even be read (`loading.Runs.problems`), `missing` planned rows
    without a record. Without a `display` that of the records' task is asked for.
    """
    shown = display or display_of(next((r.task for r in (*new_records, *base_records)), ""))
    base_records, base_samples = expanded(base_records, base_samples)
    new_records, new_samples = expanded(new_records, new_samples)
    base, new = {identity(r): r for r in base_records}, {identity(r): r for r in new_records}
    pairs = [(base[key], new[key]) for key in base if key in new]
    alone = [base[key] for key in base if key not in new]
    changes = _changes(pairs, base_samples, new_samples, {**shown.tolerances, **(tolerances or {})}, shown)
    checks = [Check(text=text, status="failure") for text in failures]
    checks += [_lost(record, new_records, missing, shown) for record in alone]
    checks += unfinished(missing, "new", shown, besides=alone) + unfinished(base_missing, "base", shown)
    checks += [check for pair in pairs for check in pair_checks(*pair, base_samples, new_samples, shown)]
    order: dict[Status, int] = {"failure": 0, "regression": 1, "improvement": 2, "ok": 3}
    return Comparison(
        changes=tuple(sorted(changes, key=lambda c: (order[c.status], c.row, c.metric))),
        checks=tuple(checks),
        warnings=tuple(_warnings(pairs, [new[key] for key in new if key not in base])),
        pairs=len(pairs),
    )


def identity(record: Record) -> str:
    """The part that must agree for two records to be comparable: all that is semantic, not the code's version."""
    cell = {key: value for key, value in record.cell.items() if key not in CODE_KEYS}
    named = [record.suite, record.preset, record.method, record.tier, record.seed, cell]
    return json.dumps(named, sort_keys=True, default=str)


def _changes(
    pairs: Sequence[tuple[Record, Record]],
    base: Samples,
    new: Samples,
    tolerances: Tolerances,
    display: Display,
) -> list[Change]:
    """Differences of every row and metric, seeds pooled."""
    partner = {old.cell_id: fresh for old, fresh in pairs}
    rows = by_row([old for old, _ in pairs], display)
    changes = []
    for row, same in rows.items():
        for metric, score in same[0].metrics.items():
            before = scores_of_metric(same, base, metric)
            after = scores_of_metric([partner[old.cell_id] for old in same], new, metric)
            if before and after:
                changes.append(_change(row, metric, score, before, after, tolerances, display))
    return changes


def _change(
    row: RowKey,
    metric: str,
    score: Score,
    before: Scores,
    after: Scores,
    tolerances: Tolerances,
    display: Display,
) -> Change:
    apart = paired_difference(after, before).estimate()
    if apart.value is not None and apart.low is None:
        apart = apart.model_copy(update={"missing": "one client: no interval to judge it by"})
    old, fresh = fmean(client_means(before).values()), fmean(client_means(after).values())
    allowed = tolerance(metric, old, tolerances)
    return Change(
        row=row,
        label=display.row_label(row.method),
        at=display.at_label(row.tier),
        metric=metric,
        base=old,
        new=fresh,
        difference=apart,
        tolerance=allowed,
        status="ok"
        if alike(display.alike_from, metric, old, fresh)
        else _status(apart, allowed, _sign(score, old, fresh)),
    )


def _status(apart: Estimate, allowed: float, sign: int) -> Status:
    """A change counts only if it is clear of zero and beyond the tolerance; where nothing can tell, nothing passes."""
    if apart.value is None:
        return "failure"
    if abs(apart.value) <= allowed:
        return "ok"
    if apart.missing:
        return "failure"
    said: dict[str | None, Status] = {"worse": "regression", "better": "improvement"}
    return said.get(verdict(apart, sign), "ok")


def _sign(score: Score, old: float, fresh: float) -> int:
    """The way that is better; a `reference` metric should come closer to ground truth's value."""
    if score.direction != "reference":
        return 1 if score.direction == "higher" else -1
    if score.ground_truth is None:
        return 0
    closer = abs(fresh - score.ground_truth) < abs(old - score.ground_truth)
    return 1 if closer == (fresh > old) else -1


def _lost(record: Record, others: Sequence[Record], missing: Sequence[MissingRow], display: Display) -> Check:
    """Why a record of base has no partner."""
    for other in others:
        if (other.suite, other.preset, other.method, other.tier, other.seed) == (
            (record.suite, record.preset, record.method, record.tier, record.seed)
        ):
            return Check(
                text=f"{where(record, display)}: configured otherwise: {_apart(record, other)}",
                status="failure",
            )
    told = [row.reason for row in missing if named(row) == (record.method, record.tier, record.seed)]
    why = f"planned in new and missing: {told[0]}" if told else "no record in new; run the suite again"
    return Check(text=f"{where(record, display)}: {why}", status="failure")


def _apart(old: Record, fresh: Record) -> str:
    before, after = flatten(old.cell), flatten(fresh.cell)
    keys = sorted(key for key in before | after if before.get(key) != after.get(key))
    return formats.listing([f"{key} {before.get(key)} -> {after.get(key)}" for key in keys])


def _warnings(pairs: Sequence[tuple[Record, Record]], added: Sequence[Record]) -> list[str]:
    apart: dict[str, None] = {}
    for old, fresh in pairs:
        for key in sorted(old.environment.keys() | fresh.environment.keys()):
            before, after = old.environment.get(key, "-"), fresh.environment.get(key, "-")
            if before != after:
                apart[f"environment differs: {key} {before} -> {after}"] = None
    warnings = list(apart)
    if any(fresh.code.dirty for _, fresh in pairs):
        warnings.append("new comes from code with uncommitted changes")
    warnings += new_only(pairs)
    if added:
        warnings.append(f"{len(added)} records in new have no partner in base and are not compared")
    return warnings
