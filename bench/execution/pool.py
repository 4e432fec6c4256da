"""Tasks on several processes of this machine.

Each worker is a fresh process (spawn: no inherited threads, safe with CUDA) with a pipe of its own, so that a
worker killed by the system takes neither a shared lock nor another worker's task with it: a new worker takes its place
and its task, until that has cost `most` workers; then it fails with a reason, and the rest goes on.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Self

from privtalk.bench.execution.deaths import MOST, Deaths, LostTask
from privtalk.bench.execution.task import (
    Event,
    Failed,
    Job,
    Outcome,
    Progressed,
    Retried,
    Started,
    attempt,
    attempt_telling,
    pin_threads,
    pinned_environment,
)

_SPAWN = multiprocessing.get_context("spawn")


def run_in_pool(
    tasks: Sequence[Job],
    workers: int,
    listen: Callable[[Event], None] = lambda event: None,
    threads: int = 1,
    first: Job | None = None,
    most: int = MOST,
) -> Generator[Outcome, None, None]:
    """Outcomes as they arrive; tasks start in the given order, so put the longest first.

    Closing the iterator (Ctrl-C among others) ends the workers at once.
    """
    with ProcessTeam(min(workers, len(tasks)), threads, first, most) as team:
        yield from team.run(tasks, listen)


class ProcessTeam:
    """Processes that stay for several calls of `run`; a context that ends them."""

    def __init__(self, workers: int, threads: int = 1, first: Job | None = None, most: int = MOST) -> None:
        self.most = most
        self._workers = [_Worker(number, threads, first) for number in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        for worker in self._workers:
            worker.stop()

    def run(
        self, tasks: Sequence[Job], listen: Callable[[Event], None] = lambda event: None
    ) -> Generator[Outcome, None, None]:
        """Outcomes as they arrive. Whoever leaves it before its end leaves workers at work: close the team then."""
        waiting, deaths = deque(tasks), Deaths(self.most)
        for worker in self._workers[: len(tasks)]:
            worker.begin(waiting.popleft(), listen)
        while busy := [worker for worker in self._workers if worker.task is not None]:
            for worker in _ready(busy):
                received = worker.receive()
                message = deaths.judged(received) if isinstance(received, LostTask) else received
                listen(message)
                if isinstance(message, Progressed):
                    continue
                if isinstance(received, LostTask) and isinstance(message, Retried):
                    waiting.appendleft(received.task)
                if not worker.process.is_alive():
                    worker.restart()
                if waiting:
                    worker.begin(waiting.popleft(), listen)
                if not isinstance(message, Retried):
                    yield message


class _Worker:
    """A process, the pipe to it, and the task it is at."""

    process: BaseProcess
    pipe: Connection

    def __init__(self, number: int, threads: int, first: Job | None) -> None:
        self.number, self.threads, self.first = number, threads, first
        self.task: Job | None = None
        self.restart()

    def restart(self) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, self.threads, self.first), daemon=True)
        with pinned_environment(self.threads):
            self.process.start()
        theirs.close()

    def begin(self, task: Job, listen: Callable[[Event], None]) -> None:
        self.task = task
        with suppress(BrokenPipeError):  # it died meanwhile: `receive` says so
            self.pipe.send(task)
        listen(Started(task.key, self.number))

    def receive(self) -> Progressed | Outcome | LostTask:
        """The next message; a worker that is gone has lost its task."""
        assert self.task is not None
        try:
            message: Progressed | Outcome | LostTask = self.pipe.recv()
        except (EOFError, ConnectionResetError):
            self.process.join(timeout=5)
            message = LostTask(self.task, _death(self.process.exitcode))
        if isinstance(message, Failed):
            message = replace(message, key=self.task.key)
        if not isinstance(message, Progressed):
            self.task = None
        return message

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


def _ready(workers: Sequence[_Worker]) -> list[_Worker]:
    """Workers with something to say, in the order of `workers`."""
    pipes = wait([worker.pipe for worker in workers])
    return [worker for worker in workers if worker.pipe in pipes]


def _serve(pipe: Connection, threads: int, first: Job | None) -> None:
    """A worker's life: tasks in, events and outcomes out, until the other end is closed.

    `first` comes before all else: without it what a task is made of may not even be known here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pin_threads(threads)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        failed = None if first is None else attempt(first, lambda stage, done, total: None)
        while isinstance(failed, Failed):
            pipe.recv_bytes()  # which perhaps cannot be understood here
            pipe.send(failed)
        while True:
            task: Job = pipe.recv()
            pipe.send(attempt_telling(task, pipe.send))


def _end_with_parent() -> None:
    """Ends this process when the one that started it is gone: nobody else may find its files still being written."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _death(exitcode: int | None) -> str:
    """One line for a worker that ended without a word."""
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = "; was memory short? try --workers 1" if name == "SIGKILL" else ""
        return f"the worker process was killed ({name}{hint})"
    return f"the worker process ended with exit status {exitcode}"
