"""The round loop: sample clients, train them in stacked passes, sum their messages, update the server.

    θ ← θ + η (Σ_k ω_k clip_C(Δ_k) + N(0, (zC)² I)) / (q N ω̄)

There is one code path: no privacy is an infinite clip and no noise, which change nothing, bit for bit. Everything in
the denominator is public, so that adding or removing a client moves the sum by at most C
(`methods.federation.normalisation` has the alternatives).

Shape legend: N clients of which K take part, d trainable numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.aggregate import Aggregation
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.cohorts import choose_cohort
from privtalk.methods.federation.devices import kept_after
from privtalk.methods.federation.local import one_by_one
from privtalk.methods.federation.memory import ServerState
from privtalk.methods.federation.public import PublicConstants
from privtalk.methods.federation.stacks import StackRunner
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.transcript import KEEP_LOG, WIRE_BYTES, Keep, RoundLog
from privtalk.methods.federation.waves import CohortOutcome, play_cohort
from privtalk.methods.messages import Aggregate, plain_sum
from privtalk.methods.privacy.accounting.ledger import Budget
from privtalk.methods.privacy.mechanisms.clipping import norm
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY

if TYPE_CHECKING:
    from privtalk.methods.federated.method import FederatedMethod


HALVED = "halved_stacks"
"""The curve of stacks that were trained as halves, for want of memory: rounding is another from there on."""


class Observer(Protocol):
    """Somebody who is shown what the code that trains really does; it changes nothing."""

    def around(self, method: FederatedMethod) -> FederatedMethod:
        """The method with its hooks watched."""

    def summed(self, total: Tensor) -> None:
        """Sees the sum that the server works with, with all noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Federation:
    """One federated run: all that its result depends on."""

    backbone: Backbone
    template: AdapterBank
    """Bank of one: the initial adapter, equal for every method (`AdapterBank.initial`)."""
    clients: tuple[ClientData, ...]
    config: FederationConfig
    method: FederatedMethod
    stream: Stream
    mechanism: RunMechanism = NO_PRIVACY
    """With discrete noise every client adds its share of it, on the grid; otherwise whoever sums adds the noise."""
    aggregate: Aggregate = plain_sum
    keep: Keep = KEEP_LOG
    observer: Observer | None = None
    """Its `method` is watched already (`Observer.around`)."""
    budget: Budget | None = None
    """Training stops before the round that would exceed it."""
    run: StackRunner = one_by_one
    """Whatever trains a cohort's stacks; it changes no bit."""

    def __post_init__(self) -> None:
        numbers = [client.index for client in self.clients]
        if not numbers or numbers != sorted(set(numbers)):
            raise ValueError(
                "clients must be at least one, in ascending order of distinct numbers; sort them by index"
            )
        self.mechanism.check_fits(self.config)

    @property
    def public(self) -> PublicConstants:
        return PublicConstants.of(self.clients, self.config)

    @property
    def aggregation(self) -> Aggregation:
        """How its rounds' updates are aggregated."""
        config = self.config
        return Aggregation(self.denominator, config.normalisation, config.appended_share, self.aggregate)

    @property
    def denominator(self) -> float:
        """q N ω̄."""
        public = self.public
        return self.config.share * public.clients * public.mean_weight * self.method.expected_reliability()


def federate(federation: Federation, state: TrainingState | None = None) -> Iterator[TrainingState]:
    """The state after every round, from `state` (or the start) on to the last; nothing where it is the last."""
    method, template = federation.method, federation.template
    state = state or TrainingState.start(template, server=method.server_state(template))
    budget = federation.budget
    while state.round < federation.config.rounds and (budget is None or budget.allows(state.round)):
        state = play_round(federation, state)
        yield state


def play_round(federation: Federation, state: TrainingState) -> TrainingState:
    """One round; a pure function of its arguments."""
    mechanism = federation.mechanism.in_round(state.round, state.clip, federation.stream)
    cohort = choose_cohort(federation.clients, federation.config, federation.stream, state.round)
    found = play_cohort(federation, state, cohort, mechanism)
    if federation.observer is not None:
        federation.observer.summed(found.total)
    server = federation.method.server_update(
        ServerState(federation.template, state.adapters[0], state.server), found.mean, federation.config
    )
    log = _log(federation, state, cohort, found)
    moved = float(norm(server.adapter - state.adapters[0]))
    mean, averaged = state.averaging(server.adapter[None], federation.config)
    return TrainingState(
        round=state.round + 1,
        adapters=server.adapter[None],
        mean=mean,
        averaged=averaged,
        server=server.tensors,
        clients=kept_after(state.clients, found.own),
        curves=state.curves_with(_curves(mechanism.clip, log, found, moved) | _halved(state, found)),
        transcript=state.transcript.after(log, found.messages, state.adapters[0], federation.keep),
        clip=federation.mechanism.next_clip(
            mechanism.clip, found.norms, federation.stream("round", state.round, "clip")
        ),
    )


def _log(
    federation: Federation, state: TrainingState, cohort: Sequence[ClientData], found: CohortOutcome
) -> RoundLog:
    down = federation.method.download_length(federation.template)
    return RoundLog(
        round=state.round,
        cohort=tuple(client.index for client in cohort),
        up_bytes=len(cohort) * len(found.total) * WIRE_BYTES,
        down_bytes=len(cohort) * down * WIRE_BYTES,
        norms=tuple(found.norms.tolist()),
        weights=tuple(found.weights.tolist()),
    )


def _curves(clip: float, log: RoundLog, found: CohortOutcome, moved: float) -> dict[str, float | None]:
    """Values of one round. All but `cohort`, `clip` and `step_norm` are the simulator's knowledge."""
    return {
        "cohort": float(len(log.cohort)),
        "loss": _mean(found.losses.tolist()),
        "update_norm": _mean(log.norms),
        "clipped": _mean([float(n > clip) for n in log.norms]),
        "weight": _mean(log.weights),
        "step_norm": moved,
        "clip": clip if math.isfinite(clip) else None,
        "residual": found.residual,
    }


def _halved(state: TrainingState, found: CohortOutcome) -> dict[str, float]:
    """The stacks that memory was short for: a curve of runs in which there was one, 0 in the rounds before it."""
    return {HALVED: float(found.halved)} if found.halved or HALVED in state.curves else {}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
