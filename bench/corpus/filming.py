"""The filming of what is missing of a population, before any cell runs."""

from __future__ import annotations

from privtalk.bench.corpus.population import ROLES, Population, check_disjoint
from privtalk.bench.corpus.rendered import shards
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation
from privtalk.bench.task import Preparation
from privtalk.core.cache import cache_folder
from privtalk.core.files import sweep_folder


def footage(population: Population) -> Preparation:
    """Returns the filming of what is missing of an embedded population. Checks that roles are disjoint.

    First removes from the cache what killed processes were writing.
    """
    sweep_folder(cache_folder())
    check_disjoint({role: population.people(role) for role in ROLES})
    if not isinstance(population, EmbeddedPopulation):
        return Preparation(title="filming", jobs=())
    files = population.files()
    costs = {shard.name: shards.cost(shard) for shard in files}
    return Preparation(title="filming", jobs=shards.missing(files), costs=costs)
