"""The checks between two records of a cell: what must hold exactly, and what must be there to compare at all."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.core.display import Display
from privtalk.core.records import Estimate, Record, Sample
from privtalk.core.run_folder import MissingRow
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Samples, placed
from privtalk.leaderboards.board.statistics import Scores
from privtalk.leaderboards.regression.comparison import Check
from privtalk.leaderboards.sections.catalogue import worse

Pair = tuple[Record, Record]


def pair_checks(old: Record, fresh: Record, base: Samples, new: Samples, display: Display) -> list[Check]:
    """Everything that does not hold; what makes the pair incomparable first."""
    failed = _incomparable(old, fresh, base, new)
    found = worse(old, fresh, display) + _lost_scores(old, fresh, base, new)
    return [
        *(Check(text=f"{where(old, display)}: {text}", status="failure") for text in failed),
        *(Check(text=f"{where(old, display)}: {text}", status="regression") for text in found),
    ]


def new_only(pairs: Sequence[Pair]) -> list[str]:
    """The parts that have nothing in base to be compared with."""
    metrics: dict[str, None] = {}
    attacks: dict[str, None] = {}
    for old, fresh in pairs:
        metrics |= dict.fromkeys(m for m in _measured(fresh) if m not in _measured(old))
        attacks |= dict.fromkeys(name for name in fresh.attacks if name not in old.attacks)
    found = [(kind, list(names)) for kind, names in (("metrics", metrics), ("attacks", attacks)) if names]
    return [
        f"{kind} in new that base does not have, at least on a row, are not compared: {formats.first_of(n)}"
        for kind, n in found
    ]


def unfinished(
    missing: Sequence[MissingRow], side: str, display: Display, besides: Sequence[Record] = ()
) -> list[Check]:
    """Planned rows without a record, but those of `besides`, which are told of elsewhere."""
    told = {(record.method, record.tier, record.seed) for record in besides}
    return [
        Check(
            text=f"{_named_text(display, row.row, row.tier, row.seed)}: planned in {side} and missing: {row.reason}",
            status="failure",
        )
        for row in missing
        if named(row) not in told
    ]


def scores_of_metric(records: Sequence[Record], samples: Samples, metric: str) -> Scores:
    """(seed, client, clip) -> value of one metric, of the clips that have one."""
    return {
        (record.seed, sample.client, sample.clip): value
        for record in records
        for sample in samples.get(record.cell_id, ())
        if (value := sample.scores.get(metric)) is not None
    }


def where(record: Record, display: Display) -> str:
    return _named_text(display, record.method, record.tier, record.seed)


def named(row: MissingRow) -> tuple[str, str, int]:
    return row.row, row.tier, row.seed


def _named_text(display: Display, method: str, tier: str, seed: int) -> str:
    return f"{placed(display.row_label(method), display.at_label(tier))}, seed {seed}"


def _measured(record: Record) -> list[str]:
    return [name for name, score in record.metrics.items() if score.estimate.value is not None]


def _incomparable(old: Record, fresh: Record, base: Samples, new: Samples) -> list[str]:
    """The parts that base lacks, and where the two do not speak of the same thing: no change can be told there."""
    found = []
    had, has = (_clips(side.get(r.cell_id, ())) for side, r in ((base, old), (new, fresh)))
    if lacking := has - had:
        found.append(f"base lacks {len(lacking)} of {len(has)} clips; run it again")
    compared = False
    for metric, score in old.metrics.items():
        before, after = scores_of_metric([old], base, metric), scores_of_metric([fresh], new, metric)
        compared = compared or bool(before.keys() & after.keys())
        if score.estimate.value is not None and not before and had:
            found.append(f"base has a value of {metric}, and no clip's score; run it again")
        other = fresh.metrics.get(metric)
        if other is not None and (other.unit, other.direction) != (score.unit, score.direction):
            meant = (f"{s.direction} in {s.unit or 'no unit'}" for s in (score, other))
            found.append(f"{metric} is not the same measure: {' against '.join(meant)}")
    return [*found, *([] if compared else ["no score of it could be compared"])]


def _clips(samples: Sequence[Sample]) -> set[tuple[str, str]]:
    return {(sample.client, sample.clip) for sample in samples}


def _lost_scores(old: Record, fresh: Record, base: Samples, new: Samples) -> list[str]:
    """Metrics, or clips of a metric, that new has no value of."""
    found = []
    for metric, score in old.metrics.items():
        had = scores_of_metric([old], base, metric).keys()
        has = scores_of_metric([fresh], new, metric).keys()
        value = (
            fresh.metrics[metric].estimate
            if metric in fresh.metrics
            else Estimate(missing="not in the record")
        )
        if score.estimate.value is not None and value.value is None:
            found.append(f"{metric} is missing: {value.missing}")
        elif had - has:
            found.append(f"{metric} is missing for {len(had - has)} of {len(had)} clips")
    return found
