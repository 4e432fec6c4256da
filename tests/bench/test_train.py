"""Training of a cell."""

from __future__ import annotations

import pytest
import torch

from privtalk.bench.stages.train import checked
from privtalk.methods.state import TrainingState


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_diverged_training_is_refused_by_round_and_with_the_way_out(value):
    adapters = torch.zeros(1, 4)
    sound = TrainingState(round=3, adapters=adapters, momentum=torch.zeros(4, dtype=torch.float64))
    assert checked(sound) is sound
    adapters[0, 2] = value
    with pytest.raises(ValueError, match=r"diverged in round 3: .*lower federation.lr"):
        checked(sound)
