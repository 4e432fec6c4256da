"""What all cells of a run share, found in the cache or made in parallel before them: footage and features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from pathlib import Path

from rich.console import Console

from privtalk.bench.corpus.population import ROLES, Population, check_disjoint
from privtalk.bench.corpus.rendered import shards
from privtalk.bench.corpus.rendered.shards import EmbeddedPopulation
from privtalk.bench.execution import Failed, Task, execute
from privtalk.bench.networks import Network
from privtalk.bench.progress import display
from privtalk.bench.spec import Cell
from privtalk.core.cache import cache_folder
from privtalk.core.errors import WorkFailed
from privtalk.core.files import sweep_folder

EVERY = 15.0
"""Seconds between two lines of progress, at least, where there is no terminal."""


def make_footage(population: Population, workers: int, console: Console | None = None) -> int:
    """Films what is missing of an embedded population; how many files that were. Checks that roles are disjoint.

    First removes from the cache what killed processes were writing.
    """
    sweep_folder(cache_folder())
    check_disjoint({role: population.people(role) for role in ROLES})
    if not isinstance(population, EmbeddedPopulation):
        return 0
    files = population.files()
    tasks = shards.missing(files)
    costs = {shard.name: shards.cost(shard) for shard in files}
    return _make("filming", tasks, lambda task: {"filming": costs[task.key]}, workers, console)


def make_features(
    population: Population, network: Network, masked: bool, workers: int, console: Console | None = None
) -> int:
    """Encodes what is missing; how many files that were."""
    from privtalk.bench.stages.features import FeatureStore

    tasks = FeatureStore(population, network, masked).missing()
    return _make(
        "encoding", tasks, lambda task: {"encoding": len(task.arguments[1].people)}, workers, console
    )


def make_worlds(
    cells: Iterable[Cell], network: Network, folder: Path | None, workers: int, console: Console | None = None
) -> int:
    """Trains the shadow worlds that are missing; how many files that were."""
    from privtalk.bench.stages import shadows

    tasks = shadows.tasks(cells, network, folder)
    return _make("shadow worlds", tasks, lambda task: {"shadow worlds": 1.0}, workers, console)


def _make(
    title: str,
    tasks: list[Task],
    cost: Callable[[Task], Mapping[str, float]],
    workers: int,
    console: Console | None,
) -> int:
    """Runs tasks that must all succeed."""
    if not tasks:
        return 0
    console = console or Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{title}: {len(tasks)} files to make", highlight=False)
    plan = {task.key: cost(task) for task in tasks}
    with (
        display(title, plan, console, every=EVERY) as listen,
        closing(execute(tasks, workers, listen)) as outcomes,
    ):
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                raise WorkFailed(f"{title} {outcome.key} failed: {outcome.reason}", outcome.traceback)
    return len(tasks)
