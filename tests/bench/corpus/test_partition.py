"""Partitions: nobody is split over clients, limits are identities, skew goes the right way."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.bench.corpus.partition import client_of, partition
from privtalk.bench.corpus.population import Person
from privtalk.bench.corpus.spec import PartitionSpec

ACCENTS = ("american", "british", "scottish", "caribbean")


def crowd(count: int) -> list[Person]:
    return [Person(f"clients-{k:05d}", "clients", k, {"accent": ACCENTS[k % 4]}) for k in range(count)]


PEOPLE = crowd(80)
CLIPS = {person.name: 8 for person in PEOPLE}


def test_natural_is_a_person_a_client():
    clients = partition(PartitionSpec(), PEOPLE, CLIPS, seed=0)
    assert [client.people for client in clients] == [(person.name,) for person in PEOPLE]
    assert all(len(client.clips) == 8 for client in clients)
    assert [client.index for client in clients] == list(range(80))


def test_quantity_without_skew_is_natural():
    assert partition(PartitionSpec(kind="quantity", skew=0), PEOPLE, CLIPS, 3) == partition(
        PartitionSpec(), PEOPLE, CLIPS, 3
    )


def test_quantity_skew_follows_the_power_law():
    many = crowd(2000)
    clips = {person.name: 100 for person in many}
    counts = np.array(
        [len(c.clips) for c in partition(PartitionSpec(kind="quantity", skew=2), many, clips, 0)]
    )
    # u^2 with u uniform: mean 1/3, median 1/4
    assert counts.mean() == pytest.approx(33.3, abs=2)
    assert np.median(counts) == pytest.approx(25, abs=2.5)
    assert counts.min() >= 1


@settings(deadline=None, max_examples=30)
@given(
    count=st.integers(2, 60),
    people=st.integers(1, 7),
    alpha=st.floats(1e-3, 1e3),
    seed=st.integers(0, 2**31),
)
def test_dirichlet_deals_everybody_once(count, people, alpha, seed):
    crowd_ = crowd(count)
    clips = {person.name: 1 + person.index % 3 for person in crowd_}
    clients = partition(PartitionSpec(kind="dirichlet", alpha=alpha, people=people), crowd_, clips, seed)
    dealt = [name for client in clients for name in client.people]
    assert sorted(dealt) == sorted(person.name for person in crowd_)
    assert len(clients) == -(-count // people)
    assert all(len(client.people) <= people for client in clients)
    assert Counter(name for client in clients for name, _ in client.clips) == clips
    assert client_of(clients)[crowd_[0].name].clips.count((crowd_[0].name, 0)) == 1


def purity(alpha: float) -> float:
    """Mean share of the commonest accent in a client, before the pools run low."""
    clients = partition(
        PartitionSpec(kind="dirichlet", alpha=alpha), crowd(400), dict.fromkeys(crowd_names(400), 1), 0
    )
    accent = {person.name: person.attributes["accent"] for person in crowd(400)}
    return float(np.mean([max(Counter(accent[n] for n in c.people).values()) / 4 for c in clients[:50]]))


def crowd_names(count: int) -> list[str]:
    return [person.name for person in crowd(count)]


def test_small_alpha_separates_and_large_alpha_mixes():
    assert purity(0.01) > 0.95
    assert purity(100.0) < 0.62
    assert purity(0.01) > purity(1.0) > purity(100.0)


def test_seeds_matter_and_repeat():
    spec = PartitionSpec(kind="dirichlet")
    assert partition(spec, PEOPLE, CLIPS, 0) == partition(spec, PEOPLE, CLIPS, 0)
    assert partition(spec, PEOPLE, CLIPS, 0) != partition(spec, PEOPLE, CLIPS, 1)


def test_unknown_attribute_lists_those_there_are():
    with pytest.raises(ValueError, match="no attribute 'height'; attributes: accent"):
        partition(PartitionSpec(kind="dirichlet", attribute="height"), PEOPLE, CLIPS, 0)
