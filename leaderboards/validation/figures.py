"""The report's charts as files, with a caption that says what each means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from privtalk.core.intervals import half_width
from privtalk.leaderboards.charts.data import Table
from privtalk.leaderboards.charts.files import Figure, written
from privtalk.leaderboards.validation import charts
from privtalk.leaderboards.validation.distortions import LADDERS, UNITS
from privtalk.leaderboards.validation.footage import POPULATIONS
from privtalk.leaderboards.validation.identity import Verified
from privtalk.leaderboards.validation.ladder import Climb
from privtalk.leaderboards.validation.readers import Read
from privtalk.leaderboards.validation.scoring import Scored
from privtalk.leaderboards.validation.synchrony import BAR, SHIFTS, Synced
from privtalk.leaderboards.validation.temporal import NAMES, ORDERS
from privtalk.leaderboards.validation.work import Measured
from privtalk.metrics import METRICS

BINS = 60
MAIN = (
    "psnr", "ssim", "lpips", "identity", "fid", "kid", "fvd", "lmd", "mouth_sync", "mouth_opening_error",
    "lse_c", "lse_d",
)  # fmt: skip
"""Metrics, before their evaluator, whose panels are shown at once."""
ARROWS = {"higher": "↑", "lower": "↓", "reference": ""}


def draw(measured: Measured, out: Path) -> dict[str, list[Figure]]:
    """Section of the report -> its charts."""
    place = out / "charts" / "metrics"
    return {
        "identity": list(_identity(_done(measured.verified), place)),
        "sync": list(_sync(_done(measured.synced), place)),
        "readers": list(_readers(_done(measured.read), place)),
        "distortions": list(_ladders(measured.climbs, place)),
        "time": list(_times(measured.times, place)),
    }


def _done(found: Mapping[Any, Any]) -> dict[Any, Any]:
    """The findings, without reasons."""
    return {key: value for key, value in found.items() if not isinstance(value, str)}


def _identity(found: Mapping[tuple[str, str], Verified], place: Path) -> Iterator[Figure]:
    for network in dict.fromkeys(name for name, _ in found):
        own = {POPULATIONS[p]: v for (name, p), v in found.items() if name == network}
        told = "; ".join(f"{p}: AUC {v.templates.value:.4f}" for p, v in own.items())
        scores = [row for p, v in own.items() for row in histogram_rows(p, v)]
        yield written(
            partial(charts.densities, scores, "cosine of two templates"),
            scores,
            place / f"identity-{network}-scores",
            title=f"Scores of identity[{network}]",
            alt=f"Histograms of genuine and impostor cosines. {told}.",
            caption="Templates of one person in two sittings, and of two people. The less the two overlap, the fewer "
            "pairs are confused.",
        )
        curve = [
            {"population": p, "far": float(far), "tar": float(tar)}
            for p, v in own.items()
            for far, tar in v.roc
        ]
        yield written(
            partial(charts.roc, curve),
            curve,
            place / f"identity-{network}-roc",
            title=f"ROC of identity[{network}]",
            alt=f"True against false acceptance. {told}.",
            caption="How many of one person’s pairs are accepted at the threshold that lets so many impostors pass.",
        )
        parts = [row for p, v in own.items() for row in slice_rows(p, v)]
        if parts:
            yield written(
                partial(charts.slices, parts),
                parts,
                place / f"identity-{network}-conditions",
                title=f"identity[{network}] under pose and light",
                alt="AUC of single frames by the difference in pose and in light.",
                caption="Pairs of single frames by the angle between the two heads’ directions and between their key "
                "lights. A flat row means that neither matters.",
            )


def slice_rows(population: str, found: Verified) -> Table:
    """A row for each slice of a population."""
    return [
        {
            "by": s.by,
            "range": f"{s.low:g}-{s.high:g}°" if s.high < 180 else f"over {s.low:g}°",
            "population": population,
            "auc": s.auc,
            "eer": s.eer,
            "genuine": s.genuine,
        }
        for s in found.slices
    ]


def histogram_rows(population: str, found: Verified) -> Table:
    """Shares of genuine and impostor cosines by bin."""
    low = min(float(found.genuine.min()), float(found.impostor.min()))
    edges = np.linspace(low, 1, BINS + 1)
    rows: Table = []
    for kind, values in (("one person", found.genuine), ("two people", found.impostor)):
        shares = np.histogram(values, edges)[0] / len(values)
        rows += [
            {"panel": population, "kind": kind, "value": float(x), "share": float(y)}
            for x, y in zip((edges[1:] + edges[:-1]) / 2, shares, strict=True)
        ]
    return rows


def _sync(found: Mapping[str, Synced], place: Path) -> Iterator[Figure]:
    for network, synced in found.items():
        rows: Table = [
            {"length": f"{length} frames", "shift": shift, "share": s.value, "low": s.low, "high": s.high}
            for length, shares in synced.shares.items()
            for shift, s in shares.items()
        ]
        shift, worst = synced.worst
        yield written(
            partial(charts.shifts, rows, BAR),
            rows,
            place / f"sync-{network}-shifts",
            title=f"Known shifts, sync[{network}]",
            alt=f"Share of clips whose shift is found; at the worst shift, {shift:+d}, {worst.value:.1%}.",
            caption="The sound was moved by a known number of frames. Short clips allow a smaller range. "
            "Dashed: the bar. Rules: 95 % intervals (Wilson).",
        )
        total = sum(synced.offsets.values())
        counts: Table = [{"offset": s, "share": synced.offsets[s] / total} for s in SHIFTS]
        yield written(
            partial(charts.offsets, counts, 1 / len(SHIFTS)),
            counts,
            place / f"sync-{network}-strangers",
            title=f"Somebody else’s sound, sync[{network}]",
            alt=f"Offsets found for mismatched sounds; chi-squared p of uniformity {synced.uniform:.2g}.",
            caption=f"Offsets found where the sound is somebody else’s. Dashed: chance. That they are uniform has "
            f"p = {synced.uniform:.2g}; offsets at the ends are a little likelier, because neighbouring shifts are "
            "alike and the ends have one neighbour.",
        )
        both = [
            row
            for kind, values in (("own sound", synced.matched), ("somebody else’s", synced.mismatched))
            for row in _histogram(f"LSE-C, sync[{network}]", kind, values, synced)
        ]
        yield written(
            partial(charts.densities, both, "LSE-C"),
            both,
            place / f"sync-{network}-confidence",
            title=f"Confidence, sync[{network}]",
            alt=f"LSE-C of matched and mismatched clips; AUC {synced.apart:.4f}.",
            caption=f"The confidence of clips with their own sound and with another’s: AUC {synced.apart:.4f}.",
        )


def _histogram(panel: str, kind: str, values: NDArray[np.float64], synced: Synced) -> Table:
    ends = np.concatenate([synced.matched, synced.mismatched])
    edges = np.linspace(float(ends.min()), float(ends.max()) or 1.0, 31)
    shares = np.histogram(values, edges)[0] / len(values)
    middles = (edges[1:] + edges[:-1]) / 2
    return [
        {"panel": panel, "kind": kind, "value": float(x), "share": float(y)}
        for x, y in zip(middles, shares, strict=True)
    ]


def _readers(found: Mapping[str, Read], place: Path) -> Iterator[Figure]:
    rows: Table = [
        {"reader": name, "true": round(float(a), 4), "read": round(float(b), 4)}
        for name, read in found.items()
        for a, b in read.shown
    ]
    if rows:
        told = "; ".join(f"{name}: correlation {read.correlation:.3f}" for name, read in found.items())
        yield written(
            partial(charts.readings, rows),
            rows,
            place / "openings",
            title="Openings of the mouth",
            alt=f"True and read openings. {told}.",
            caption="A dot a frame. On the line, what is read is what is there.",
        )


def _ladders(climbs: Sequence[Climb], place: Path) -> Iterator[Figure]:
    steps = "; ".join(
        f"{kind} {', '.join(f'{level:g}' for level in LADDERS[kind])} ({UNITS[kind]})" for kind in LADDERS
    )
    for main, name, title in ((True, "main", "Main metrics"), (False, "rest", "The other metrics")):
        rows = ladder_rows([c for c in climbs if (METRICS[c.metric].base in MAIN) == main])
        if rows:
            wrong = sorted({f"{c.metric} under {c.kind}" for c in climbs if not c.monotone})
            yield written(
                partial(charts.ladders, rows),
                rows,
                place / f"distortions-{name}",
                title=title,
                alt=f"Means by level of distortion. Not monotone: {', '.join(wrong) or 'none'}.",
                caption=f"Mean of each metric from the mildest level, 1, to the strongest, 5: {steps}. "
                "↑: higher is better.",
            )


def ladder_rows(climbs: Sequence[Climb]) -> Table:
    """A row a metric, distortion and level."""
    return [
        {
            "metric": climb.metric,
            "arrow": ARROWS[METRICS[climb.metric].direction],
            "kind": climb.kind,
            "level": level,
            "value": value,
        }
        for climb in climbs
        for level, value in enumerate(climb.means, start=1)
        if value is not None
    ]


def _times(table: Mapping[str, Scored], place: Path) -> Iterator[Figure]:
    rows = time_rows(table)
    if rows:
        yield written(
            partial(charts.times, rows),
            rows,
            place / "time",
            title="True, shuffled, frozen and sped-up video",
            alt="Means of the metrics of time for four versions of the same clips.",
            caption="Means over clips with 95 % intervals. Raw values (jitter, landmark jerk, subject consistency) "
            "are to be compared with the true clips’; a frozen face is at their end, not at their best.",
        )


def time_rows(table: Mapping[str, Scored]) -> Table:
    """A row a metric and version that has values."""
    rows: Table = []
    for name, metric in METRICS.items():
        for kind in NAMES if metric.base in ORDERS else ():
            values = table[kind].values[name]
            values = values[np.isfinite(values)]
            if len(values) > 1:
                half = half_width(float(values.std(ddof=1)), len(values))
                mean = float(values.mean())
                rows.append(
                    {
                        "metric": name,
                        "version": NAMES[kind],
                        "value": mean,
                        "low": mean - half,
                        "high": mean + half,
                    }
                )
    return rows
