"""The metrics and rates that a run announces as missing, for its corpus is too small, are those its records lack."""

from __future__ import annotations

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.corpus.spec import Footage
from privtalk.bench.tasks.talking_head import honesty
from privtalk.bench.tasks.talking_head.honesty import SetNeeds, conditions, needs
from privtalk.core.records import RunStore

ENOUGH = (
    "corpus.clients=40",
    "corpus.heldout=1000",
    "corpus.shadows=16",
    "corpus.tested=12",
    "corpus.test={clips: 1, frames: 400}",
)


def said(request, **changes):
    _, plan, _ = command.prepare(request)
    return conditions(plan.cells, needs(plan.cells[0].cell.corpus.name))


def test_metrics_and_rates_that_are_announced_as_missing_are_missing_and_no_others(whole):
    record = next(r for r in RunStore(whole) if r.method == "fedavg" and not r.at)
    _, found = whole, (whole / "run.json").read_text()
    absent = {
        name
        for name, score in record.metrics.items()
        if name.partition("[")[0] in ("fid", "fvd") and "too few" in (score.estimate.missing or "")
    }
    announced = {need.metric for need in needs("embedded") if f"{need.metric}: test clips have" in found}
    assert absent == announced == {"fid[talkhead]", "fvd[talkhead]"}
    points = record.attacks["loss"].points
    assert {p.fpr_target for p in points if p.tpr.missing} == {0.1, 0.01, 0.001}
    assert "true-positive rates at 10 %, 1 %, 0.1 % will be missing" in found


def test_a_corpus_that_is_large_enough_is_told_nothing(request_for):
    assert said(request_for("fedavg", changes=(*ENOUGH, "privacy.delta=0.001"))) == ()


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (("privacy.delta=0.5",), "eps=8: delta 0.5 is not below 1/N"),
        (("privacy.delta=0.02",), "eps=8: delta is 0.02 for"),
        (("corpus.tested=3",), "scores: 3 people are tested"),
        (("corpus.heldout=999",), "999 non-members show no false-positive rate below 1 in 999"),
        (("corpus.shadows=7",), "7 people are the attackers' own, shadow worlds need 8"),
        (("corpus.shadows=11",), "11 people are the attackers' own, a prior of faces needs 12"),
        (("corpus.test={clips: 1, frames: 16}",), "fvd[talkhead]: test clips have 12 windows of 16 frames"),
        (("federation.rate=0.03",), "rounds of seed 0 have fewer than 2 clients"),
    ],
)
def test_each_lack_is_said_with_the_way_out(request_for, changes, line):
    tiers = ("none",) if "federation" in changes[0] else ("eps=8",)
    found = [
        text for text in said(request_for("fedavg", changes=(*ENOUGH, *changes), tiers=tiers)) if line in text
    ]
    assert len(found) == 1
    assert "raise" in found[0] or "lower" in found[0] or "wide" in found[0]


def test_samples_of_a_set_are_counted_window_by_window():
    assert SetNeeds("fid", 64).samples(Footage(clips=2, frames=24), 3) == 144
    assert SetNeeds("fvd", 32, 16, 16).samples(Footage(clips=1, frames=40), 3) == 6
    assert SetNeeds("fvd", 32, 16, 8).samples(Footage(clips=1, frames=12), 3) == 0


def test_the_samples_of_windows_are_those_that_the_network_makes():
    import numpy as np

    from privtalk.bench.tasks.talking_head.stages.score import evaluators

    network = evaluators("embedded").get("video", "talkhead")
    need = next(need for need in honesty.needs("embedded") if need.metric == "fvd[talkhead]")
    for frames in (15, 16, 23, 24, 40):
        made = network(np.zeros((frames, 64, 64, 3), np.uint8))
        assert need.samples(Footage(clips=1, frames=frames), 1) == len(made)
        assert need.features == network.dim
