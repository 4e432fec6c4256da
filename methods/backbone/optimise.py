"""The optimisation loop of pre-training: AdamW, warm-up and cosine decay, averaged weights, checkpoints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from privtalk.core.tensor_files import save_tensors

Report = Callable[[int, int, float], None]
"""Called with (step, steps, mean loss since the last call)."""


class OptimiserConfig(BaseModel):
    """One stage of pre-training."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int
    batch: int
    learning_rate: float
    warmup: int = 100
    weight_decay: float = 1e-4
    clip: float = 1.0
    average: float = 0.998
    """Decay of the exponential average of the weights, which is what is kept."""
    checkpoint_every: int = 200
    report_every: int = 50


Watched = Callable[[int, list[tuple[int, float]]], None]
"""Called at a checkpoint with the steps taken and the curve, while the averaged weights stand in the network."""

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """The place and the way of a stage's computation; on one CPU in single precision the figures are the recipe's."""

    device: str = "cpu"
    precision: Precision = "float32"
    """`bfloat16`: products in half precision, weights and their averages in single (autocast)."""
    recomputes: bool = False
    """Whether activations are computed again on the way back: a quarter more time, a third less memory, equal bits."""
    rank: int = 0
    ranks: int = 1
    """Processes that train together, each on its share of the batch (torch's distributed data parallel)."""

    @property
    def stream(self) -> tuple[int, ...]:
        """The names that tell the draws of one process from those of another; none for the first."""
        return (self.rank,) if self.rank else ()

    @property
    def leads(self) -> bool:
        """Whether this process writes files and tells of progress."""
        return self.rank == 0

    def share(self, batch: int) -> int:
        """Returns the samples of a batch that are this process's.

        >>> [Compute(rank=rank, ranks=2).share(5) for rank in (0, 1)]
        [3, 2]
        """
        return batch // self.ranks + (self.rank < batch % self.ranks)

    def cast(self) -> AbstractContextManager[Any]:
        """Returns the context in which losses are computed."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)


PLAIN = Compute()


class _StepLoss(nn.Module):
    """The loss of a step as a module, so that torch's distributed data parallel averages its gradients."""

    def __init__(self, module: nn.Module, loss: Callable[[int], Tensor]) -> None:
        super().__init__()
        self.module, self.loss = module, loss

    def forward(self, step: int) -> Tensor:
        return self.loss(step)


def _together(module: nn.Module, loss: Callable[[int], Tensor], compute: Compute) -> Callable[[int], Tensor]:
    """The loss itself, or wrapped where several processes train."""
    if compute.ranks == 1:
        return loss
    devices = [torch.device(compute.device)] if compute.device.startswith("cuda") else None
    return nn.parallel.DistributedDataParallel(
        _StepLoss(module, loss), device_ids=devices, find_unused_parameters=True, broadcast_buffers=False
    )


def learning_rate(step: int, config: OptimiserConfig) -> float:
    """Linear warm-up, then cosine decay to 2 % of the peak."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def read_progress(checkpoint: Path) -> tuple[int, list[tuple[int, float]]]:
    """(steps taken, curve) of a checkpoint's run; `ValueError` in one line where it is none."""
    try:
        with safe_open(checkpoint, "pt") as file:
            metadata = file.metadata() or {}
        curve = [(int(s), float(v)) for s, v in json.loads(metadata["curve"])]
        return int(metadata["step"]), curve
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _no_checkpoint(checkpoint, error) from error


def finished_steps(checkpoint: Path) -> int:
    """Steps that a checkpoint's run had taken."""
    return read_progress(checkpoint)[0]


def _no_checkpoint(path: Path, error: Exception) -> ValueError:
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return ValueError(
        f"{path}: not a checkpoint of this stage ({reason}); delete it to start the stage again"
    )


class Optimisation:
    """State of one stage: `module` is trained in place; `finish` puts the averaged weights into it."""

    def __init__(
        self,
        module: nn.Module,
        config: OptimiserConfig,
        checkpoint: Path | None = None,
        compute: Compute = PLAIN,
    ) -> None:
        self.module, self.config, self.checkpoint, self.compute = module, config, checkpoint, compute
        self.parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.AdamW(
            self.parameters.values(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            betas=(0.9, 0.99),
        )
        self.average = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.step = 0
        self.curve: list[tuple[int, float]] = []
        if checkpoint and checkpoint.exists():
            self._restore(checkpoint)

    def run(
        self, loss: Callable[[int], Tensor], report: Report | None = None, watch: Watched | None = None
    ) -> list[tuple[int, float]]:
        """Minimise `loss(step)` until the configured number of steps; returns the curve."""
        losses: list[float] = []
        loss = _together(self.module, loss, self.compute)
        while self.step < self.config.steps:
            losses.append(self._advance(loss))
            if self.step % self.config.report_every == 0:
                self.curve.append((self.step, sum(losses) / len(losses)))
                if report:
                    report(self.step, self.config.steps, self.curve[-1][1])
                losses = []
            due = self.step % self.config.checkpoint_every == 0 or self.step == self.config.steps
            if due and self.compute.leads:
                self._pause(watch)
        self.finish()
        return self.curve

    def _pause(self, watch: Watched | None) -> None:
        """Keeps what is reached, and shows it."""
        if self.checkpoint:
            self._save(self.checkpoint)
        if watch:
            self._show(watch)

    @torch.no_grad()
    def _show(self, watch: Watched) -> None:
        """Calls `watch` with the averaged weights in place, as `finish` would put them, and takes them out again."""
        trained = {name: p.detach().clone() for name, p in self.parameters.items()}
        learning = [part for part in self.module.modules() if part.training]
        self.finish()
        self.module.eval()
        watch(self.step, self.curve)
        for part in learning:
            part.training = True
        for name, parameter in self.parameters.items():
            parameter.copy_(trained[name])

    def finish(self) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.average[name])

    def _advance(self, loss: Callable[[int], Tensor]) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.config)
        self.optimizer.zero_grad(set_to_none=True)
        with self.compute.cast():
            value = loss(self.step)
        value.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.config.clip)
        self.optimizer.step()
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(
            list(self.average.values()), [p.detach() for p in self.parameters.values()], 1 - decay
        )
        self.step += 1
        return float(value.detach())

    def _save(self, path: Path) -> None:
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            state = self.optimizer.state[parameter]
            tensors[f"weight/{name}"] = parameter.detach()
            tensors[f"average/{name}"] = self.average[name]
            tensors[f"first/{name}"] = state["exp_avg"]
            tensors[f"second/{name}"] = state["exp_avg_sq"]
        save_tensors(path, tensors, {"step": str(self.step), "curve": json.dumps(self.curve)})

    def _restore(self, path: Path) -> None:
        self.step, self.curve = read_progress(path)
        try:
            tensors = load_file(path)
            self._put(tensors)
        except (SafetensorError, OSError, KeyError, RuntimeError) as error:
            raise _no_checkpoint(path, error) from error

    @torch.no_grad()
    def _put(self, tensors: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters.items():
            parameter.copy_(tensors[f"weight/{name}"])
            self.average[name].copy_(tensors[f"average/{name}"])
            self.optimizer.state[parameter] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": tensors[f"first/{name}"].to(parameter),
                "exp_avg_sq": tensors[f"second/{name}"].to(parameter),
            }
