"""Synthetic records of rows that were timed, and of a floor that was not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from privtalk.core.cache import content_hash
from privtalk.core.display import Baseline, Display, MetricFamily, Wording
from privtalk.core.record_parts import EfficiencyBlock, Estimate, Score, Speed
from privtalk.core.records import Code, Record, Sample
from privtalk.core.upgrade import at_of
from privtalk.leaderboards.board.build import build
from privtalk.leaderboards.board.model import Board
from tests.leaderboards.conftest import Runs


class Timed(NamedTuple):
    """The planted figures of a row."""

    error: float
    speed: float | None = None
    """None for a row that was not timed."""
    size: int = 0
    passes: int = 1


ROWS: Mapping[tuple[str, str], Timed] = {
    ("slow", "none"): Timed(1.0, 100.0, 2_000_000, 16),
    ("slow", "steps=4"): Timed(2.5, 500.0, 2_000_000, 4),
    ("slow", "steps=2"): Timed(3.0, 800.0, 2_000_000, 2),
    ("small", "none"): Timed(2.0, 400.0, 100_000, 2),
    ("poor", "none"): Timed(4.0, 300.0, 3_000_000, 4),
    ("held", "none"): Timed(4.5),
    ("far", "none"): Timed(900.0),
}
METRICS = ("near", "mid", "odd")
DISPLAY = Display(
    headline="near",
    baseline=Baseline(row="slow", phrase="the slow one"),
    families=(MetricFamily(name="mesh", main=METRICS),),
)


def block(planted: Timed, times: float | None = None, *, audio: bool = True) -> EfficiencyBlock:
    """The block of a row; with `audio` its speed on one thread was taken with and without."""
    speed = planted.speed or 0.0
    speeds = [Speed(threads=1, audio=True, frames_per_second=speed)]
    if audio:
        speeds.append(Speed(threads=1, audio=False, frames_per_second=2 * speed))
    return EfficiencyBlock(
        frames=250,
        speeds=tuple(speeds),
        reference="" if times is None else "slow",
        times_reference=times,
        passes=planted.passes,
        macs_per_frame=1e6 * planted.passes,
        parameters=2_000_000,
        trainable=1_000_000,
        needed=1_500_000,
        bytes_on_disk=planted.size,
    )


def score(name: str, samples: list[Sample]) -> Score:
    values = [value for sample in samples if (value := sample.scores[name]) is not None]
    mean = sum(values) / len(values)
    return Score(
        estimate=Estimate(value=mean, low=mean - 0.1, high=mean + 0.1, n=5, clusters=5),
        unit="mm",
        direction="lower",
        family="mesh",
    )


def record(
    method: str, tier: str, planted: Timed, efficiency: EfficiencyBlock | None, seed: int = 0
) -> tuple[Record, list[Sample]]:
    cell = {"task": "timed", "method": method, "at": at_of(tier), "seed": seed}
    samples = [
        Sample(
            client=f"c{k}",
            clip="test-00",
            scores={name: planted.error * (place + 1) + 0.01 * k for place, name in enumerate(METRICS)},
        )
        for k in range(5)
    ]
    made = Record(
        task="timed",
        cell_id=content_hash(cell),
        cell=cell,
        suite="timed",
        preset="small",
        row=method,
        at=at_of(tier),
        seed=seed,
        kind="method" if planted.speed is not None else "floor",
        code=Code(version="0.1.0"),
        environment={"python": "3.12"},
        started="2026-01-01T10:00:00Z",
        timings={},
        peak_memory_mib=10.0,
        metrics={name: score(name, samples) for name in METRICS},
        efficiency=efficiency,
    )
    return made, samples


def timed_runs(
    rows: Mapping[tuple[str, str], Timed] = ROWS,
    seeds: tuple[int, ...] = (0,),
    *,
    times: bool = True,
    timed: bool = True,
) -> Runs:
    """A record a row and seed; speeds grow with the seed, and so do those over the reference, cubed."""
    runs = Runs()
    for seed in seeds:
        for (method, tier), planted in rows.items():
            faster = 1 + seed
            over = None if planted.speed is None or not times else planted.speed / 100 * faster**3
            shown = planted._replace(speed=None if planted.speed is None else planted.speed * faster)
            known = block(shown, over) if timed and planted.speed is not None else None
            runs.add(*record(method, tier, planted, known, seed))
    return runs


def timed_board(runs: Runs | None = None, display: Display = DISPLAY) -> Board:
    runs = runs or timed_runs()
    return build(runs.records, runs.samples, display=display)


def labelled(text: str) -> Display:
    """The display that calls a row so."""
    return DISPLAY.model_copy(update={"rows": {"small": Wording(label=text)}})
