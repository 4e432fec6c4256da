"""The parts of a finding: a question, an answer a tier, and the evidence line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from privtalk.core.records import Estimate
from privtalk.leaderboards import formats
from privtalk.leaderboards.board.model import Board, BoardMetric, Verdict
from privtalk.leaderboards.board.statistics import Difference

Tone = Literal["plain", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLine:
    """One piece of evidence: who, the figure, and what it says."""

    subject: str
    figure: str
    verdict: str
    """Word for the eye: better, worse, level, above chance, not above chance, invalid, missing."""


class Answer(NamedTuple):
    """The answer at one tier; an empty tier where the answer is about the whole board."""

    tier: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    question: str
    answers: tuple[Answer, ...]
    lines: tuple[EvidenceLine, ...]
    tone: Tone = "plain"


def finding(
    question: str, answers: Sequence[Answer], lines: Sequence[EvidenceLine], tone: Tone = "plain"
) -> Finding:
    return Finding(question=question, answers=tuple(answers), lines=tuple(lines), tone=tone)


def answer(at: str, text: str) -> Answer:
    """An answer at a place as people write it; it starts with a capital."""
    return Answer(at, text[:1].upper() + text[1:])


def difference_line(
    board: Board,
    subject: str,
    estimate: Estimate | Difference,
    said: Verdict | None,
    metric: BoardMetric | None = None,
) -> EvidenceLine:
    """A difference in a metric, by default the headline."""
    metric = metric or board.metric(board.headline or "")
    figure = formats.with_interval(estimate, metric.digits, metric.unit, signed=True)
    return EvidenceLine(subject=subject, figure=estimate.missing or figure, verdict=said or "missing")
