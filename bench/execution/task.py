"""The unit of work that executors run: a plain function, its arguments, and what came of it.

A task's result depends on its arguments alone (its randomness comes from named streams, its thread count is
pinned), so every executor gives the same results, bit for bit; only their order of arrival differs.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from threadpoolctl import threadpool_limits

from privtalk.bench.environment import resident_memory_mib

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


class Report(Protocol):
    """How a running task says where it is: `done` of `total` steps of a stage."""

    def __call__(self, stage: str, done: int, total: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Job:
    """`function(report, *arguments)`, an importable function; `key` names it in events and outcomes."""

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    work: float = 1.0
    """How much there is to do, in any unit that all tasks of a call share: a worker's speed is measured by it."""


@dataclass(frozen=True, slots=True)
class Started:
    key: str
    worker: int = 0
    """The number of the worker that has it, from 0."""


@dataclass(frozen=True, slots=True)
class Progressed:
    key: str
    stage: str
    done: int
    total: int
    mib: float | None = field(default=None, compare=False)
    """Resident memory of the worker; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Retried:
    """A task whose worker died and that another one takes up."""

    key: str
    reason: str
    """One line."""
    deaths: int
    """Workers that it has cost so far."""


@dataclass(frozen=True, slots=True)
class Succeeded:
    key: str
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    key: str
    reason: str
    """One line."""
    traceback: str


Event = Started | Progressed | Retried | Succeeded | Failed
Outcome = Succeeded | Failed


def attempt(task: Job, report: Report) -> Outcome:
    """Runs a task; an error becomes a `Failed`. An interrupt is not an error and passes through."""
    try:
        return Succeeded(task.key, task.function(report, *task.arguments))
    except Exception as error:
        return Failed(task.key, describe(error), traceback.format_exc())


def attempt_telling(task: Job, tell: Callable[[Progressed], None]) -> Outcome:
    """Runs a task as `attempt` does, and tells every report of it as an event, with the memory of this process."""
    return attempt(
        task,
        lambda stage, done, total: tell(Progressed(task.key, stage, done, total, resident_memory_mib())),
    )


def describe(error: BaseException) -> str:
    """One line for an error: its message; its type as well, unless it was written for users (`ValueError`).

    >>> describe(KeyError("x"))
    "KeyError: 'x'"
    >>> describe(ValueError("no such clip"))
    'no such clip'
    """
    message = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    if isinstance(error, ValueError) and message:
        return message
    return f"{type(error).__name__}: {message}".rstrip(": ")


@contextmanager
def pinned_environment(threads: int) -> Iterator[None]:
    """Child processes started inside inherit a fixed number of threads for every numeric library."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def pin_threads(threads: int) -> None:
    """Fixes the threads of every numeric library of this process: one and two threads give different last bits.

    A library that is loaded later is not reached, so those that a task may load are imported first.
    """
    _pinned(threads)


@contextmanager
def pinned_threads(threads: int) -> Iterator[None]:
    """This process computes with `threads` threads inside; torch, OpenCV and every BLAS are put back at the end."""
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    limits = _pinned(threads)
    try:
        yield
    finally:
        limits.restore_original_limits()
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _pinned(threads: int) -> threadpool_limits:
    """The limits that now hold, which can be taken back."""
    import cv2
    import scipy.linalg  # noqa: F401  numpy and scipy bring a BLAS each, which torch's setting does not reach
    import torch

    limits = threadpool_limits(threads)
    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    return limits
