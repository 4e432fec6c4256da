"""How records become rows: grouping, scores, completeness and ranks. The parts of `board.build`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from privtalk.core.display import Display
from privtalk.core.records import AttackResult, Estimate, Record, Score
from privtalk.core.run_folder import MissingRow
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.attacks import attack_summary
from privtalk.leaderboards.board.model import (
    BoardMetric,
    BoardRow,
    MetricCell,
    RowKey,
    Samples,
    missing_texts,
    verdict,
)
from privtalk.leaderboards.board.statistics import (
    Rank,
    Scores,
    clustered_mean,
    paired_difference,
    shared_ranks,
)
from privtalk.leaderboards.board.summaries import pooled, privacy_summary


def unique(records: Iterable[Record], display: Display) -> tuple[list[Record], list[str]]:
    """One record a cell: the newest, with a note where several differ in code."""
    newest: dict[str, Record] = {}
    repeated = set()
    for record in sorted(
        records, key=lambda r: (r.method, display.at_order(r.tier), r.seed, r.cell_id, r.started)
    ):
        if record.cell_id in newest and newest[record.cell_id] != record:
            repeated.add(record.cell_id)
        newest[record.cell_id] = record
    notes = (
        [f"{len(repeated)} cells were recorded more than once; the newest record is shown"]
        if repeated
        else []
    )
    return list(newest.values()), notes


def by_row(records: Sequence[Record], display: Display) -> dict[RowKey, list[Record]]:
    """Records by row, sorted by seed; cells that share method, tier and seed are told apart by settings."""
    plain: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        plain[record.method, record.tier].append(record)
    rows: dict[RowKey, list[Record]] = defaultdict(list)
    shared = _shared_labels({method for method, _ in plain}, display)
    for (method, tier), same in plain.items():
        own = f"recorded as {method}" if method in shared else ""
        for record, variant in zip(same, _variants(same), strict=True):
            rows[RowKey(method, tier, ", ".join(filter(None, (own, variant))))].append(record)
    return {key: sorted(rs, key=lambda r: r.seed) for key, rs in rows.items()}


def _shared_labels(methods: Iterable[str], display: Display) -> set[str]:
    """Methods that would be shown under the same name: charts and tables know rows by it."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for method in methods:
        by_label[display.row_label(method)].append(method)
    return {method for same in by_label.values() if len(same) > 1 for method in same}


def _variants(same: Sequence[Record]) -> list[str]:
    """For each record the settings in which the records of a row differ, or nothing where seeds alone do."""
    if len({r.seed for r in same}) == len(same):
        return [""] * len(same)
    flats = [flatten(r.cell) for r in same]
    keys = sorted({key for flat in flats for key in flat} - {"seed"})
    differing = [key for key in keys if len({json.dumps(flat.get(key), default=str) for flat in flats}) > 1]
    return [", ".join(f"{key.split('.')[-1]}={flat.get(key)}" for key in differing) for flat in flats]


