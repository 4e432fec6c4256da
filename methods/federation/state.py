"""The state of training after a round, whole in one file, so that a resumed run is the uninterrupted one."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError, safe_open
from torch import Tensor

from privtalk.core.tensor_files import save_tensors
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.transcript import RoundLog, Transcript

Curves = Mapping[str, tuple[float | None, ...]]
"""Quantity -> one value a round; None where a round has none (the loss of an empty cohort)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """After `round` rounds."""

    round: int
    adapters: Tensor
    """float32 [K, d]: one global adapter, or one a client."""
    mean: Tensor | None = None
    """float32 [K, d] mean of the adapters after the last `averaged` rounds; None: nothing is averaged, or not yet."""
    averaged: int = 0
    server: Mapping[str, Tensor] = field(default_factory=dict)
    """[m] what the server keeps for the method, by name."""
    clients: Mapping[int, Mapping[str, Tensor]] = field(default_factory=dict)
    """Client number -> [m] what its device keeps, by name."""
    curves: Curves = field(default_factory=dict)
    transcript: Transcript = field(default_factory=Transcript)
    clip: float | None = None
    """The clip that adaptive clipping has come to."""

    @classmethod
    def start(
        cls, template: AdapterBank, k: int = 1, server: Mapping[str, Tensor] | None = None
    ) -> TrainingState:
        """Before the first round: `k` copies of the initial adapter, and what the server starts from."""
        adapters = template.flatten().cpu().expand(k, -1).contiguous()
        return cls(round=0, adapters=adapters, server=dict(server or {}))

    @property
    def released(self) -> Tensor:
        """float32 [K, d] what training gives away when it ends with this round."""
        return self.adapters if self.mean is None else self.mean

    def part_of(self, round_: int) -> float:
        """The share of what moved the global adapter in a round that the released one has moved by."""
        averaged = max(1, self.averaged)
        return min(averaged, self.round - round_) / averaged

    def averaging(self, adapters: Tensor, config: FederationConfig) -> tuple[Tensor | None, int]:
        """`mean` and `averaged` after one more round, which came to `adapters`."""
        last, count = config.averaged_rounds, self.averaged + 1
        if last == 1 or self.round < config.rounds - last:
            return None, 0
        return (adapters.clone() if self.mean is None else self.mean + (adapters - self.mean) / count), count

    def bank(self, template: AdapterBank) -> AdapterBank:
        """The K released adapters; `template` is the initial bank."""
        return template.unflatten(self.released.to(next(iter(template.factors.values())).b))

    def curves_with(self, values: Mapping[str, float | None]) -> Curves:
        """The curves with one more round; one that begins late was 0 before."""
        before = (0.0,) * self.round
        return {name: (*self.curves.get(name, before), value) for name, value in values.items()}

    def save(self, path: Path, of: str = "") -> None:
        """Write one safetensors file, whole or not at all; `of` says which training it belongs to."""
        said = self.transcript
        tensors = {"adapters": self.adapters} | ({} if self.mean is None else {"mean": self.mean})
        tensors |= {f"server.{name}": t for name, t in self.server.items()}
        tensors |= {f"client.{k}.{name}": t for k, own in self.clients.items() for name, t in own.items()}
        tensors |= {f"messages.{r}": t for r, t in said.messages.items()}
        tensors |= {f"adapters.{r}": t for r, t in said.adapters.items()}
        log = [entry.model_dump() for entry in said.log]
        about = {"round": self.round, "curves": self.curves, "log": log, "clip": self.clip, "of": of}
        about |= {"averaged": self.averaged}
        save_tensors(path, tensors, {"state": json.dumps(about)})

    @classmethod
    def load(cls, path: Path, of: str = "") -> TrainingState:
        """Read what `save` wrote; `ValueError` in one line for anything else, another training's state included."""
        try:
            with safe_open(path, framework="pt") as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                about = _About.model_validate(json.loads((file.metadata() or {})["state"]))
            said = Transcript(about.log, _numbered(tensors, "messages."), _numbered(tensors, "adapters."))
            state = cls(
                round=about.round,
                adapters=tensors["adapters"],
                mean=tensors.get("mean"),
                averaged=about.averaged,
                server=_named(tensors, "server."),
                clients=_by_client(tensors),
                curves=about.curves,
                transcript=said,
                clip=about.clip,
            )
            _check(state, len(tensors))
        except (SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            raise ValueError(
                f"{path}: not a training state ({reason}); delete it to start the cell again"
            ) from error
        if about.of != of:
            raise ValueError(
                f"{path}: the state of another training, {about.of!r}; delete it to start the cell again"
            )
        return state

    def check_fits(
        self,
        template: AdapterBank,
        rounds: int,
        adapters: Collection[int],
        server: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Raises `ValueError` unless it is of such an adapter, of as many as may be, not past the end, and the server
        keeps what `server` starts from.
        """
        k, dim = self.adapters.shape
        if dim != template.dim or k not in adapters:
            raise ValueError(
                f"the state holds {k} adapters of {dim} numbers, training has others of {template.dim}"
            )
        held, wanted = (
            {n: tuple(t.shape) for n, t in (part or {}).items()} for part in (self.server, server)
        )
        if server is not None and held != wanted:
            raise ValueError(
                f"the state's server keeps {held or 'nothing'}, the method's {wanted or 'nothing'}"
            )
        if self.round > rounds:
            raise ValueError(f"the state is of round {self.round}, training ends with {rounds}")


class _About(BaseModel):
    """The note that `save` writes beside the tensors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    round: int = Field(ge=1)
    curves: dict[str, tuple[float | None, ...]]
    log: tuple[RoundLog, ...]
    clip: float | None = Field(gt=0)
    of: str = ""
    averaged: int = Field(0, ge=0)


def _check(state: TrainingState, tensors: int) -> None:
    """Raises `ValueError` where the parts of a state do not belong together."""
    said = state.transcript
    if state.adapters.dtype != torch.float32 or state.adapters.ndim != 2 or not len(state.adapters):
        raise ValueError("its adapters are not float32 [K, d]")
    dim = state.adapters.shape[1]
    mean = state.mean
    if mean is not None and (mean.dtype != torch.float32 or mean.shape != state.adapters.shape):
        raise ValueError("its mean is not of its adapters' kind")
    if (mean is None) != (state.averaged == 0) or state.averaged > state.round:
        raise ValueError(f"it has {'no' if mean is None else 'a'} mean, over {state.averaged} rounds")
    held = [t for t in (state.adapters, state.mean) if t is not None]
    kept = [*state.server.values(), *(t for own in state.clients.values() for t in own.values())]
    if not all(t.is_floating_point() for t in kept):
        raise ValueError("what its server and clients keep is not of floating point")
    if tensors != len(held) + len(kept) + len(said.messages) + len(said.adapters):
        raise ValueError("it holds tensors that a state does not have")
    numbers = [entry.round for entry in said.log]
    if numbers not in ([], list(range(state.round))):
        raise ValueError(f"its log is of rounds {numbers}, its state of {state.round} rounds")
    if any(len(values) != state.round for values in state.curves.values()):
        raise ValueError(f"its curves do not have {state.round} rounds")
    for r, sent in said.messages.items():
        if r not in numbers or sent.ndim != 2 or len(sent) != len(said.log[r].cohort):
            raise ValueError(f"its messages of round {r} are not those of the log")
    for r, adapter in said.adapters.items():
        if r not in numbers or adapter.shape != (dim,):
            raise ValueError(f"its adapter of round {r} is not one of {dim} numbers")
    if not all(bool(t.isfinite().all()) for t in (*held, *kept)):
        raise ValueError("it holds NaN or infinite numbers")


def _named(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _by_client(tensors: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    found: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _named(tensors, "client.").items():
        index, _, own = name.partition(".")
        found.setdefault(int(index), {})[own] = tensor
    return dict(sorted(found.items()))


def _numbered(tensors: Mapping[str, Tensor], prefix: str) -> dict[int, Tensor]:
    found = {int(name.removeprefix(prefix)): t for name, t in tensors.items() if name.startswith(prefix)}
    return dict(sorted(found.items()))
