"""Sums of n messages, formed from kept ones, so that attacks on messages can be asked of sums.

A round in which client k's message is replaced by its sum with those of n - 1 others of the cohort is what the server
sees behind secure aggregation over groups of n. A whole cohort (n = None) is what it sees in this run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from privtalk.attacks.views import ServerRound
from privtalk.core.streams import Stream

Grouping = tuple[tuple[int, ...], ...]
"""For every client of a cohort, the positions in it of those it is summed with, its own first."""


def groups(cohort: int, n: int | None, generator: torch.Generator) -> Grouping:
    """Random groups of `n` around every one of `cohort` clients; None, or more than there are, for everybody.

    >>> groups(3, None, torch.Generator())
    ((0, 1, 2), (1, 0, 2), (2, 0, 1))
    """
    size = cohort if n is None else min(n, cohort)
    if size < 1 and cohort:
        raise ValueError(f"sums of {n} messages: need at least 1")

    def around(k: int) -> tuple[int, ...]:
        others = [j for j in range(cohort) if j != k]
        if size < cohort:
            others = [others[i] for i in torch.randperm(len(others), generator=generator).tolist()]
        return (k, *others[: size - 1])

    return tuple(around(k) for k in range(cohort))


def summed(rounds: Sequence[ServerRound], n: int | None, stream: Stream) -> tuple[ServerRound, ...]:
    """Rounds whose message k is the sum of client k's with n - 1 others'. Groups are nested: n + 1 hold those of n."""

    def of(r: ServerRound) -> Tensor:
        generator = stream("attack", "sums", "round", r.number)
        return _sums(r.messages, groups(len(r.cohort), n, generator))

    return tuple(replace(r, messages=of(r)) for r in rounds)


def _sums(messages: Tensor, grouping: Grouping) -> Tensor:
    if all(len(group) == len(messages) for group in grouping):
        return messages.sum(0).expand_as(messages)
    held = torch.zeros(len(grouping), len(messages), dtype=messages.dtype)
    for row, group in enumerate(grouping):
        held[row, list(group)] = 1
    return held @ messages
