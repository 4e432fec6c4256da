"""Shadow worlds of a run: made once for all rows whose adapters start alike, and kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from privtalk.attacks.declaration import Footage
from privtalk.attacks.membership.scenes import Untrained
from privtalk.attacks.membership.shadow_attacks import ShadowAnswers
from privtalk.attacks.outcome import StrengthOutcome
from privtalk.bench.execution.task import Job
from privtalk.bench.networks import Network
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell
from privtalk.bench.tasks.talking_head.stages.shadow_plan import ShadowPlan
from privtalk.bench.tasks.talking_head.stages.shadow_work import make
from privtalk.core.cache import (
    read_metadata,
    read_tensors,
    verified,
)
from privtalk.core.intervals import Interval

FOOTAGES: tuple[Footage, ...] = get_args(Footage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadows:
    """The part of the worlds that cells read."""

    answers: ShadowAnswers
    strengths: Mapping[str, StrengthOutcome]
    untrained: Mapping[Footage, Untrained]


def tasks(cells: Iterable[TalkingHeadCell], network: Network, folder: str | None) -> list[Job]:
    """One for each set of worlds that is absent or damaged."""
    plans = {
        plan.path: plan
        for cell in cells
        if (plan := ShadowPlan.of(cell, network, folder)) is not None and not verified(plan.path)
    }
    return [Job(f"worlds {path.stem}", make, (plan,)) for path, plan in plans.items()]


@lru_cache(maxsize=8)
def load(plan: ShadowPlan) -> Shadows:
    """The worlds that `make` wrote."""
    arrays = read_tensors(plan.path)
    notes = {name: json.loads(text) for name, text in read_metadata(plan.path).items()}
    return Shadows(
        answers=ShadowAnswers(candidates=arrays["candidates"], outsiders=arrays["outsiders"]),
        strengths={
            name: StrengthOutcome(estimate=Interval(**note["estimate"]), planted=note["planted"])
            for name, note in notes.items()
        },
        untrained={footage: _untrained(arrays, footage) for footage in FOOTAGES},
    )


def _untrained(arrays: Mapping[str, NDArray[Any]], footage: Footage) -> Untrained:
    def part(name: str) -> dict[str, NDArray[np.float64]]:
        prefix = f"{footage}/{name}/"
        return {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}

    base, others, never, never_others = (part(name) for name in Untrained._fields)
    return Untrained(base, others or None, never, never_others or None)
