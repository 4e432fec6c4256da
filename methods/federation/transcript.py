"""The record of what is said during training: who took part, the messages, their size.

It is the simulator's complete account. What one adversary sees of it is a view, which is cut from it elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from privtalk.methods.messages import Message

WIRE_BYTES = 4
"""The bytes of a number on the wire (float32)."""


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
    """The parts that are kept beyond the log, for attacks."""

    messages: bool = False
    """Every client's message."""
    adapters: bool = False
    """The global adapter that every round started from."""
    last: int | None = None
    """Only of the last so many rounds; None: of all."""

    def trimmed(self, parts: Mapping[int, Tensor], round_: int) -> dict[int, Tensor]:
        """The part that is still kept after a round.

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
