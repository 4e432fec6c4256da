"""THEval's score: how close each metric comes to what ground truth itself scores."""

from __future__ import annotations

from collections.abc import Mapping

from privtalk.metrics.declaration import Metric, Undefined
from privtalk.metrics.evaluators.bundle import Kind
from privtalk.metrics.inputs import check_number

PARTS = (
    "jitter",
    "landmark_jerk[talkhead]",
    "subject_consistency[talkhead]",
    "lse_c[talkhead]",
    "lse_d[talkhead]",
)
"""Metrics that are averaged: those for which ground truth is a value and not the limit."""

KINDS: tuple[Kind, ...] = ("landmarks", "frames", "sync")
"""Networks that read them: without one of these the mean would be of other things than its name says."""


def theval_metric(evaluator: str) -> Metric:
    """Declaration of `theval` over `PARTS`, which one family of networks reads.

    >>> theval_metric("talkhead").name
    'theval[talkhead]'
    """
    return Metric(
        name=f"theval[{evaluator}]",
        family="temporal",
        direction="higher",
        unit="",
        range=(float("-inf"), 1.0),
        worst=None,
        needs=("truth", "landmarks", "audio", "weights"),
        about="closeness of jitter, landmark jerk, subject consistency and sync to ground truth's (1: equal)",
    )


def normalised(value: float, truth: float) -> float:
    """1 - |value - truth| / |truth|: 1 as ground truth, 0 a whole truth away, below 0 further; higher is better.

    Not clipped, so that a metric far off is not taken for one that is merely bad.

    >>> normalised(3, 2), normalised(0, 2), normalised(8, 2)
    (0.5, 0.0, -2.0)
    """
    check_number(value, "the value")
    check_number(truth, "ground truth's value")
    if truth == 0:
        raise Undefined("ground truth's value is 0")
    return 1 - abs(value - truth) / abs(truth)


def theval(values: Mapping[str, float | None], truths: Mapping[str, float]) -> float:
    """Mean of `normalised` over the metrics that have both values, at most 1; higher is better.

    values: a clip's metrics, None where undefined; truths: ground truth's own. A metric without either, or
    whose truth is 0, is left out.

    >>> theval({"jitter": 0.02, "jerk": None, "consistency": 0.45}, {"jitter": 0.02, "jerk": 1, "consistency": 0.9})
    0.75
    """
    scores = [
        normalised(value, truths[name])
        for name, value in values.items()
        if value is not None and truths.get(name, 0) != 0
    ]
    if not scores:
        raise Undefined("no metric has both a value and a ground truth other than 0")
    return sum(scores) / len(scores)