def flatten(cell: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as dotted names.

    >>> flatten({"a": {"b": 1}, "c": 2})
    {'a.b': 1, 'c': 2}
    """
    flat: dict[str, Any] = {}
    for key, value in cell.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def scores_of(records: Sequence[Record], samples: Samples) -> dict[str, Scores]:
    """Metric -> (seed, client, clip) -> value, of the clips that have one."""
    scores: dict[str, dict[tuple[int, str, str], float]] = defaultdict(dict)
    for record in records:
        for sample in samples.get(record.cell_id, ()):
            for name, value in sample.scores.items():
                if value is not None:
                    scores[name][record.seed, sample.client, sample.clip] = value
    return dict(scores)


def metrics_of(grouped: Mapping[RowKey, Sequence[Record]]) -> tuple[BoardMetric, ...]:
    """Columns in the order in which records name them."""
    seen: dict[str, list[Score]] = defaultdict(list)
    for record in (record for records in grouped.values() for record in records):
        for name, score in record.metrics.items():
            seen[name].append(score)
    columns = []
    for name, scored in seen.items():
        truths = [s.ground_truth for s in scored if s.ground_truth is not None]
        columns.append(
            BoardMetric(
                name=name,
                unit=scored[0].unit,
                direction=scored[0].direction,
                ground_truth=sum(truths) / len(truths) if truths else None,
                digits=3,
                family=next((s.family for s in scored if s.family), ""),
                about=next((s.about for s in scored if s.about), ""),
                level=scored[0].level,
            )
        )
    return tuple(columns)


def make_row(
    key: RowKey,
    records: Sequence[Record],
    display: Display,
    scores: Mapping[RowKey, Mapping[str, Scores]],
    baseline: RowKey | None,
    metrics: Sequence[BoardMetric],
    seeds: Sequence[int],
    missing: Sequence[MissingRow] = (),
) -> BoardRow:
    have = tuple(r.seed for r in records)
    told = [row for row in missing if (row.row, row.tier) == key[:2] and row.seed not in have]
    known = {row.seed for row in told}
    lacking = [str(seed) for seed in seeds if seed not in (*have, *known)]
    attacks: dict[str, list[tuple[Record, AttackResult]]] = defaultdict(list)
    for record in records:
        for name, result in record.attacks.items():
            attacks[name].append((record, result))
    name = display.row_label(key.method)
    return BoardRow(
        key=key,
        label=f"{name} ({key.variant})" if key.variant else name,
        at=display.at_label(key.tier),
        kind=records[0].kind,
        seeds=have,
        cells={m.name: _cell(key, records, m, scores, baseline) for m in metrics},
        privacy=privacy_summary([r.privacy for r in records]),
        attacks={
            name: attack_summary([(r.seed, a) for r, a in pairs], [r.privacy for r, _ in pairs], display)
            for name, pairs in attacks.items()
        },
        incomplete=(
            *missing_texts(told),
            *((f"seed {formats.listing(lacking)} missing",) if lacking else ()),
        ),
        records=tuple(records),
    )


def _cell(
    key: RowKey,
    records: Sequence[Record],
    metric: BoardMetric,
    scores: Mapping[RowKey, Mapping[str, Scores]],
    baseline: RowKey | None,
) -> MetricCell:
    own = scores[key].get(metric.name, {})
    recorded = [r.metrics[metric.name].estimate for r in records if metric.name in r.metrics]
    estimate = clustered_mean(own, np.random.default_rng(0)) if own else pooled(recorded)
    if baseline is None:
        apart = Estimate(missing="no baseline row")
    elif key == baseline:
        apart = Estimate(missing="this is the baseline")
    else:
        apart = paired_difference(own, scores[baseline].get(metric.name, {})).estimate()
    return MetricCell(estimate=estimate, difference=apart, verdict=verdict(apart, metric.sign))


def with_digits(metrics: Sequence[BoardMetric], rows: Sequence[BoardRow]) -> tuple[BoardMetric, ...]:
    """Metrics with enough decimals for both the values and the methods' paired differences."""

    def digits(metric: BoardMetric) -> int:
        values = [row.cells[metric.name].estimate for row in rows]
        apart = [row.cells[metric.name].difference for row in rows if row.kind == "method"]
        most = formats.most_digits(values)
        own = formats.digits_for(values, most=most)
        return max(own, formats.digits_for(apart, default=own, most=most))

    return tuple(replace(metric, digits=digits(metric)) for metric in metrics)


def completed(
    rows: Sequence[BoardRow],
    metrics: Sequence[BoardMetric],
    scores: Mapping[RowKey, Mapping[str, Scores]],
    headline: str | None,
) -> list[BoardRow]:
    """Methods with what they lack of what other methods have: whole metrics, or clips of the headline metric.

    What no method has (no weights were installed) makes no row incomplete.
    """
    methods = [row for row in rows if row.kind == "method"]
    known = [m.name for m in metrics if any(r.cells[m.name].estimate.value is not None for r in methods)]
    clips = {key for row in methods for key in scores[row.key].get(headline or "", {})}
    completed = []
    for row in rows:
        absent = [name for name in known if row in methods and row.cells[name].estimate.value is None]
        notes = [f"{formats.first_of(absent)} missing"] if absent else []
        expected = {key for key in clips if key[0] in row.seeds} if row in methods else set()
        lacking = expected - scores[row.key].get(headline or "", {}).keys()
        if lacking and headline not in absent:
            notes.append(f"{headline} missing for {len(lacking)} of {len(expected)} clips")
        completed.append(replace(row, incomplete=(*row.incomplete, *notes)))
    return completed


def ranked(
    rows: Sequence[BoardRow], scores: Mapping[RowKey, Mapping[str, Scores]], metrics: Sequence[BoardMetric]
) -> list[BoardRow]:
    """Complete methods with their place in each metric, within their tier."""
    places: dict[tuple[str, RowKey], Rank | None] = {}
    for tier in {row.key.tier for row in rows}:
        peers = [r.key for r in rows if r.kind == "method" and r.key.tier == tier and not r.incomplete]
        for metric in metrics:
            measured = {str(key): scores[key].get(metric.name, {}) for key in peers}
            if metric.direction != "reference":
                ranks = shared_ranks(measured, metric.direction)
                places |= {(metric.name, key): ranks[str(key)] for key in peers}
    return [
        replace(row, cells={n: replace(c, rank=places.get((n, row.key))) for n, c in row.cells.items()})
        for row in rows
    ]


def headline_of(metrics: Sequence[BoardMetric], wanted: str | None, usual: str) -> str | None:
    """The metric asked for, or the usual one, or the first that has a direction."""
    names = [m.name for m in metrics]
    if wanted is not None and wanted not in names:
        raise ValueError(f"no metric {wanted!r} in these records; metrics: {', '.join(names)}")
    if wanted is None and usual in names:
        return usual
    return wanted or next((m.name for m in metrics if m.sign), None)


def row_order(
    row: BoardRow, metrics: Sequence[BoardMetric], headline: str | None, display: Display
) -> tuple[Any, ...]:
    value = row.cells[headline].estimate.value if headline else None
    sign = next((m.sign for m in metrics if m.name == headline), 1)
    return (
        row.kind == "method",
        display.at_order(row.key.tier),
        -sign * value if value is not None else float("inf"),
        row.key,
    )


def warnings_of(records: Sequence[Record], shared: Sequence[str]) -> list[str]:
    """Differences between the records' code and machines, and unclean code."""
    notes = []
    if any(r.code.dirty for r in records):
        count = sum(bool(r.code.dirty) for r in records)
        notes.append(f"{count} of {len(records)} records come from code with uncommitted changes")
    if len({(r.code.version, r.code.commit) for r in records}) > 1:
        notes.append("records come from several versions of the code")
    cells = [
        flatten({key: r.cell.get(key, {}) for key in shared if isinstance(r.cell.get(key), Mapping)})
        for r in records
    ]
    for key in sorted({key for cell in cells for key in cell}):
        values = sorted({str(cell[key]) for cell in cells if key in cell})
        if len(values) > 1:
            notes.append(f"rows differ in {key} ({formats.listing(values)}) and are not comparable")
    return notes
