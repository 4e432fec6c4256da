"""The round loop: sample clients, train them in a stacked pass, sum their messages, update the server.

    θ ← θ + η (Σ_k ω_k clip_C(Δ_k) + N(0, (zC)² I)) / (q N ω̄)

There is one code path: no privacy is an infinite clip and no noise, which change nothing, bit for bit. Everything in
the denominator is public, so that adding or removing a client moves the sum by at most C
(`methods.federation.normalisation` has the alternatives).

Shape legend: N clients of which K take part, d trainable numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig, Normalisation
from privtalk.methods.federation.aggregation import with_shares
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.cohorts import choose_cohort
from privtalk.methods.federation.devices import Devices, kept_after, recalled, work
from privtalk.methods.federation.memory import Memory, ServerState
from privtalk.methods.federation.normalisation import appended_scale, carried, sensitivity, step
from privtalk.methods.federation.residual import aggregation_residual
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.transcript import KEEP_LOG, WIRE_BYTES, Keep, RoundLog
from privtalk.methods.messages import Aggregate, Message, of_round, plain_sum
from privtalk.methods.privacy.accounting.ledger import Budget
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping, ClipState, within
from privtalk.methods.privacy.mechanisms.clipping import clip_factors, norm
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.matrix_factorisation import BandedMatrixFactorisation
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY, GaussianMechanism
from privtalk.methods.privacy.mechanisms.schedule import PrivacyMechanism, RoundMechanism, in_round

if TYPE_CHECKING:
    from privtalk.methods.federated.method import FederatedMethod


class PublicConstants(NamedTuple):
    """The constants that are declared public of the population, whatever any one client holds."""

    clients: int
    """N."""
    reference_frames: int
    """n̂."""
    mean_weight: float
    """ω̄ before reliability: mean of min(n_k / n̂, 1)."""

    @classmethod
    def of(cls, clients: Sequence[ClientData], config: FederationConfig) -> PublicConstants:
        """Configured values; those left open are computed from the population and declared public."""
        reference = config.reference_frames or max(client.frames for client in clients)
        mean = config.mean_weight or sum(min(c.frames / reference, 1.0) for c in clients) / len(clients)
        return cls(len(clients), reference, mean)


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
    mechanism: PrivacyMechanism = NO_PRIVACY
    """With discrete noise every client adds its share of it, on the grid; otherwise whoever sums adds the noise."""
    aggregate: Aggregate = plain_sum
    keep: Keep = KEEP_LOG
    budget: Budget | None = None
    """Training stops before the round that would exceed it."""

    def __post_init__(self) -> None:
        numbers = [client.index for client in self.clients]
        if not numbers or numbers != sorted(set(numbers)):
            raise ValueError(
                "clients must be at least one, in ascending order of distinct numbers; sort them by index"
            )
        check_fit(self.config, self.mechanism)

    @property
    def public(self) -> PublicConstants:
        return PublicConstants.of(self.clients, self.config)

    @property
    def denominator(self) -> float:
        """q N ω̄."""
        public = self.public
        return self.config.share * public.clients * public.mean_weight * self.method.expected_reliability()


def check_fit(config: FederationConfig, mechanism: PrivacyMechanism) -> None:
    """Raises where no account holds for the two together."""
    fresh_central = isinstance(mechanism, (GaussianMechanism, AdaptiveClipping))
    if not fresh_central and config.normalisation != "public":
        raise ValueError(
            f"normalisation {config.normalisation!r} works with fresh central noise alone; use public"
        )
    correlated = isinstance(mechanism, BandedMatrixFactorisation)
    if mechanism.private and (config.sampling == "cyclic") != correlated:
        raise ValueError(
            "noise is accounted for clients that are sampled, or correlated for clients that take turns: use "
            "BandedMatrixFactorisation with sampling=cyclic and with nothing else"
        )


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
    mechanism = in_round(federation.mechanism, state.round, state.clip, federation.stream)
    cohort = choose_cohort(federation.clients, federation.config, federation.stream, state.round)
    result, report = work(federation.method, _devices(federation, state, cohort))
    updates = report.message.cpu()
    weights = client_weights(cohort, federation.public) * result.reliability.double().cpu()
    factors = weights * clip_factors(updates, mechanism.clip)
    sent = _sent(federation, mechanism, state, cohort, updates * factors.to(updates)[:, None], weights)
    messages = [Message(client.index, vector) for client, vector in zip(cohort, sent, strict=True)]
    server = _update_server(federation, mechanism, state, messages)
    down = federation.method.download_length(federation.template)
    log = _log(state, cohort, norm(updates), weights, sent.shape[1], down)
    moved = float(norm(server.adapter - state.adapters[0]))
    return TrainingState(
        round=state.round + 1,
        adapters=server.adapter[None],
        server=server.tensors,
        clients=kept_after(state.clients, cohort, report.own),
        curves=state.curves_with(
            _curves(mechanism.clip, log, result.loss, moved)
            | {"residual": aggregation_residual(federation.template, result.theta)}
        ),
        transcript=state.transcript.after(log, messages, state.adapters[0], federation.keep),
        clip=_next_clip(federation, mechanism, state, updates),
    )


def _next_clip(
    federation: Federation, mechanism: RoundMechanism, state: TrainingState, updates: Tensor
) -> float | None:
    adaptive = federation.mechanism
    if not isinstance(adaptive, AdaptiveClipping):
        return None
    used = ClipState(clip=mechanism.clip)
    generator = federation.stream("round", state.round, "clip")
    return adaptive.after(used, within(updates, used.clip), generator).clip


def _sent(
    federation: Federation,
    mechanism: RoundMechanism,
    state: TrainingState,
    cohort: Sequence[ClientData],
    vectors: Tensor,
    weights: Tensor,
) -> Tensor:
    """The vectors that leave the devices, of clipped and weighted updates [K, d]."""
    if isinstance(mechanism, DiscreteMechanism):
        return with_shares(vectors, cohort, mechanism, federation.stream, state.round)
    return carried(vectors, weights, *_normalisation(federation.config, mechanism))


def _normalisation(config: FederationConfig, mechanism: RoundMechanism) -> tuple[Normalisation, float]:
    """(how the sum is normalised, β of the appended coordinate)."""
    return config.normalisation, appended_scale(mechanism.clip, config.appended_share)


def client_weights(cohort: Sequence[ClientData], public: PublicConstants) -> Tensor:
    """min(n_k / n̂, 1), float64 [K]."""
    sizes = torch.tensor([client.frames for client in cohort], dtype=torch.float64)
    return (sizes / public.reference_frames).clamp(max=1)


def _devices(federation: Federation, state: TrainingState, cohort: Sequence[ClientData]) -> Devices:
    """The cohort's devices at the start of a round: what they were sent, what they hold and what they keep."""
    method, device = federation.method, federation.backbone.device
    received = state.adapters[0].to(device)
    return Devices(
        backbone=federation.backbone,
        template=federation.template,
        config=federation.config,
        clients=tuple(method.trains_on(client, federation.config) for client in cohort),
        whole=tuple(cohort),
        stream=federation.stream,
        round=state.round,
        received=received,
        memory=Memory(
            {name: state.server[name].to(received) for name in method.sent_down},
            recalled(method, federation.template, received, cohort, state.clients),
        ),
    )


