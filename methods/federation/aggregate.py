"""From the updates of a cohort to the server's step: what every round of every run, and every audit, goes through.

    S = Σ_k m_k + noise,   m_k = (share of noise) + ω_k clip_C(Δ_k),   step = S / (q N ω̄)

The round loop calls it, the canaries' copy of a run and the audit of an aggregator call it; there is no other. A round
of many clients goes through it part by part (`RoundSum`), so that no more than a part's messages are held at once.

Shape legend: K clients of a round, m numbers of an update, w numbers of what is sent (m, or one more).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.config import Normalisation
from privtalk.methods.federation.normalisation import (
    appended_scale,
    carried,
    carried_length,
    sensitivity,
    step,
)
from privtalk.methods.messages import Aggregate, Message, begin, of_round, plain_sum
from privtalk.methods.privacy.mechanisms.clipping import clip_factors
from privtalk.methods.privacy.mechanisms.mechanism import RoundMechanism


class Aggregation(NamedTuple):
    """The public part of how a run's updates are aggregated."""

    denominator: float
    """q N ω̄."""
    normalisation: Normalisation = "public"
    appended_share: float = 0.25
    """β / C."""
    sum_messages: Aggregate = plain_sum

    def scale(self, clip: float) -> float:
        """β, the size of the appended coordinate."""
        return appended_scale(clip, self.appended_share)


class Aggregated(NamedTuple):
    """One round's outcome."""

    messages: tuple[Message, ...]
    """The message of each client."""
    total: Tensor
    """float64 [w] the sum that the server works with, with all noise."""
    mean: Tensor
    """float64 [m] the mean update that it makes of it."""


def aggregate(
    updates: Tensor,
    weights: Tensor,
    numbers: Sequence[int],
    mechanism: RoundMechanism,
    how: Aggregation,
    stream: Stream,
    round_: int,
) -> Aggregated:
    """Aggregates raw updates [K, m] of the clients `numbers` with weights float64 [K] in (0, 1]."""
    running = RoundSum(numbers, updates.shape[1], mechanism, how, stream, round_)
    messages = running.add(updates, weights, numbers)
    return Aggregated(messages, *running.finish())


class RoundSum:
    """The sum of one round, which takes the cohort's updates in parts, in the order of the cohort.

    The sum has the same bits whatever the parts.
    """

    def __init__(
        self,
        cohort: Sequence[int],
        length: int,
        mechanism: RoundMechanism,
        how: Aggregation,
        stream: Stream,
        round_: int,
    ) -> None:
        """`cohort`: the numbers of all clients that take part; `length`: m."""
        self.mechanism, self.how, self.stream, self.round = mechanism, how, stream, round_
        self.clients = len(cohort)
        self.scale = how.scale(mechanism.clip)
        width = carried_length(length, how.normalisation)
        self._running = begin(of_round(how.sum_messages, round_), cohort, width)

    def add(self, updates: Tensor, weights: Tensor, numbers: Sequence[int]) -> tuple[Message, ...]:
        """Adds raw updates [k, m] of the next clients; their messages."""
        factors = weights * clip_factors(updates, self.mechanism.clip)
        vectors = carried(updates * factors.to(updates)[:, None], weights, self.how.normalisation, self.scale)
        sent = self.mechanism.leave(vectors, numbers, self.clients, self.stream, self.round)
        messages = tuple(Message(number, vector) for number, vector in zip(numbers, sent, strict=True))
        self._running.add(messages)
        return messages

    def finish(self) -> tuple[Tensor, Tensor]:
        """The sum [w] with all noise, and the mean update [m] that the server makes of it; float64."""
        generator = self.stream("round", self.round, "privacy")
        total = with_noise(self._running.total(), self.mechanism, self.how, generator)
        return total, step(total, self.how.normalisation, self.how.denominator, self.scale)


def with_noise(
    summed: Tensor, mechanism: RoundMechanism, how: Aggregation, generator: torch.Generator
) -> Tensor:
    """float64 [w] a sum of messages with what whoever sums adds to it."""
    if not mechanism.private:
        return summed
    bound = sensitivity(mechanism.clip, how.normalisation, how.scale(mechanism.clip))
    noise = mechanism.added(len(summed), generator, bound)
    if how.normalisation == "cohort":  # as published: Σ ω_k is told as it is
        noise[-1] = 0
    return summed + noise
