"""The view of one adversary. An attack declares the view it needs and gets nothing else.

Views hold copies: nothing else of the transcript can be reached from one, not even through a tensor's storage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from privtalk.methods.adapters import adapted
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.state import TrainingState


class Bank(Protocol):
    """The parts of `methods.adapters.AdapterBank` that attacks use: K adapters."""

    def flatten(self) -> Tensor:
        """[K, d] all factors."""
        ...

    def unflatten(self, flat: Tensor) -> Bank:
        """A bank of the same layers with the factors `flat` [K, d]."""
        ...


class FrozenBackbone(Protocol):
    """The parts of `methods.backbone.Backbone` that attacks use."""

    @property
    def denoiser(self) -> nn.Module:
        """The network that adapters are put into."""
        ...

    def loss(self, batch: Batch, t: Tensor, noise: Tensor) -> Tensor:
        """[N] denoising loss of each window."""
        ...


Adapt = Callable[[Any, Any], AbstractContextManager[Any]]
"""(denoiser, bank) -> context in which the denoiser's forward passes use the bank."""


@dataclass(frozen=True, kw_only=True)
class ReleaseView:
    """The outsider's: the published backbone and the final global adapter, nothing said during training."""

    backbone: FrozenBackbone
    adapter: Bank
    """A bank of one."""
    adapt: Adapt = field(default=adapted, repr=False)

    def __post_init__(self) -> None:
        count = len(self.adapter.flatten())
        if count != 1:
            raise ValueError(f"a release is one adapter, this bank holds {count}; select one first")


@dataclass(frozen=True, kw_only=True)
class ServerRound:
    """One round at the server."""

    number: int
    adapter: Tensor
    """[d] that the round started from."""
    cohort: tuple[int, ...]
    messages: Tensor
    """[K, d]: what each client of the cohort sent."""


@dataclass(frozen=True, kw_only=True)
class ServerView:
    """The server's that sees each client's message."""

    backbone: FrozenBackbone
    rounds: tuple[ServerRound, ...]

    @classmethod
    def of(cls, backbone: FrozenBackbone, state: TrainingState) -> ServerView:
        """From a run that kept its messages and adapters (`transcript.Keep`)."""
        said = state.transcript
        rounds = tuple(
            ServerRound(
                number=log.round,
                adapter=_kept(said.adapters, log.round, "adapters").clone(),
                cohort=log.cohort,
                messages=_kept(said.messages, log.round, "messages").clone(),
            )
            for log in said.log
            if log.round >= min(said.messages, default=0)
        )
        return cls(backbone=backbone, rounds=rounds)


@dataclass(frozen=True, kw_only=True)
class SumRound:
    """One round behind secure aggregation."""

    number: int
    adapter: Tensor
    """[d] that the round started from."""
    cohort: tuple[int, ...]
    """Who took part: the protocol does not hide it."""
    total: Tensor
    """float64 [d]: the sum of the messages."""


@dataclass(frozen=True, kw_only=True)
class SecureAggregationView:
    """The server's that sees sums only."""

    backbone: FrozenBackbone
    rounds: tuple[SumRound, ...]

    @classmethod
    def of(cls, backbone: FrozenBackbone, state: TrainingState) -> SecureAggregationView:
        """The same run, summed."""
        seen = ServerView.of(backbone, state)
        rounds = tuple(
            SumRound(number=r.number, adapter=r.adapter, cohort=r.cohort, total=r.messages.double().sum(0))
            for r in seen.rounds
        )
        return cls(backbone=backbone, rounds=rounds)


@dataclass(frozen=True, kw_only=True)
class ClientView:
    """A client's: its own data, the adapters that it was sent, and the release."""

    backbone: FrozenBackbone
    own: ClientData
    received: dict[int, Tensor]
    """Round in which it took part -> [d] that the round started from."""
    released: Tensor
    """[d] the adapter that is given away."""
    parts: Mapping[int, float] = field(default_factory=dict)
    """Round in which it took part -> share of the move in it that the release has moved by; 1 where left out."""

    @classmethod
    def of(cls, backbone: FrozenBackbone, state: TrainingState, own: ClientData) -> ClientView:
        """From a run that kept its adapters."""
        said = state.transcript
        received = {
            log.round: _kept(said.adapters, log.round, "adapters").clone()
            for log in said.log
            if own.index in log.cohort and log.round >= min(said.adapters, default=0)
        }
        return cls(
            backbone=backbone,
            own=own,
            received=received,
            released=state.released[0].clone(),
            parts={r: state.part_of(r) for r in received},
        )


@dataclass(frozen=True, kw_only=True)
class PersonalView:
    """The finder's of personal adapters: a stolen device's, or a published character's. Whose they are is not said."""

    backbone: FrozenBackbone
    start: Bank
    """A bank of one, which is public: what was released, or the initial adapter where nothing is."""
    adapters: Bank
    """K adapters that leaked."""
    adapt: Adapt = field(default=adapted, repr=False)

    def __post_init__(self) -> None:
        count = len(self.start.flatten())
        if count != 1:
            raise ValueError(
                f"private steps start from one public adapter, not from {count}; select one first"
            )


def _kept(parts: Mapping[int, Tensor], round_: int, name: str) -> Tensor:
    if round_ not in parts:
        raise ValueError(f"round {round_} has no {name}: train with keep=Keep({name}=True)")
    return parts[round_]
