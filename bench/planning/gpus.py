"""GPUs by name, from the table beside this file."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from privtalk.core.errors import unknown
from privtalk.core.frozen import Frozen

TABLE = Path(__file__).with_name("gpus.yaml")


class Gpu(Frozen):
    """A GPU as its maker describes it, and the share of its peak that is assumed."""

    name: str
    memory: float = Field(gt=0)
    """GiB."""
    teraflops: dict[str, float]
    """Precision -> dense peak, 10^12 operations a second."""
    precision: str
    """The one that a run computes in."""
    utilisation: float = Field(gt=0, le=1)
    """Share of the peak that is assumed to be reached."""

    @property
    def rate(self) -> float:
        """Operations a second that are assumed."""
        return self.teraflops[self.precision] * 1e12 * self.utilisation


@lru_cache(maxsize=1)
def known_gpus() -> dict[str, Gpu]:
    """Returns every GPU of the table, by name."""
    table: dict[str, Any] = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    shared = {"precision": table["precision"], "utilisation": table["utilisation"]}
    return {name: Gpu(name=name, **shared, **about) for name, about in table["gpus"].items()}


def find_gpu(name: str) -> Gpu:
    """Returns a GPU by its name; an unknown one is a `UserError` that lists those there are.

    >>> find_gpu("a100-40").memory
    40.0
    """
    found = known_gpus().get(name.lower())
    if found is None:
        raise unknown("GPU", name, list(known_gpus()))
    return found
