"""The executor that a run asks for, by name, with what it needs to know."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Literal, get_args

from privtalk.bench.execution.deaths import MOST
from privtalk.core.errors import UserError, unknown

EngineName = Literal["auto", "inprocess", "processes", "ray"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An executor. Nothing of it changes a figure."""

    name: EngineName = "auto"
    """`auto`: this process for one worker or one task, else processes of this machine."""
    address: str | None = None
    """Ray's cluster; None: one on this machine, for this run."""
    gpus: float = 0.0
    """GPUs of each worker of Ray's; below 1 it is a share, whose memory is capped to it."""
    most: int = MOST
    """Workers that a task may cost before it has failed."""


AUTO = Engine()


def choose_engine(name: str, address: str | None = None, gpus: float | None = None) -> Engine:
    """Returns the engine that a command line asks for; a `UserError` for one that is none, or not installed.

    >>> choose_engine("processes").name
    'processes'
    """
    found = next((engine for engine in ENGINES if engine == name), None)
    if found is None:
        raise unknown("executor", name, ENGINES)
    if found != "ray":
        for option, value in (("--address", address), ("--gpus", gpus)):
            if value is not None:
                raise UserError(f"{option} {value}: only --executor ray has workers elsewhere; add it")
        return Engine(name=found)
    installed()
    return Engine(name=found, address=address, gpus=gpus or 0.0)


def installed() -> Any:
    """Returns the module `ray`; a `UserError` that names the extra where it is missing."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # read when it is imported: it would call home
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UserError(
            f"--executor ray needs the extra 'cluster' ({error}); install it: pip install 'privtalk-bench[cluster]'"
        ) from error
    return ray
