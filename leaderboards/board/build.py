"""The board: what the records say, row by row, with intervals. A pure function of records and samples.

A row is a method at a place (a privacy tier, or a tier after so many private steps), over all seeds; a record that
holds variants makes several (`views`). A score is kept per (seed, client, clip); intervals are
clustered by client, differences are paired by all three. Methods are ranked within their tier, where the
guarantee is the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from privtalk.core.display import Display
from privtalk.core.origin import DatasetOrigin
from privtalk.core.records import Record
from privtalk.core.run_folder import MissingRow, PlannedRow
from privtalk.leaderboards import formats
from privtalk.leaderboards.board import assembly, floors
from privtalk.leaderboards.board.loading import BoardKey, Expected, Runs, display_of
from privtalk.leaderboards.board.model import Board, BoardMetric, BoardRow, RowKey, Samples
from privtalk.leaderboards.board.views import expanded

__all__ = [
    "Board",
    "BoardMetric",
    "BoardRow",
    "RowKey",
    "Samples",
    "build",
    "build_all",
    "corpus_name",
    "group",
]


def build(
    records: Iterable[Record],
    samples: Samples,
    *,
    display: Display | None = None,
    baseline: str = "",
    headline: str | None = None,
    problems: Iterable[str] = (),
    planned: int = 0,
    missing: Sequence[MissingRow] = (),
    design: Sequence[PlannedRow] = (),
    remarks: Sequence[str] = (),
    origins: Sequence[DatasetOrigin] = (),
) -> Board:
    """Board of the records of one suite, preset, corpus and task; mixing several is refused.

    Without a `display` that of the records' task is asked for, and without a `baseline` the display's is taken.
    `problems` are what went wrong before, when records were read; the board keeps them among its own. `planned` and
    `missing` are what a run was asked for and did not come to, `design` its rows of factorial grids, `remarks` what
    was said before it, `origins` the data sets of its corpus.
    """
    found = list(records)
    if not found:
        raise ValueError("no records to make a board of; run a suite first: bench run")
    shown = display_of(found[0].task) if display is None else display
    kept, repeated = assembly.unique(found, shown)
    if len(homes := {(r.suite, r.preset, r.task) for r in kept}) > 1:
        raise ValueError(
            f"one board shows one suite and preset of a task, not {sorted(homes)}; split with group()"
        )
    views, dealt = expanded(kept, samples)
    grouped = assembly.by_row(views, shown)
    scores = {key: assembly.scores_of(rs, dealt) for key, rs in grouped.items()}
    wanted = baseline or (shown.baseline.row if shown.baseline else "")
    base = next((key for key in grouped if key.method == wanted), None)
    seeds = tuple(sorted({r.seed for r in kept}))
    metrics = assembly.metrics_of(grouped)
    made = [
        assembly.make_row(key, rs, shown, scores, base, metrics, seeds, missing)
        for key, rs in grouped.items()
    ]
    apart = [row for row in made if shown.apart(row.key.tier)]
    rows = [row for row in made if row not in apart]
    chosen = assembly.headline_of(metrics, headline, shown.headline)
    rows = assembly.completed(rows, metrics, scores, chosen)
    rows = assembly.ranked(floors.judged_by_floors(rows, scores, metrics, shown), scores, metrics)
    metrics = assembly.with_digits(metrics, rows)
    lacking = [] if base or not wanted else [f"no row {wanted!r} to compare with: differences are missing"]
    return Board(
        suite=kept[0].suite,
        preset=kept[0].preset,
        display=shown,
        baseline=base,
        headline=chosen,
        metrics=metrics,
        attacks=tuple(dict.fromkeys(name for row in rows for name in row.attacks)),
        rows=tuple(sorted(rows, key=lambda row: assembly.row_order(row, metrics, chosen, shown))),
        apart=tuple(sorted(apart, key=lambda row: (row.key.method, shown.at_order(row.key.tier)))),
        seeds=seeds,
        problems=(*problems, *repeated, *lacking, *assembly.warnings_of(kept, shown.shared)),
        planned=planned,
        missing=tuple(missing),
        design=tuple(design),
        remarks=tuple(remarks),
        origins=tuple(origins),
        scores=scores,
    )


def build_all(runs: Runs) -> dict[BoardKey, Board]:
    """Every board of some runs; of one without any record, all boards say that it is missing."""
    groups = ordered(group(runs.records), runs)
    lost = [
        f"{formats.listing([part for part in key[:3] if part])}: none of {known.planned} planned rows has a record"
        for key, known in runs.expected.items()
        if key not in groups
    ]
    boards = {}
    for key, records in groups.items():
        known = runs.expected.get(key, Expected())
        boards[key] = build(
            records,
            runs.samples,
            display=runs.display(key.task),
            problems=[*runs.problems, *lost],
            planned=known.planned,
            missing=known.missing,
            design=known.design,
            remarks=known.remarks,
            origins=known.origins,
        )
    return boards


def group(records: Iterable[Record]) -> dict[BoardKey, list[Record]]:
    """Records by suite, preset, corpus and task, each of which makes a board."""
    groups: dict[BoardKey, list[Record]] = defaultdict(list)
    for record in records:
        groups[BoardKey(record.suite, record.preset, corpus_name(record), record.task)].append(record)
    return dict(sorted(groups.items()))


def ordered(groups: Mapping[BoardKey, list[Record]], runs: Runs) -> dict[BoardKey, list[Record]]:
    """The boards in the order in which their tasks name the suites."""

    def place(key: BoardKey) -> tuple[int, BoardKey]:
        suites = list(runs.display(key.task).suites)
        return (suites.index(key.suite) if key.suite in suites else len(suites), key)

    return {key: groups[key] for key in sorted(groups, key=place)}


def corpus_name(record: Record) -> str:
    """Corpus of a cell as it names it; empty for one that names none."""
    corpus = record.cell.get("corpus", "")
    if isinstance(corpus, Mapping):
        corpus = corpus.get("name") or corpus.get("kind") or ""
    return str(corpus)
