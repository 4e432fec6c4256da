"""Tasks on the workers of a Ray cluster: this machine's for the time of a run, or one that spans several.

A worker is an actor of one core: a process of its own on whatever machine has room. It is given a task when it is
there and free, unless another one was seen to work so much faster that it will finish the task sooner (`placement`). An
actor that dies, or whose machine does, is replaced like a process of the pool. Tasks and answers are handed to Ray as
they are; they never come from a file.

Ray is the extra `cluster`: nothing here imports it before a run asks for it.
"""

from __future__ import annotations

import os
import queue
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from privtalk.bench.execution.deaths import Deaths, LostTask
from privtalk.bench.execution.engine import Engine, installed
from privtalk.bench.execution.placement import Speeds
from privtalk.bench.execution.task import (
    THREAD_VARIABLES,
    Event,
    Failed,
    Job,
    Outcome,
    Progressed,
    Retried,
    Started,
    Succeeded,
    attempt,
    attempt_telling,
    pin_threads,
)
from privtalk.core.errors import UserError

STORE = 80 * 2**20
"""Bytes of the shared memory of a local cluster: messages are small, and results lie in files."""
HANDED_ON = ("PRIVTALK_", "XDG_CACHE_HOME", "HF_HUB_OFFLINE", "TOKENIZERS_PARALLELISM")
"""Beginnings of the variables that workers have as this process has them."""


@contextmanager
def connected(engine: Engine, workers: int) -> Iterator[None]:
    """Holds the connection to a cluster while the block runs; one of this machine is started, and ended after it.

    Where there is a connection already it is used and left.
    """
    ray = installed()
    if ray.is_initialized():
        yield
        return
    folder = None if engine.address else tempfile.mkdtemp(prefix="pt-", dir=_short())
    try:
        _connect(ray, engine, workers, folder)
        yield
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def run_on_cluster(
    tasks: Sequence[Job],
    workers: int,
    listen: Callable[[Event], None] = lambda event: None,
    threads: int = 1,
    first: Job | None = None,
    engine: Engine = Engine(name="ray"),
) -> Generator[Outcome, None, None]:
    """Outcomes as they arrive, as `run_in_pool` gives them; closing the iterator ends the workers at once."""
    with connected(engine, workers), ClusterTeam(min(workers, len(tasks)), threads, first, engine) as team:
        yield from team.run(tasks, listen)


class ClusterTeam:
    """Workers of a connected cluster that stay for several calls of `run`; a context that ends them."""

    def __init__(
        self, workers: int, threads: int = 1, first: Job | None = None, engine: Engine = Engine(name="ray")
    ) -> None:
        self.ray, self.most = installed(), engine.most
        make = _maker(self.ray, engine, threads)
        self._seats = [_Seat(self.ray, number, make, first) for number in range(workers)]
        self._speeds = Speeds()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        for seat in self._seats:
            seat.stop()

    def run(
        self, tasks: Sequence[Job], listen: Callable[[Event], None] = lambda event: None
    ) -> Generator[Outcome, None, None]:
        """Outcomes as they arrive. Whoever leaves it before its end leaves workers at work: close the team then."""
        waiting, deaths = list(tasks), Deaths(self.most)
        while True:
            self._give(waiting, listen)
            if not waiting and not any(seat.task is not None for seat in self._seats):
                return
            for seat in _heard(self.ray, self._seats):
                yield from self._hear(seat, waiting, deaths, listen)

    def _give(self, waiting: list[Job], listen: Callable[[Event], None]) -> None:
        """Gives free workers what they should begin, and takes it off the waiting tasks."""
        free = [seat.number for seat in self._seats if seat.idle]
        given = self._speeds.given(free, waiting) if free and waiting else {}
        for number, place in given.items():
            self._speeds.began(number, waiting[place].work)
            self._seats[number].begin(waiting[place], listen)
        taken = set(given.values())
        waiting[:] = [task for place, task in enumerate(waiting) if place not in taken]

    def _hear(
        self, seat: _Seat, waiting: list[Job], deaths: Deaths, listen: Callable[[Event], None]
    ) -> Iterator[Outcome]:
        """Hears a worker that has something to say."""
        received = seat.receive()
        if received is None:
            return
        message = deaths.judged(received) if isinstance(received, LostTask) else received
        listen(message)
        if isinstance(message, Progressed):
            return
        if isinstance(received, LostTask) and isinstance(message, Retried):
            waiting.insert(0, received.task)
        if isinstance(message, Succeeded):
            self._speeds.ended(seat.number)
        else:  # it is another worker now, or has shown nothing of its speed
            self._speeds.lost(seat.number)
        if not isinstance(message, Retried):
            yield message


