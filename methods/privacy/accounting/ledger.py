"""The ledger: every release of a run, in order, and the ε of all of them together.

What is released of one cohort in one round (the sum of updates, the clipped-bits of adaptive clipping, a scalar) is one
joint Gaussian release at (Σ z_i⁻²)^−½, sampled once. Composing such releases as if each had a cohort of its own would
under-report: at z = 1, q = .1, T = 100, δ = 1e-5 a scalar at z = 5 costs 7.047 -> 7.313, not 7.111.

Gaussian releases compose by PLD. One of discrete noise has a Rényi curve only, and then all compose by those.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, Literal, get_args

from privtalk.methods.privacy.accounting.discrete_accounting import DiscreteNoise
from privtalk.methods.privacy.accounting.gaussian import check, joint_multiplier
from privtalk.methods.privacy.accounting.privacy_loss import (
    NEIGHBOURS,
    SENSITIVITY,
    Releases,
    Sampling,
    composed,
)
from privtalk.methods.privacy.accounting.renyi import Curve, curve_epsilon, poisson_sampled

Kind = Literal["update_sum", "clipped_bits", "scalar", "correlated_sums"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One quantity that is told to somebody."""

    kind: Kind
    name: str
    """The name of what is released, such as `adapter` or `mean loss`."""
    noise_multiplier: float
    """z: noise in units of what one client adds to the quantity; 0 where it is released as it is."""
    discrete: DiscreteNoise | None = None
    """Set where the noise is that of the integer grid, at the same z; Gaussian otherwise."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"release kind is {self.kind!r}; valid: {', '.join(KINDS)}")
        check(self.noise_multiplier, 1.0, 1, 0.5)
        if self.discrete is not None and self.discrete.noise_multiplier != self.noise_multiplier:
            raise ValueError(
                f"{self.name}: noise multiplier is {self.noise_multiplier:g} but its discrete noise has "
                f"{self.discrete.noise_multiplier:g}; give both the same"
            )

    def curve(self, sampling: Sampling) -> Curve:
        """Rényi curve without sampling: αΔ²/(2z²) for a Gaussian."""
        if self.discrete is not None:
            return self.discrete.curve(1.0, sampling)
        half = (SENSITIVITY[sampling] / self.noise_multiplier) ** 2 / 2
        return lambda a: a * half


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """The releases about one cohort, `count` times over with a fresh cohort each."""

    releases: tuple[Release, ...]
    rate: float = 1.0
    """q; 1 where the cohort is everybody."""
    sampling: Sampling = "poisson"
    count: int = 1

    def __post_init__(self) -> None:
        if not self.releases:
            raise ValueError("a round of the ledger holds no release; leave it out")
        if self.sampling not in NEIGHBOURS:
            raise ValueError(f"sampling is {self.sampling!r}; valid: {', '.join(NEIGHBOURS)}")
        check(1.0, self.rate, self.count, 0.5)

    @property
    def noise_multiplier(self) -> float:
        """z of the joint release."""
        return joint_multiplier(release.noise_multiplier for release in self.releases)

    def curve(self, sampling: Sampling) -> Curve:
        """Rényi curve of the joint release, once. A fixed-size cohort is charged as if it were known."""
        curves = [release.curve(sampling) for release in self.releases]
        joint: Curve = lambda a: math.fsum(curve(a) for curve in curves)  # noqa: E731
        return poisson_sampled(joint, self.rate) if sampling == "poisson" else joint

    @property
    def unprotected(self) -> tuple[str, ...]:
        """Names of what is released without noise."""
        return tuple(release.name for release in self.releases if release.noise_multiplier == 0)


@dataclass(frozen=True, slots=True)
class Ledger:
    """An append-only list of rounds. Equal neighbours are written as one with a count."""

    rounds: tuple[Round, ...] = ()

    def __post_init__(self) -> None:
        kinds = {entry.sampling for entry in self.rounds if entry.rate < 1}
        if len(kinds) > 1:
            raise ValueError(
                "Poisson and fixed-size rounds have different neighbouring relations; keep one ledger for each"
            )

    @property
    def sampling(self) -> Sampling:
        """Decides the relation: fixed-size rounds are accounted under replacing a client, and all else with them."""
        return "fixed" if any(entry.sampling == "fixed" for entry in self.rounds) else "poisson"

    @property
    def neighbouring(self) -> str:
        return NEIGHBOURS[self.sampling]

    @property
    def accountant(self) -> Literal["PLD", "RDP"]:
        """The accountant that ε is computed by."""
        discrete = any(release.discrete for entry in self.rounds for release in entry.releases)
        return "RDP" if discrete else "PLD"

    @property
    def count(self) -> int:
        """Rounds so far."""
        return sum(entry.count for entry in self.rounds)

    @property
    def unprotected(self) -> tuple[str, ...]:
        """The names of what was released without noise, each once: the reason why ε is infinite."""
        return tuple(dict.fromkeys(name for entry in self.rounds for name in entry.unprotected))

    def after(self, entry: Round) -> Ledger:
        """With one more entry."""
        if self.rounds and replace(self.rounds[-1], count=entry.count) == entry:
            last = replace(entry, count=self.rounds[-1].count + entry.count)
            return Ledger((*self.rounds[:-1], last))
        return Ledger((*self.rounds, entry))

    def epsilon(self, delta: float) -> float:
        """ε of all releases together; infinite where one had no noise, 0 where nothing was released."""
        check(1.0, 1.0, 1, delta)
        if self.unprotected:
            return math.inf
        if self.accountant == "RDP":
            curves = [(entry.count, entry.curve(self.sampling)) for entry in self.rounds]
            return curve_epsilon(lambda a: math.fsum(n * curve(a) for n, curve in curves), delta)
        counts: dict[tuple[float, float], int] = {}
        for entry in self.rounds:
            key = (entry.noise_multiplier, entry.rate)
            counts[key] = counts.get(key, 0) + entry.count
        return _epsilon(tuple(sorted((*key, count) for key, count in counts.items())), self.sampling, delta)

    def would_exceed(self, entry: Round, target_epsilon: float, delta: float) -> bool:
        """Whether one more entry would take ε above the target: asked before the round is played."""
        return self.after(entry).epsilon(delta) > target_epsilon

    def affordable(self, entry: Round, target_epsilon: float, delta: float, most: int) -> int:
        """How many more of an entry keep ε within the target, up to `most`; bisects, as ε only grows."""
        low, high = 0, most + 1
        while high - low > 1:
            middle = (low + high) // 2
            if self.would_exceed(replace(entry, count=middle), target_epsilon, delta):
                high = middle
            else:
                low = middle
        return low

    def to_json(self) -> list[dict[str, Any]]:
        """Plain lists and numbers, for the record."""
        return [asdict(entry) | {"releases": [asdict(r) for r in entry.releases]} for entry in self.rounds]

    @classmethod
    def from_json(cls, entries: Sequence[Mapping[str, Any]]) -> Ledger:
        """The ledger that `to_json` wrote; `ValueError` for anything else."""
        try:
            return cls(
                tuple(
                    Round(**{**entry, "releases": tuple(_release(found) for found in entry["releases"])})
                    for entry in entries
                )
            )
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a ledger ({error}); write it with Ledger.to_json") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much a run may spend, and on what each of its rounds spends it."""

    entry: Round
    epsilon: float
    delta: float

    def allows(self, played: int) -> bool:
        """Whether one more round, after so many, keeps ε within the target. Asked before the round."""
        before = Ledger((replace(self.entry, count=played),) if played else ())
        return not before.would_exceed(self.entry, self.epsilon, self.delta)


def _release(found: Mapping[str, Any]) -> Release:
    discrete = found.get("discrete")
    return Release(**{**found, "discrete": None if discrete is None else DiscreteNoise(**discrete)})


@lru_cache(maxsize=1024)
def _epsilon(rounds: tuple[tuple[float, float, int], ...], sampling: Sampling, delta: float) -> float:
    """`rounds` are (z, q, count); what is not sampled is one Gaussian, in closed form inside the PLD."""
    if not rounds:
        return 0.0
    releases = [Releases(z, rate, count, sampling) for z, rate, count in rounds]
    return float(composed(releases).get_epsilon_for_delta(delta))
