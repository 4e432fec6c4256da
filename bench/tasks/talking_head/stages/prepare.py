"""The files that a run's cells share, found in the cache or made before them: footage, features and shadow worlds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from privtalk.bench.corpus.filming import footage
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.population import Population
from privtalk.bench.networks import Means, Network
from privtalk.bench.task import Preparation
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell


def preparations(
    cells: Sequence[TalkingHeadCell], means: Means, *, attacked: bool = True
) -> Iterator[Preparation]:
    """Yields what cells of one corpus need, in order: each rests on the files of the one before.

    Attackers' worlds are left out where nobody attacks.
    """
    population = open_population(cells[0].corpus, means.corpus)
    masked = any(cell.evaluation.track == "inpaint" for cell in cells)
    yield footage(population)
    yield features(population, means.network, masked)
    if attacked:
        yield worlds(cells, means)


def features(population: Population, network: Network, masked: bool) -> Preparation:
    """Returns the encoding of what is missing."""
    from privtalk.bench.tasks.talking_head.stages.features import FeatureStore

    jobs = FeatureStore(population, network, masked).missing()
    return Preparation(
        title="encoding", jobs=jobs, costs={job.key: float(len(job.arguments[1].people)) for job in jobs}
    )


def worlds(cells: Iterable[TalkingHeadCell], means: Means) -> Preparation:
    """Returns the training of the shadow worlds that are missing."""
    from privtalk.bench.tasks.talking_head.stages import shadows

    return Preparation(title="shadow worlds", jobs=shadows.tasks(cells, means.network, means.corpus))
