"""A task of another kind, as somebody would write it: noisy readings of a number, scored by their error."""

from __future__ import annotations

import random
from types import SimpleNamespace

from privtalk.bench.task import Axis, Cell, CellOutcome, Condition, Row, Task
from privtalk.core.display import Baseline, Display, MetricFamily
from privtalk.core.frozen import Frozen
from privtalk.core.records import Estimate, Sample, Score

ROWS = {"still": Row("reference", "says 0"), "mean": Row("method", "says the mean of its readings")}
ERROR = SimpleNamespace(family="accuracy", direction="lower", unit="m", about="distance from the truth")


class ToySettings(Frozen):
    people: int = 8
    spread: float = 1.0


class ToyCell(Cell):
    people: int
    spread: float | None
    """None for rows that read nothing."""


class Toy(Task):
    name = "toy"
    about = "readings of a number"
    settings = ToySettings
    axes = {"readings": Axis("how many are read", lambda text: str(int(text)))}  # noqa: RUF012
    conditions = {"spread": Condition(lambda cell: cell.spread is not None, "a row that reads")}  # noqa: RUF012
    display = Display(baseline=Baseline(row="still"), families=(MetricFamily(name="accuracy"),))
    rows, metrics = ROWS, {"error": ERROR}

    def cell(self, settings, wanted):
        spread = settings.spread if wanted.method == "mean" else None
        return ToyCell(
            task=self.name,
            method=wanted.method,
            at=dict(wanted.at),
            seed=wanted.seed,
            people=settings.people,
            spread=spread,
        )

    def run(self, work):
        cell, rng = work.cell, random.Random(work.cell.seed)
        samples = []
        for person in range(cell.people):
            work.report("reading", person, cell.people)
            count = int(cell.at.get("readings", 1))
            read = sum(rng.gauss(5.0, cell.spread or 0) for _ in range(count)) / count
            said = 0.0 if cell.spread is None else read
            samples.append(Sample(client=f"p{person}", clip="a", scores={"error": abs(said - 5.0)}))
        mean = sum(sample.scores["error"] for sample in samples) / len(samples)
        estimate = Estimate(value=mean, low=mean, high=mean, n=len(samples), clusters=len(samples))
        score = Score(estimate=estimate, **vars(ERROR))
        return CellOutcome(metrics={"error": score}, samples=samples)