class _Seat:
    """A place for a worker: the actor in it, and the task it is at."""

    def __init__(self, ray: Any, number: int, make: Callable[[], Any], first: Job | None) -> None:
        self.ray, self.number, self.make, self.first = ray, number, make, first
        self.task: Job | None = None
        self.restart()

    @property
    def there(self) -> bool:
        """Whether its worker has said that it is there."""
        return self.arriving is None

    @property
    def idle(self) -> bool:
        """Whether its worker waits for a task."""
        return self.there and self.task is None

    @property
    def source(self) -> Any:
        """The thing that Ray waits on for the worker's next word; None of one that is idle."""
        return self.arriving if self.arriving is not None else self.answers

    def restart(self) -> None:
        self.actor = self.make()
        self.arriving: Any = self.actor.arrived.remote(self.first)
        self.answers: Any = None

    def begin(self, task: Job, listen: Callable[[Event], None]) -> None:
        self.task = task
        self.answers = self.actor.serve.options(num_returns="streaming").remote(task)
        listen(Started(task.key, self.number))

    def receive(self) -> Progressed | Outcome | LostTask | None:
        """The next message; None where a worker came, or was lost without a task."""
        errors = self.ray.exceptions
        try:
            if self.arriving is not None:
                self.ray.get(self.arriving)
                self.arriving = None
                return None
            message: Progressed | Outcome | LostTask = self.ray.get(next(self.answers))
        except errors.RayTaskError as error:
            if self.task is None:  # it could not even begin: this is so for every worker
                raise UserError(f"no worker can start: {_line(error.cause)}") from error
            message = Failed(self.task.key, _line(error.cause), str(error))
        except (errors.RayError, StopIteration) as error:
            task, self.task = self.task, None
            self.restart()
            return None if task is None else LostTask(task, _death(error))
        if isinstance(message, Failed) and self.task is not None:
            message = replace(message, key=self.task.key)  # of `first` it has that one's
        if not isinstance(message, Progressed):
            self.task = self.answers = None
        return message

    def stop(self) -> None:
        with suppress(Exception):  # it may be gone, and the connection too
            self.ray.kill(self.actor)


class ClusterWorker:
    """The actor: a process that serves tasks, one at a time."""

    def __init__(self, folder: str, paths: Sequence[str], threads: int, gpus: float) -> None:
        if not Path(folder).is_dir():
            raise UserError(
                f"{folder} is not on this machine; put runs and caches where all machines see them"
            )
        os.chdir(folder)
        sys.path.extend(path for path in paths if path not in sys.path)
        self.threads, self.gpus = threads, gpus
        self.failed: Failed | None = None

    def arrived(self, first: Job | None) -> None:
        """Makes the process ready: threads, memory, and what `first` does, which is to load plugins."""
        pin_threads(self.threads)
        cap_gpu_memory(self.gpus)
        if first is not None:
            found = attempt(first, lambda stage, done, total: None)
            self.failed = found if isinstance(found, Failed) else None

    def serve(self, task: Job) -> Iterator[Progressed | Outcome]:
        """Events of a task while it runs, then its outcome.

        The task has a thread of its own, so that what it tells is heard while it computes.
        """
        if self.failed is not None:
            yield self.failed
            return
        told: queue.SimpleQueue[Progressed | Outcome] = queue.SimpleQueue()
        threading.Thread(target=self._work, args=(task, told), daemon=True).start()
        while True:
            message = told.get()
            yield message
            if not isinstance(message, Progressed):
                return

    def _work(self, task: Job, told: queue.SimpleQueue[Progressed | Outcome]) -> None:
        pin_threads(self.threads)
        try:
            told.put(attempt_telling(task, told.put))
        except BaseException as error:  # nothing else would end the wait for it
            told.put(Failed(task.key, _line(error), ""))


def cap_gpu_memory(gpus: float) -> None:
    """Caps what this process may take of its GPU to its share: a fraction of Ray's is a number, and holds nobody."""
    if not 0 < gpus < 1:
        return
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(gpus)


def _maker(ray: Any, engine: Engine, threads: int) -> Callable[[], Any]:
    """Makes workers."""
    kind = ray.remote(ClusterWorker).options(
        num_cpus=1,
        num_gpus=engine.gpus,
        max_restarts=0,
        runtime_env={"env_vars": _variables(threads)},
    )
    return lambda: kind.remote(str(Path.cwd()), sys.path, threads, engine.gpus)


def _variables(threads: int) -> dict[str, str]:
    handed = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
    return handed | dict.fromkeys(THREAD_VARIABLES, str(threads))


def _connect(ray: Any, engine: Engine, workers: int, folder: str | None) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if engine.address:
            ray.init(address=engine.address, **quiet)
        else:
            ray.init(
                num_cpus=max(1, workers),
                object_store_memory=STORE,
                include_dashboard=False,
                _temp_dir=folder,
                **quiet,
            )
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = f"at {engine.address}" if engine.address else "on this machine"
        raise UserError(
            f"no Ray cluster {where} ({_line(error)}); start one, or leave out --address"
        ) from error
    _hush(ray)
    have = ray.cluster_resources()
    for name, needed in (("CPU", 1.0), ("GPU", engine.gpus)):
        there = have.get(name, 0.0)
        if there < needed:
            raise UserError(
                f"a worker needs {needed:g} {name}, the cluster has {there:g}; ask for less, or add machines"
            )


def _hush(ray: Any) -> None:
    """Keeps what Ray says of a lost worker off the standard output, which is for tables; listeners are told of it."""
    inner: Any = getattr(getattr(ray, "_private", None), "worker", None)
    if hasattr(inner, "print_to_stdstream"):
        inner.print_to_stdstream = lambda data, ignore_prefix: None


def _heard(ray: Any, team: Sequence[_Seat]) -> list[_Seat]:
    """Workers with something to say, in the order of `team`."""
    speaking = [seat for seat in team if seat.source is not None]
    ready, _ = ray.wait([seat.source for seat in speaking], num_returns=1)
    more, _ = ray.wait([seat.source for seat in speaking], num_returns=len(speaking), timeout=0)
    found = {id(source) for source in (*ready, *more)}
    return [seat for seat in speaking if id(seat.source) in found]


def _short() -> str | None:
    """A folder with a short path: sockets lie in it, whose paths may have 107 characters."""
    return "/tmp" if Path("/tmp").is_dir() else None


def _death(error: BaseException) -> str:
    """One line for a worker that ended without a word."""
    if type(error).__name__ == "OutOfMemoryError":
        return "the worker was killed for its memory; was memory short? use fewer --workers"
    return "the worker died, or its machine did"


def _line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