def _update_server(
    federation: Federation, mechanism: RoundMechanism, state: TrainingState, messages: Sequence[Message]
) -> ServerState:
    kind, scale = _normalisation(federation.config, mechanism)
    dim = federation.method.message_length(federation.template) + (kind != "public")
    total = of_round(federation.aggregate, state.round)(messages, dim)
    if mechanism.private and not isinstance(mechanism, DiscreteMechanism):
        joint: RoundMechanism = mechanism
        if isinstance(mechanism, GaussianMechanism):
            joint = replace(mechanism, clip=sensitivity(mechanism.clip, kind, scale))
        noise = joint.noise(dim, federation.stream("round", state.round, "privacy"))
        if kind == "cohort":
            noise[-1] = 0
        total = total + noise
    mean = step(total, kind, federation.denominator, scale)
    return federation.method.server_update(
        ServerState(federation.template, state.adapters[0], state.server), mean, federation.config
    )


def _log(
    state: TrainingState, cohort: Sequence[ClientData], norms: Tensor, weights: Tensor, up: int, down: int
) -> RoundLog:
    return RoundLog(
        round=state.round,
        cohort=tuple(client.index for client in cohort),
        up_bytes=len(cohort) * up * WIRE_BYTES,
        down_bytes=len(cohort) * down * WIRE_BYTES,
        norms=tuple(norms.tolist()),
        weights=tuple(weights.tolist()),
    )


def _curves(clip: float, log: RoundLog, losses: Tensor, moved: float) -> dict[str, float | None]:
    """Values of one round. All but `cohort`, `clip` and `step_norm` are the simulator's knowledge."""
    return {
        "cohort": float(len(log.cohort)),
        "loss": _mean(losses.tolist()),
        "update_norm": _mean(log.norms),
        "clipped": _mean([float(n > clip) for n in log.norms]),
        "weight": _mean(log.weights),
        "step_norm": moved,
        "clip": clip if math.isfinite(clip) else None,
    }


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
