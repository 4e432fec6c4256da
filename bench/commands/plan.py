"""`bench plan`: all that can be known of a run before it, and all that would fail in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from privtalk.bench import claiming
from privtalk.bench.commands import run as running
from privtalk.bench.commands.plan_screen import show, size
from privtalk.bench.environment import available_memory
from privtalk.bench.planning.forecast import RunForecast, TaskForecast
from privtalk.bench.planning.gpus import Gpu, find_gpu
from privtalk.bench.planning.schedule import gpu_seconds, run_seconds
from privtalk.bench.task import Place, find_task
from privtalk.core.cache import cache_folder
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore

KEPT_BYTES = 256 * 2**20
"""Bytes of disk that a run leaves free."""


def plan(request: running.Request, gpu: str | None = None, as_json: bool = False) -> int:
    """Prints the forecast of a run, which writes no file of the run; returns 0.

    Whatever would fail later is a `UserError` now.
    """
    found = forecast(request, gpu)
    if as_json:
        print(dumped(found))
    else:
        show(found, Console())
    return running.OK


def forecast(request: running.Request, gpu: str | None = None) -> RunForecast:
    """Returns the forecast of the cells of a request that have no record yet.

    Parameters: `request`, as `bench run` takes it; `gpu`, a name of `bench/planning/gpus.yaml`. Raises `UserError` for
    what would fail: unknown names, missing weights, too few people, too little memory for one worker, or disk.
    """
    named = find_gpu(gpu) if gpu else None
    opened, plan, brought, workers, said_of_memory = running.bounded(request)
    task = find_task(plan.task)
    place = Place(request.out or running.default_folder(request), opened.resources, opened.device, brought)
    claiming.claimable(place.folder)
    claiming.claimed(place.folder, plan, brought)
    pending = running.pending_cells(plan, RunStore(place.folder))
    task.check(pending, place, workers)
    with Console(stderr=True).status("measuring a few steps"):
        found = task.plan(pending, place, workers)
    made = RunForecast(
        suite=plan.suite,
        preset=plan.preset,
        task=plan.task,
        folder=str(place.folder),
        finished=len(plan.cells) - len(pending),
        workers=workers,
        device=opened.device,
        hours=run_seconds(found, workers) / 3600,
        gpu=named.name if named else None,
        gpu_hours=gpu_seconds(found, named) / 3600 if named else None,
        memory_free_mib=available_memory(),
        disk_free_bytes=_free(place.folder),
        forecast=found,
    )
    check_memory(made)
    check_disk(found, place.folder, workers)
    said = (*task.remarks(plan.cells), *_tight(made, named), *filter(None, [said_of_memory]))
    return made.model_copy(update={"look_twice": said})


def dumped(found: RunForecast) -> str:
    """Returns a forecast as JSON, with its sums."""
    sums = {"updates": found.updates, "flops": found.flops, "memory_mib": found.memory_mib}
    return json.dumps(sums | found.model_dump(mode="json"), indent=1)


def check_memory(found: RunForecast) -> None:
    """Raises a `UserError` where one worker takes more memory than there is."""
    need, free = found.memory_mib, found.memory_free_mib
    if need is not None and free is not None and found.device == "cpu" and need > free:
        raise UserError(
            f"one worker takes about {size(need * 2**20)} of memory, {size(free * 2**20)} are free; bound it with "
            "--memory, or lower federation.chunk, federation.rate or attack.rounds"
        )


def check_disk(found: TaskForecast, folder: Path, workers: int) -> None:
    """Raises a `UserError` where the cache or the run's folder has no room; on one disk for both together."""
    run = found.run_bytes + found.checkpoint_bytes * min(workers, len(found.cells))
    cache = cache_folder()
    together = _disk(cache) == _disk(folder)
    for place, need in ((cache, found.cache_bytes + run * together), (folder, run)):
        if need and need + KEPT_BYTES > _free(place):
            raise UserError(
                f"{size(need)} are needed in {_existing(place)}, {size(_free(place))} are free there; name a folder on "
                "a larger disk with -o, set PRIVTALK_CACHE, or lower corpus.clients"
            )


def _tight(found: RunForecast, gpu: Gpu | None) -> Sequence[str]:
    """The means that do not suffice for all workers at once, or for a named GPU."""
    said = []
    need, free = found.memory_mib, found.memory_free_mib
    at_once = min(found.workers, len(found.forecast.cells))
    if need is not None and free is not None and at_once > 1 and need * at_once > free:
        said.append(
            f"memory: {at_once} workers take about {size(at_once * need * 2**20)}, {size(free * 2**20)} are free; use "
            f"--workers {max(1, int(free // need))}"
        )
    if gpu and need is not None and need > gpu.memory * 1024:
        said.append(f"memory: a worker takes about {size(need * 2**20)}, a {gpu.name} has {gpu.memory:g} GiB")
    return said


def _existing(folder: Path) -> Path:
    whole = folder.absolute()
    return next(path for path in (whole, *whole.parents) if path.is_dir())


def _free(folder: Path) -> float:
    return float(shutil.disk_usage(_existing(folder)).free)


def _disk(folder: Path) -> int:
    return _existing(folder).stat().st_dev
