"""The state of training after a round, whole in one file, so that a resumed run is the uninterrupted one."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from privtalk.methods.adapters import AdapterBank
from privtalk.methods.transcript import RoundLog, Transcript

Curves = Mapping[str, tuple[float | None, ...]]
"""Quantity -> one value a round; None where a round has none (the loss of an empty cohort)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """After `round` rounds."""

    round: int
    adapters: Tensor
    """float32 [K, d]: one global adapter, or one a client."""
    momentum: Tensor
    """float64 [d] of the server."""
    curves: Curves = field(default_factory=dict)
    transcript: Transcript = field(default_factory=Transcript)
    clip: float | None = None
    """What adaptive clipping has come to."""

    @classmethod
    def start(cls, template: AdapterBank, k: int = 1) -> TrainingState:
        """Before the first round: `k` copies of the initial adapter."""
        adapters = template.flatten().cpu().expand(k, -1).contiguous()
        return cls(round=0, adapters=adapters, momentum=torch.zeros(template.dim, dtype=torch.float64))

    def bank(self, template: AdapterBank) -> AdapterBank:
        """The K adapters; `template` is the initial bank."""
        return template.unflatten(self.adapters.to(next(iter(template.factors.values())).b))

    def curves_with(self, values: Mapping[str, float | None]) -> Curves:
        """The curves with one more round."""
        return {name: (*self.curves.get(name, ()), value) for name, value in values.items()}

    def save(self, path: Path) -> None:
        """Write one safetensors file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        said = self.transcript
        tensors = {"adapters": self.adapters, "momentum": self.momentum}
        tensors |= {f"messages.{r}": t for r, t in said.messages.items()}
        tensors |= {f"adapters.{r}": t for r, t in said.adapters.items()}
        log = [entry.model_dump() for entry in said.log]
        meta = json.dumps({"round": self.round, "curves": self.curves, "log": log, "clip": self.clip})
        partial = path.with_name(f"{path.name}.{os.getpid()}.part")
        save_file({name: t.contiguous() for name, t in tensors.items()}, partial, metadata={"state": meta})
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> TrainingState:
        """Read what `save` wrote; `ValueError` in one line for anything else."""
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                meta = json.loads(file.metadata()["state"])
            log = tuple(RoundLog.model_validate(entry) for entry in meta["log"])
            said = Transcript(log, _numbered(tensors, "messages."), _numbered(tensors, "adapters."))
            curves = {name: tuple(values) for name, values in meta["curves"].items()}
            adapters, momentum, rounds = tensors["adapters"], tensors["momentum"], int(meta["round"])
            clip = None if meta["clip"] is None else float(meta["clip"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: not a training state ({error}); delete it to start the cell again"
            ) from error
        return cls(
            round=rounds, adapters=adapters, momentum=momentum, curves=curves, transcript=said, clip=clip
        )


def _numbered(tensors: Mapping[str, Tensor], prefix: str) -> dict[int, Tensor]:
    found = {int(name.removeprefix(prefix)): t for name, t in tensors.items() if name.startswith(prefix)}
    return dict(sorted(found.items()))
