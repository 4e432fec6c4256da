"""The forecast of a run of this task."""

from __future__ import annotations

from privtalk.bench.commands.run import prepare
from privtalk.bench.tasks.talking_head.forecast import _resolutions


def test_recorded_people_are_not_promised_metrics_of_networks_that_know_rendered_ones(request_for):
    _, plan, _ = prepare(request_for("fedavg"))
    cell = plan.cells[0].cell
    recorded = cell.model_copy(update={"corpus": cell.corpus.model_copy(update={"name": "recorded-0123"})})
    rendered, filmed = ({found.figure for found in _resolutions(one)} for one in (cell, recorded))
    assert rendered - filmed == {"lpips[talkhead]", "identity[talkhead]", "lse_c[talkhead]"}
    assert {"psnr", "AUC of membership"} <= filmed
