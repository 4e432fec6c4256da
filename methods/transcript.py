"""What is said during training: who took part, the messages, their size.

It is the simulator's complete account. What one adversary sees of it is a view, which is cut from it elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

WIRE_BYTES = 4
"""Of a number on the wire (float32)."""


class Message(NamedTuple):
    """What one client sends in a round: its clipped and weighted update, and nothing else."""

    client: int
    vector: Tensor
    """[d]: ω_k clip_C(Δ_k), float32; with a share of discrete noise, multiples of the grid's step in float64."""


Aggregate = Callable[[Sequence[Message], int], Tensor]
"""(messages, d) -> their sum, float64 [d]; where secure aggregation takes the place of `plain_sum`."""


@runtime_checkable
class Numbered(Protocol):
    """An aggregate that binds what it says to the round."""

    def at(self, round_: int) -> Aggregate:
        """The same for one round."""


def of_round(aggregate: Aggregate, round_: int) -> Aggregate:
    """The aggregate of one round; itself where it is the same in all."""
    return aggregate.at(round_) if isinstance(aggregate, Numbered) else aggregate


def plain_sum(messages: Sequence[Message], dim: int) -> Tensor:
    """Σ of the messages in the order of client numbers, whatever the order of arrival; zero for an empty round."""
    total = torch.zeros(dim, dtype=torch.float64)
    for message in sorted(messages, key=lambda m: m.client):
        total += message.vector.double()
    return total


class RoundLog(BaseModel):
    """One round. Norms and weights are the simulator's knowledge, not the server's: publishing them is a release."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    round: int
    cohort: tuple[int, ...]
    """Client numbers, ascending."""
    up_bytes: int
    down_bytes: int
    norms: tuple[float, ...]
    """‖Δ_k‖₂ before clipping, by cohort."""
    weights: tuple[float, ...]
    """ω_k, by cohort."""


class Keep(NamedTuple):
    """What is kept beyond the log, for attacks."""

    messages: bool = False
    """Every client's message."""
    adapters: bool = False
    """The global adapter that every round started from."""
    last: int | None = None
    """Only of the last so many rounds; None: of all."""

    def trimmed(self, parts: Mapping[int, Tensor], round_: int) -> dict[int, Tensor]:
        """What is still kept after a round.

        >>> list(Keep(last=2).trimmed({3: torch.ones(1), 4: torch.ones(1), 5: torch.ones(1)}, 5))
        [4, 5]
        """
        return {r: part for r, part in parts.items() if self.last is None or r > round_ - self.last}


KEEP_LOG = Keep()
"""Nothing beyond the log."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The rounds so far."""

    log: tuple[RoundLog, ...] = ()
    messages: Mapping[int, Tensor] = field(default_factory=dict)
    """Round -> float32 [cohort, d], where kept."""
    adapters: Mapping[int, Tensor] = field(default_factory=dict)
    """Round -> float32 [d] at its start, where kept."""

    @property
    def communication(self) -> dict[str, int]:
        """Bytes `up` and `down`, summed over rounds and clients."""
        return {"up": sum(r.up_bytes for r in self.log), "down": sum(r.down_bytes for r in self.log)}

    def after(self, log: RoundLog, messages: Sequence[Message], adapter: Tensor, keep: Keep) -> Transcript:
        """With one more round."""
        sent = torch.stack([m.vector for m in messages]) if messages else adapter.new_zeros(0, len(adapter))
        return Transcript(
            (*self.log, log),
            keep.trimmed({**self.messages, log.round: sent}, log.round) if keep.messages else self.messages,
            keep.trimmed({**self.adapters, log.round: adapter}, log.round)
            if keep.adapters
            else self.adapters,
        )
