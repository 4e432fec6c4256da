"""Checkpoints of pre-training: equal content is equal bytes, and what is none is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from privtalk.methods.backbone.optimise import Optimisation, OptimiserConfig, finished_steps

CONFIG = OptimiserConfig(steps=2, batch=1, learning_rate=0.1, report_every=1)


def run(checkpoint: Path, width: int = 3) -> Optimisation:
    layer = nn.Linear(width, 1)
    nn.init.ones_(layer.weight)
    nn.init.zeros_(layer.bias)

    def loss(step: int) -> Tensor:
        found: Tensor = layer(torch.ones(1, width)).square().sum()
        return found

    stage = Optimisation(layer, CONFIG, checkpoint)
    stage.run(loss)
    return stage


def test_equal_runs_leave_equal_bytes(tmp_path: Path) -> None:
    for number in range(8):
        run(tmp_path / str(number))
    assert len({(tmp_path / str(number)).read_bytes() for number in range(8)}) == 1
    assert finished_steps(tmp_path / "0") == 2
    assert len(list(tmp_path.iterdir())) == 8


@pytest.mark.parametrize("data", [b"", b"nothing of the kind", b"\xff" * 64])
def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "c").write_bytes(data)
    for use in (finished_steps, run):
        with pytest.raises(ValueError, match="not a checkpoint of this stage") as caught:
            use(tmp_path / "c")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "notes",
    [
        None,
        {"step": "2"},
        {"step": "two", "curve": "[]"},
        {"step": "2", "curve": "3"},
        {"step": "2", "curve": "[[1]]"},
    ],
)
def test_notes_that_are_none_are_refused_in_one_line(tmp_path: Path, notes: dict[str, str] | None) -> None:
    run(tmp_path / "c")
    save_file(load_file(tmp_path / "c"), tmp_path / "c", notes)
    with pytest.raises(ValueError, match="not a checkpoint of this stage") as caught:
        finished_steps(tmp_path / "c")
    assert "\n" not in str(caught.value)


def test_the_checkpoint_of_another_network_is_refused_in_one_line(tmp_path: Path) -> None:
    run(tmp_path / "c", 3)
    with pytest.raises(ValueError, match="not a checkpoint of this stage") as caught:
        run(tmp_path / "c", 4)
    assert "\n" not in str(caught.value)
