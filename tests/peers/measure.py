"""Engines in turns: a warm-up each, whose weights are compared, then every engine once a turn.

Figures are medians over turns. What disturbs a turn disturbs all of its engines, so ratios are taken within turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tests.peers.engine import PeerEngine, version_of
from tests.peers.workload import PeerWorkload, Played

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PeerRow:
    """One engine on one workload."""

    engine: str
    version: str
    resources: str
    missing: str | None = None
    """Why nothing was measured."""
    rates: tuple[float, ...] = ()
    """Units a second of wall time, turn by turn."""
    cpu_rates: tuple[float, ...] = ()
    """Units a second of processor time."""
    ratio: float | None = None
    """Our rate over this one's, the median over turns."""
    cpu_ratio: float | None = None
    """The same by processor time."""
    difference: float | None = None
    """The largest difference of a final weight from ours."""
    relative: float | None = None
    """The norm of that difference over the norm of the way that ours went."""
    is_ours: bool = False

    @property
    def rate(self) -> float | None:
        return median(self.rates) if self.rates else None


class WeightsDiffer(Exception):
    """Two engines came to weights that rounding does not explain."""


def side_by_side(
    workload: PeerWorkload,
    ours: PeerEngine,
    peers: Sequence[PeerEngine],
    repeats: int,
    cores: int,
    tell: Callable[[str], None] = lambda _: None,
) -> list[PeerRow]:
    """Returns the rows of a workload, ours first. Raises `WeightsDiffer` beyond the workload's tolerance."""
    engines = [ours, *(peer for peer in peers if _missing(peer) is None)]
    weights: dict[str, Tensor] = {}
    for engine in engines:
        tell(f"{workload.name}: {engine.name} warms up")
        weights[engine.name] = engine.play(workload, workload.slow_rounds, cores).weights
        check(workload, engine, weights[engine.name], weights[ours.name])
    played: dict[str, list[Played]] = {engine.name: [] for engine in engines}
    for turn in range(repeats):
        for engine in engines:
            tell(f"{workload.name}: {engine.name}, turn {turn + 1} of {repeats}")
            played[engine.name].append(engine.play(workload, rounds_of(engine, workload), cores))
    own = _speeds(workload, ours, played[ours.name])
    return [
        _row(workload, engine, own, played[engine.name], weights[engine.name], weights[ours.name])
        if engine in engines
        else PeerRow(engine.name, "", engine.resources, missing=_missing(engine))
        for engine in [ours, *peers]
    ]


def check(workload: PeerWorkload, engine: PeerEngine, weights: Tensor, reference: Tensor) -> None:
    """Raises `WeightsDiffer` where an engine's weights are further from ours than rounding explains."""
    _, relative = differences(weights, reference, workload.learner().start)
    if not relative <= workload.tolerance:
        raise WeightsDiffer(
            f"{workload.name}: {engine.name} and ours differ by {relative:.2g} of the way, more than "
            f"{workload.tolerance:g}; they do not run the same steps"
        )


def _row(
    workload: PeerWorkload,
    engine: PeerEngine,
    ours: _Speeds,
    runs: list[Played],
    weights: Tensor,
    reference: Tensor,
) -> PeerRow:
    speeds = _speeds(workload, engine, runs)
    largest, relative = differences(weights, reference, workload.learner().start)
    return PeerRow(
        engine=engine.name,
        version=version_of(engine),
        resources=engine.resources,
        rates=speeds.wall,
        cpu_rates=speeds.cpu,
        ratio=median(mine / its for mine, its in zip(ours.wall, speeds.wall, strict=True)),
        cpu_ratio=median(mine / its for mine, its in zip(ours.cpu, speeds.cpu, strict=True)),
        difference=largest,
        relative=relative,
        is_ours=speeds == ours,
    )


class _Speeds(NamedTuple):
    """Units a second, turn by turn."""

    wall: tuple[float, ...]
    cpu: tuple[float, ...]


def _speeds(workload: PeerWorkload, engine: PeerEngine, runs: Sequence[Played]) -> _Speeds:
    units = workload.counted(rounds_of(engine, workload))
    return _Speeds(tuple(units / run.wall_s for run in runs), tuple(units / run.cpu_s for run in runs))


def rounds_of(engine: PeerEngine, workload: PeerWorkload) -> int:
    """Returns the rounds of a measured run."""
    return workload.slow_rounds if engine.slow else workload.rounds


def differences(weights: Tensor, reference: Tensor, start: Tensor) -> tuple[float, float]:
    """Returns the largest difference of two results, and its norm relative to the way from `start`."""
    apart = weights - reference
    return float(apart.abs().max()), float(apart.norm() / (reference - start).norm())


def _missing(engine: PeerEngine) -> str | None:
    try:
        version_of(engine)
    except PackageNotFoundError:
        return f"{engine.packages[0]} is not installed"
    return None
