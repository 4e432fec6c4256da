"""The findings of a comparison of two sets of records, and the exit code it amounts to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from privtalk.core.records import Estimate
from privtalk.leaderboards.board.model import RowKey

OK, REGRESSION, RUN_FAILURE, NOTHING_COMPARABLE = range(4)
"""Exit codes."""

VERDICTS = ("ok", "regression", "run failure", "nothing comparable")
"""By exit code."""

Status = Literal["ok", "improvement", "regression", "failure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One metric of one row, new against base."""

    row: RowKey
    label: str
    at: str
    """The row's name and its place as people write them."""
    metric: str
    base: float
    new: float
    difference: Estimate
    """New minus base."""
    tolerance: float
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """An exact check that did not hold."""

    text: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All changes, the checks that failed, and what they amount to."""

    changes: tuple[Change, ...]
    checks: tuple[Check, ...]
    warnings: tuple[str, ...]
    pairs: int
    """Records that have a partner."""

    @property
    def statuses(self) -> list[Status]:
        return [change.status for change in self.changes] + [check.status for check in self.checks]

    @property
    def compared(self) -> int:
        """Comparisons of scores that exist on both sides."""
        return sum(change.difference.value is not None for change in self.changes)

    @property
    def exit_code(self) -> int:
        """0 ok, 1 regression, 2 a record is missing, damaged or failed, 3 nothing comparable."""
        if not self.compared:
            return NOTHING_COMPARABLE
        if "failure" in self.statuses:
            return RUN_FAILURE
        return REGRESSION if "regression" in self.statuses else OK

    @property
    def noteworthy(self) -> tuple[Change, ...]:
        """Changes worth a line: everything but `ok`, the worst first."""
        return tuple(change for change in self.changes if change.status != "ok")

    @property
    def summary(self) -> str:
        count = Counter(self.statuses)
        worse, failed, better = count["regression"], count["failure"], count["improvement"]
        said = {
            OK: "ok: no regression",
            REGRESSION: f"regression: {worse} found",
            RUN_FAILURE: f"run failure: {failed} missing, damaged or not comparable, {worse} regressions besides",
            NOTHING_COMPARABLE: "nothing comparable: no score of base has a partner in new",
        }[self.exit_code]
        return f"{said} ({self.pairs} pairs of records, {self.compared} comparisons, {better} improvements)"
