"""The forecast of a run of this task."""

from __future__ import annotations

import pytest

from privtalk.bench.commands.run import prepare
from privtalk.bench.tasks.talking_head.forecast import _resolutions, held_mib, memory_mib
from privtalk.bench.tasks.talking_head.stages.train import HELD_MIB, client_data, mib


def test_recorded_people_are_not_promised_metrics_of_networks_that_know_rendered_ones(request_for):
    _, plan, _ = prepare(request_for("fedavg"))
    cell = plan.cells[0].cell
    recorded = cell.model_copy(update={"corpus": cell.corpus.model_copy(update={"name": "recorded-0123"})})
    rendered, filmed = ({found.figure for found in _resolutions(one)} for one in (cell, recorded))
    assert rendered - filmed == {"lpips[talkhead]", "identity[talkhead]", "lse_c[talkhead]"}
    assert {"psnr", "AUC of membership"} <= filmed


def test_features_that_are_held_are_counted_up_to_their_bound(opened_cell):
    cell, means, world = opened_cell("fedavg")
    network = means.network
    held = sum(mib(client.features) for client in client_data(world.clients, world.people, world.store))
    assert held_mib(cell, network) == pytest.approx(held)

    def of(frames):
        """The same people filmed for longer: nothing else that takes memory follows that."""
        train = cell.corpus.train.model_copy(update={"frames": frames})
        return cell.model_copy(update={"corpus": cell.corpus.model_copy(update={"train": train})})

    assert held_mib(of(10**7), network) == HELD_MIB
    more = memory_mib(of(10 * cell.corpus.train.frames), network, 1e6) - memory_mib(cell, network, 1e6)
    assert more == pytest.approx(9 * held)
