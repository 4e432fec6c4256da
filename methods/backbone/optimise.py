"""The optimisation loop of pre-training: AdamW, warm-up and cosine decay, averaged weights, checkpoints."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

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


def learning_rate(step: int, config: OptimiserConfig) -> float:
    """Linear warm-up, then cosine decay to 2 % of the peak."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, done))))


def read_metadata(checkpoint: Path) -> dict[str, str]:
    with safe_open(checkpoint, "pt") as file:
        return dict(file.metadata())


def finished_steps(checkpoint: Path) -> int:
    """Steps that a checkpoint's run had taken."""
    return int(read_metadata(checkpoint)["step"])


class Optimisation:
    """State of one stage: `module` is trained in place; `finish` puts the averaged weights into it."""

    def __init__(self, module: nn.Module, config: OptimiserConfig, checkpoint: Path | None = None) -> None:
        self.module, self.config, self.checkpoint = module, config, checkpoint
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

    def run(self, loss: Callable[[int], Tensor], report: Report | None = None) -> list[tuple[int, float]]:
        """Minimise `loss(step)` until the configured number of steps; returns the curve."""
        losses: list[float] = []
        while self.step < self.config.steps:
            losses.append(self._advance(loss))
            if self.step % self.config.report_every == 0:
                self.curve.append((self.step, sum(losses) / len(losses)))
                if report:
                    report(self.step, self.config.steps, self.curve[-1][1])
                losses = []
            last = self.step == self.config.steps
            if self.checkpoint and (last or self.step % self.config.checkpoint_every == 0):
                self._save(self.checkpoint)
        self.finish()
        return self.curve

    def finish(self) -> None:
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(self.average[name])

    def _advance(self, loss: Callable[[int], Tensor]) -> float:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, self.config)
        self.optimizer.zero_grad(set_to_none=True)
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
        path.parent.mkdir(parents=True, exist_ok=True)
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            state = self.optimizer.state[parameter]
            tensors[f"weight/{name}"] = parameter.detach().contiguous()
            tensors[f"average/{name}"] = self.average[name].contiguous()
            tensors[f"first/{name}"] = state["exp_avg"].contiguous()
            tensors[f"second/{name}"] = state["exp_avg_sq"].contiguous()
        partial = path.with_suffix(".part")
        save_file(tensors, partial, metadata={"step": str(self.step), "curve": json.dumps(self.curve)})
        partial.replace(path)

    def _restore(self, path: Path) -> None:
        metadata = read_metadata(path)
        self.step = int(metadata["step"])
        self.curve = [(int(s), float(v)) for s, v in json.loads(metadata["curve"])]
        tensors = load_file(path)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"weight/{name}"])
                self.average[name].copy_(tensors[f"average/{name}"])
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": tensors[f"first/{name}"].to(parameter),
                    "exp_avg_sq": tensors[f"second/{name}"].to(parameter),
                }
