"""Operations in a record, against torch's count of the training that really ran."""

from __future__ import annotations

from functools import partial

import pytest
from torch.utils.flop_counter import FlopCounterMode

from privtalk.bench.commands.run import prepare
from privtalk.bench.tasks.talking_head.benchmark import ATTENTION
from privtalk.bench.tasks.talking_head.operations import operations
from privtalk.bench.tasks.talking_head.stages.train import client_data, initial_adapter
from privtalk.core.seeds import torch_stream
from privtalk.methods.federation.training import train


def test_training_takes_the_operations_that_are_told(opened_cell):
    cell, means, world = opened_cell("fedavg")
    data = client_data(world.clients, world.people, world.store)
    template = initial_adapter(cell, cell.training, world.backbone)
    stream = partial(torch_stream, cell.seed)
    with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
        for _ in train("fedavg", world.backbone, template, data, cell.training.federation, stream):
            pass
    told = operations(cell, means.network)
    assert told["training"] == pytest.approx(counter.get_total_flops(), rel=0.05)
    assert told == operations(cell, means.network)
    assert {"generating", "personalising"} <= told.keys()


def test_a_row_that_trains_nothing_generates_all_the_same(request_for):
    opened, plan, _ = prepare(request_for("difftalk"))
    told = operations(plan.cells[0].cell, opened.resources.network)
    assert told["generating"] > 0
    assert "training" not in told
