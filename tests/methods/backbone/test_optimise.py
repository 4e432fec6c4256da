"""Checkpoints of pre-training: equal content is equal bytes, and what is none is refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from privtalk.methods.backbone.optimise import PLAIN, Compute, Optimisation, OptimiserConfig, finished_steps

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


# ---- where and how it is computed


def line(compute: Compute = PLAIN, steps: int = 6) -> tuple[nn.Linear, Optimisation]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.Linear(4, 1)
    config = OptimiserConfig(
        steps=steps, batch=8, learning_rate=0.05, warmup=1, report_every=1, checkpoint_every=2
    )
    return module, Optimisation(module, config, compute=compute)


def batch_loss(module: nn.Module, compute: Compute):
    """Least squares on a batch of eight that is dealt to the processes in turn."""

    def loss(step: int) -> torch.Tensor:
        given = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))[
            compute.rank :: compute.ranks
        ]
        return (module(given) - given.sum(1, keepdim=True)).square().mean()

    return loss


def trained_alone() -> list[torch.Tensor]:
    module, stage = line()
    stage.run(batch_loss(module, PLAIN))
    return [p.detach().clone() for p in module.parameters()]


def _one_of_two(rank: int, folder: str) -> None:
    store = torch.distributed.FileStore(f"{folder}/store", 2)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
    try:
        compute = Compute(rank=rank, ranks=2)
        module, stage = line(compute)
        stage.run(batch_loss(module, compute))
        save_file(module.state_dict(), f"{folder}/{rank}.safetensors")
    finally:
        torch.distributed.destroy_process_group()


def test_two_processes_train_what_one_does(tmp_path):
    torch.multiprocessing.spawn(_one_of_two, (str(tmp_path),), nprocs=2)
    alone = trained_alone()
    for rank in (0, 1):
        together = load_file(tmp_path / f"{rank}.safetensors")
        for ours, theirs in zip((together["weight"], together["bias"]), alone, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_processes_draw_apart_and_share_a_batch():
    ranks = [Compute(rank=rank, ranks=3) for rank in range(3)]
    assert [compute.share(8) for compute in ranks] == [3, 3, 2]
    assert len({compute.stream for compute in ranks}) == 3
    assert PLAIN.stream == ()


def test_half_precision_computes_products_in_it_and_keeps_weights_in_single():
    module, stage = line(Compute(precision="bfloat16"))
    seen: list[torch.dtype] = []

    def loss(step: int) -> torch.Tensor:
        made = module(torch.ones(2, 4))
        seen.append(made.dtype)
        return made.float().square().mean()

    stage.run(loss)
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_whoever_watches_sees_the_average_and_changes_nothing():
    module, stage = line()
    seen: list[torch.Tensor] = []
    average: list[torch.Tensor] = []

    def watch(step: int, curve: list[tuple[int, float]]) -> None:
        assert step % 2 == 0
        assert curve[-1][0] == step
        seen.append(module.weight.detach().clone())
        average.append(stage.average["weight"].clone())

    stage.run(batch_loss(module, PLAIN), watch=watch)
    assert len(seen) == 3
    for shown, kept in zip(seen, average, strict=True):
        assert torch.equal(shown, kept)
    for ours, theirs in zip(module.parameters(), trained_alone(), strict=True):
        assert torch.equal(ours.detach(), theirs)
