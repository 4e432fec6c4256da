"""The messages that an attack on some victims reads: their own, a wrong client's, and planted ones.

Rows of every attack: V victims, then V wrong clients (the control), then planted people (the strength): public people
whom the attacker keeps out of its own models and whose messages it makes by the clients' recipe.

Shape legend: N rows, R rounds, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.attacks.views import ServerRound, ServerView
from privtalk.core.streams import Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardMessages:
    """One round's messages of the rows."""

    number: int
    start: Tensor
    """[d] the adapter that the round started from."""
    messages: Tensor
    """[N, d]; zero for rows that took no part."""
    present: Tensor
    """bool [N]."""
    common: Tensor
    """[d] mean of the whole cohort's messages, each to unit length: what they share."""


def unit(vectors: Tensor) -> Tensor:
    """Rows [..., d] to unit length; zero stays zero."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-20)


def choose_victims(view: ServerView, count: int, stream: Stream) -> tuple[int, ...]:
    """Up to `count` clients of the middle round that had any, drawn at random: one round then meets them all.

    A `ValueError` where no client sent anything.
    """
    held = [r for r in view.rounds if r.cohort]
    if not held or count < 1:
        raise ValueError(f"{count} victims of {len(held)} rounds with messages; need at least one of each")
    cohort = held[len(held) // 2].cohort
    order = torch.randperm(len(cohort), generator=stream("attack", "reconstruction", "victims"))
    return tuple(sorted(cohort[place] for place in order[:count].tolist()))


def choose_rounds(view: ServerView, clients: Sequence[int], limit: int) -> tuple[ServerRound, ...]:
    """Up to `limit` rounds in which most victims took part, and more where it takes more to meet each of them once.

    A `ValueError` names a victim that took part in none.
    """
    for client in clients:
        if not any(client in r.cohort for r in view.rounds):
            raise ValueError(
                f"client {client} sent no message in the rounds seen; choose victims from the cohorts"
            )
    chosen: list[ServerRound] = []
    left = list(view.rounds)
    while left and (len(chosen) < limit or _unmet(chosen, clients)):
        missing = _unmet(chosen, clients)
        best = max(
            left, key=lambda r: (len(missing & set(r.cohort)), len(set(clients) & set(r.cohort)), r.number)
        )
        left.remove(best)
        chosen.append(best)
    return tuple(sorted(chosen, key=lambda r: r.number))


def _unmet(chosen: Sequence[ServerRound], clients: Sequence[int]) -> set[int]:
    return set(clients) - {client for r in chosen for client in r.cohort}


def wrong_clients(rounds: Sequence[ServerRound], clients: Sequence[int], stream: Stream) -> tuple[int, ...]:
    """For each victim another client of one of its rounds, no victim itself where there is any other."""
    found = []
    for place, client in enumerate(clients):
        cohort = next(r.cohort for r in rounds if client in r.cohort)
        others = [c for c in cohort if c not in clients] or [c for c in cohort if c != client]
        if not others:
            raise ValueError(
                f"client {client} was alone in its round; reconstruction needs a wrong client to compare"
            )
        generator = stream("attack", "reconstruction", "wrong", place)
        found.append(others[int(torch.randint(len(others), (1,), generator=generator))])
    return tuple(found)


def hear(round_: ServerRound, clients: Sequence[int]) -> HeardMessages:
    """The messages of `clients`, in their order."""
    place = {client: row for row, client in enumerate(round_.cohort)}
    rows = torch.zeros(len(clients), round_.messages.shape[1]).to(round_.messages)
    for row, client in enumerate(clients):
        if client in place:
            rows[row] = round_.messages[place[client]]
    return HeardMessages(
        number=round_.number,
        start=round_.adapter,
        messages=rows,
        present=torch.tensor([client in place for client in clients]),
        common=unit(round_.messages).mean(0),
    )
