"""Engines in turns: a warm-up each, whose weights are compared, then every engine once a turn.

Figures are medians over turns. What disturbs a turn disturbs all of its engines, so ratios are taken within turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from tests.peers.engine import Engine, version_of
from tests.peers.problem import Played, Problem

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class PeerRow:
    """One engine on one problem."""

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
    problem: Problem,
    ours: Engine,
    peers: Sequence[Engine],
    repeats: int,
    cores: int,
    tell: Callable[[str], None] = lambda _: None,
) -> list[PeerRow]:
    """Returns the rows of a problem, ours first. Raises `WeightsDiffer` beyond the problem's tolerance."""
    engines = [ours, *(peer for peer in peers if _missing(peer) is None)]
    weights: dict[str, Tensor] = {}
    for engine in engines:
        tell(f"{problem.name}: {engine.name} warms up")
        weights[engine.name] = engine.play(problem, problem.slow_rounds, cores).weights
        check(problem, engine, weights[engine.name], weights[ours.name])
    played: dict[str, list[Played]] = {engine.name: [] for engine in engines}
    for turn in range(repeats):
        for engine in engines:
            tell(f"{problem.name}: {engine.name}, turn {turn + 1} of {repeats}")
            played[engine.name].append(engine.play(problem, rounds_of(engine, problem), cores))
    own = _speeds(problem, ours, played[ours.name])
    return [
        _row(problem, engine, own, played[engine.name], weights[engine.name], weights[ours.name])
        if engine in engines
        else PeerRow(engine.name, "", engine.resources, missing=_missing(engine))
        for engine in [ours, *peers]
    ]


def check(problem: Problem, engine: Engine, weights: Tensor, reference: Tensor) -> None:
    """Raises `WeightsDiffer` where an engine's weights are further from ours than rounding explains."""
    _, relative = differences(weights, reference, problem.learner().start)
    if not relative <= problem.tolerance:
        raise WeightsDiffer(
            f"{problem.name}: {engine.name} and ours differ by {relative:.2g} of the way, more than "
            f"{problem.tolerance:g}; they do not run the same steps"
        )


def _row(
    problem: Problem, engine: Engine, ours: _Speeds, runs: list[Played], weights: Tensor, reference: Tensor
) -> PeerRow:
    speeds = _speeds(problem, engine, runs)
    largest, relative = differences(weights, reference, problem.learner().start)
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


def _speeds(problem: Problem, engine: Engine, runs: Sequence[Played]) -> _Speeds:
    units = problem.counted(rounds_of(engine, problem))
    return _Speeds(tuple(units / run.wall_s for run in runs), tuple(units / run.cpu_s for run in runs))


def rounds_of(engine: Engine, problem: Problem) -> int:
    """Returns the rounds of a measured run."""
    return problem.slow_rounds if engine.slow else problem.rounds


def differences(weights: Tensor, reference: Tensor, start: Tensor) -> tuple[float, float]:
    """Returns the largest difference of two results, and its norm relative to the way from `start`."""
    apart = weights - reference
    return float(apart.abs().max()), float(apart.norm() / (reference - start).norm())


def _missing(engine: Engine) -> str | None:
    try:
        version_of(engine)
    except PackageNotFoundError:
        return f"{engine.packages[0]} is not installed"
    return None
