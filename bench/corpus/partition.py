"""Who holds which training clips.

A client (a device) is the unit of federation and of differential privacy; a person's training clips never lie on two
clients, so that protecting a client protects the people on it.

- natural: a person is a client.
- dirichlet: a client is a device shared by several people. Each client draws a mixture over the values of an attribute
  from Dir(α · population shares) and its people accordingly, without replacement (Hsu et al., 2019, with people in the
  place of examples). α -> infinity: every client looks like the population; α -> 0: one value a client.
- quantity: a person is a client, with n_k = max(1, round(n · u_k^skew)) of its n clips, u_k uniform on (0, 1): a power
  law. skew = 0 is natural.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from privtalk.bench.corpus.population import Person
from privtalk.bench.corpus.spec import PartitionSpec
from privtalk.core.seeds import numpy_stream


@dataclass(frozen=True, slots=True)
class Client:
    """One device."""

    index: int
    """Its number in every named stream."""
    name: str
    clips: tuple[tuple[str, int], ...]
    """(person, number of a training clip), people one after another."""

    @property
    def people(self) -> tuple[str, ...]:
        """Who is on it, in order."""
        return tuple(dict.fromkeys(person for person, _ in self.clips))


def partition(
    spec: PartitionSpec, people: Sequence[Person], clips: Mapping[str, int], seed: int
) -> tuple[Client, ...]:
    """Clients of a population; `clips`: person -> number of training clips."""
    if spec.kind == "dirichlet":
        return _dirichlet(spec, people, clips, seed)
    if spec.kind == "quantity":
        return _quantity(spec, people, clips, seed)
    return tuple(_client(place, [person], clips) for place, person in enumerate(people))


def client_of(clients: Sequence[Client]) -> dict[str, Client]:
    """Person -> the client that holds it."""
    return {person: client for client in clients for person in client.people}


def _client(
    index: int, people: Sequence[Person], clips: Mapping[str, int], name: str | None = None
) -> Client:
    held = tuple((person.name, number) for person in people for number in range(clips[person.name]))
    return Client(index, name or people[0].name, held)


def _quantity(
    spec: PartitionSpec, people: Sequence[Person], clips: Mapping[str, int], seed: int
) -> tuple[Client, ...]:
    kept = {}
    for person in people:
        share = numpy_stream(seed, "partition", "quantity", person.name).uniform() ** spec.skew
        kept[person.name] = max(1, round(clips[person.name] * share))
    return tuple(_client(place, [person], kept) for place, person in enumerate(people))


def _dirichlet(
    spec: PartitionSpec, people: Sequence[Person], clips: Mapping[str, int], seed: int
) -> tuple[Client, ...]:
    values = sorted({_value(person, spec.attribute) for person in people})
    shares = np.array([sum(_value(p, spec.attribute) == value for p in people) for value in values]) / len(
        people
    )
    rng = numpy_stream(seed, "partition", "dirichlet", spec.attribute)
    left = {value: [p for p in people if _value(p, spec.attribute) == value] for value in values}
    for pool in left.values():
        rng.shuffle(pool)
    clients = []
    for index in range(-(-len(people) // spec.people)):
        mixture = rng.dirichlet(spec.alpha * shares)
        mine = [
            _draw(left, values, mixture, rng) for _ in range(min(spec.people, sum(map(len, left.values()))))
        ]
        clients.append(_client(index, mine, clips, f"client-{index:05d}"))
    return tuple(clients)


def _draw(
    left: dict[str, list[Person]], values: Sequence[str], mixture: np.ndarray, rng: np.random.Generator
) -> Person:
    """A person who is left, by the mixture over the values that still have someone, else by what is left."""
    weights = np.array(
        [weight if left[value] else 0.0 for value, weight in zip(values, mixture, strict=True)]
    )
    if weights.sum() <= 0:
        weights = np.array([float(len(left[value])) for value in values])
    return left[values[int(rng.choice(len(values), p=weights / weights.sum()))]].pop()


def _value(person: Person, attribute: str) -> str:
    if attribute not in person.attributes:
        known = ", ".join(sorted(person.attributes)) or "none are known"
        raise ValueError(f"people have no attribute {attribute!r}; attributes: {known}")
    return person.attributes[attribute]
