"""A task of one's own: several noisy readings of a number, joined by their mean or by their median."""

from __future__ import annotations

import statistics
from random import Random
from types import SimpleNamespace

from privtalk.bench.task import Axis, Cell, CellOutcome, Row, Task, Wanted, Work
from privtalk.core.display import Baseline, Display
from privtalk.core.frozen import Frozen
from privtalk.core.records import Estimate, Sample, Score

JOINS = {"mean": statistics.mean, "median": statistics.median}
ERROR = SimpleNamespace(family="accuracy", direction="lower", unit="m", about="distance from the truth")


class Settings(Frozen):
    places: int = 20
    spread: float = 1.0
    """Standard deviation of a reading."""


class ReadingCell(Cell):
    settings: Settings


class MyTask(Task):
    name = "readings"
    about = "joins noisy readings of a number"
    settings = Settings
    rows = {name: Row("method", f"the {name} of the readings") for name in JOINS}
    metrics = {"error": ERROR}
    axes = {"count": Axis("how many are read", lambda text: str(int(text)))}
    display = Display(baseline=Baseline(row="mean"))

    def cell(self, settings: Settings, wanted: Wanted) -> ReadingCell:
        return ReadingCell(
            task=self.name, method=wanted.method, at=dict(wanted.at), seed=wanted.seed, settings=settings
        )

    def run(self, work: Work) -> CellOutcome:
        cell, random = work.cell, Random(work.cell.seed)
        samples = []
        for place in range(cell.settings.places):
            read = [random.gauss(5.0, cell.settings.spread) for _ in range(int(cell.at.get("count", "3")))]
            error = abs(JOINS[cell.method](read) - 5.0)
            samples.append(Sample(client=f"place-{place}", clip="only", scores={"error": error}))
        errors = [sample.scores["error"] for sample in samples]
        mean, half = statistics.mean(errors), 1.96 * statistics.stdev(errors) / len(errors) ** 0.5
        estimate = Estimate(
            value=mean, low=mean - half, high=mean + half, n=len(errors), clusters=len(errors)
        )
        return CellOutcome(metrics={"error": Score(estimate=estimate, **vars(ERROR))}, samples=samples)
