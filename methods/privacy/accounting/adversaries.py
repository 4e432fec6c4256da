"""The three ε of a run: who sees what, and how much noise stands between a client and that adversary.

- The server sees each client's message: only noise that the client itself added protects it, and as the server knows
  who takes part, sampling amplifies nothing; a client is charged for the rounds in which it took part.
- Behind secure aggregation the server sees sums. Of n shares of noise it can subtract those of the clients that it
  controls: with h honest of n, σ_eff = σ √(h/n). It still knows who takes part.
- The outsider sees the released adapter: all the noise, and amplification by sampling, as cohorts are not published.

All three are ε of one client at the same δ and relation. Where participation is seen, removing a client means that its
data are replaced by none (its update by zero); where cohorts have a fixed size, by another's (twice the sensitivity).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

from scipy.stats import binom

from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.ledger import Ledger
from privtalk.methods.privacy.accounting.privacy_loss import SENSITIVITY, Sampling

Placement = Literal["none", "central", "distributed", "local"]
"""Who adds the noise: nobody; whoever sums; the clients, a share each; each client, enough for itself."""


MINIMUM = 2
"""Fewest messages in a secure sum. A smaller round is dropped; what that tells is charged to δ (`threshold_delta`)."""


class Noise(Protocol):
    """The noise that an ε is computed from."""

    def epsilon(self, share: float, rate: float, count: int, delta: float, sampling: Sampling) -> float:
        """ε of `count` releases where only `share` of the noise's variance protects; infinite without noise."""


@dataclass(frozen=True, slots=True)
class GaussianNoise:
    """N(0, (zC)² I) on a sum of updates of norm at most C."""

    noise_multiplier: float

    def epsilon(self, share: float, rate: float, count: int, delta: float, sampling: Sampling) -> float:
        z = self.noise_multiplier * math.sqrt(share)
        if rate == 1:
            return accounting.gaussian_epsilon(z / SENSITIVITY[sampling], count, delta)
        return accounting.epsilon(z, rate, count, delta, sampling)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """The facts of a run that decide what each adversary learns."""

    placement: Placement
    noise: Noise
    """On the sum of a round; with local noise, on one client's message."""
    rate: float
    rounds: int
    delta: float
    sampling: Sampling = "poisson"
    cohort: int = 1
    """n: clients that shared the noise of the sum (with local noise: the fewest in one round)."""
    honest: int = 1
    """h: of them, those that do not collude with the server and whose share reached the sum."""
    participations: int
    """Most rounds that any one client took part in: realised (`most_participations`), or a bound before the run."""

    def __post_init__(self) -> None:
        if self.placement not in get_args(Placement):
            raise ValueError(f"placement is {self.placement!r}; valid: {', '.join(get_args(Placement))}")
        if not 1 <= self.honest <= self.cohort:
            raise ValueError(
                f"{self.honest} honest of {self.cohort}: at least 1 and at most all must be honest"
            )
        if not 0 <= self.participations <= self.rounds:
            raise ValueError(
                f"{self.participations} participations in {self.rounds} rounds: must be 0 to all"
            )


class AdversaryGuarantee(NamedTuple):
    """ε for one adversary, with what it rests on."""

    epsilon: float
    """Infinite where nothing is guaranteed."""
    assumption: str
    reason: str | None = None
    """Why ε is infinite."""

    @property
    def figure(self) -> float | None:
        """For a record, where infinity is missing."""
        return self.epsilon if math.isfinite(self.epsilon) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversaryEpsilons:
    """One guarantee for each adversary."""

    server: AdversaryGuarantee
    secure_aggregation: AdversaryGuarantee
    outsider: AdversaryGuarantee

    def items(self) -> list[tuple[str, AdversaryGuarantee]]:
        """(adversary, guarantee), the strongest adversary first."""
        return [
            ("server", self.server),
            ("secure_aggregation", self.secure_aggregation),
            ("outsider", self.outsider),
        ]

    def figures(self) -> dict[str, float | None]:
        """Keyword arguments of the record's own `AdversaryEpsilons`."""
        return {name: found.figure for name, found in self.items()}

    def assumptions(self) -> dict[str, str]:
        return {name: found.assumption for name, found in self.items()}

    def reasons(self) -> dict[str, str]:
        """Why there is none, for the adversaries that nothing protects against."""
        return {name: found.reason for name, found in self.items() if found.reason}


def three_epsilons(run: Exposure, ledger: Ledger | None = None) -> AdversaryEpsilons:
    """ε for the three adversaries; the outsider's from the ledger where one was kept.

    At h = n shares of distributed noise and every client in every round, the last two are equal.
    """
    return AdversaryEpsilons(
        server=_server(run), secure_aggregation=_sums(run), outsider=_outsider(run, ledger)
    )


def _server(run: Exposure) -> AdversaryGuarantee:
    text = f"the server sees every message and who sent it; {_often(run)}; no amplification by sampling"
    if run.placement == "local":
        return _seen(run, 1.0, f"{text}; the client adds its own noise")
    if run.placement == "distributed":
        return _seen(run, 1 / run.cohort, f"{text}; its share is 1/{run.cohort} of the variance")
    return AdversaryGuarantee(math.inf, text, _BARE[run.placement])


def _sums(run: Exposure) -> AdversaryGuarantee:
    text = (
        f"the server sees sums and who took part; {run.honest} of {run.cohort} clients do not collude with it; "
        f"{_often(run)}; no amplification by sampling"
    )
    if run.placement == "local":
        return _seen(run, float(run.honest), text)
    if run.placement == "distributed":
        return _seen(run, run.honest / run.cohort, text)
    return AdversaryGuarantee(math.inf, text, _BARE[run.placement])


def _outsider(run: Exposure, ledger: Ledger | None) -> AdversaryGuarantee:
    if run.placement == "none":
        return AdversaryGuarantee(math.inf, "sees the released adapter only", _BARE["none"])
    if run.placement == "local":
        # Its noise on the sum varies with a Poisson cohort, so cohorts are conditioned on: nothing is amplified.
        return _seen(run, float(run.cohort), f"sees the released adapter only; {_often(run)}")
    text = (
        f"sees the released adapter only; cohorts are secret and sampled ({run.sampling}, rate {run.rate:g})"
    )
    if run.placement == "central":
        text += "; whoever sums is trusted to add the noise and to keep its seed"
    if ledger is None:
        found = run.noise.epsilon(1.0, run.rate, run.rounds, run.delta, run.sampling)
        return AdversaryGuarantee(found, text, None if math.isfinite(found) else _BARE["none"])
    bare = ", ".join(ledger.unprotected)
    return AdversaryGuarantee(
        ledger.epsilon(run.delta), text, f"released without noise: {bare}" if bare else None
    )


def _seen(run: Exposure, share: float, assumption: str) -> AdversaryGuarantee:
    """No amplification: the releases that one client took part in."""
    if run.participations == 0:
        return AdversaryGuarantee(0.0, assumption)
    found = run.noise.epsilon(share, 1.0, run.participations, run.delta, run.sampling)
    return AdversaryGuarantee(found, assumption, None if math.isfinite(found) else _BARE["none"])


def _often(run: Exposure) -> str:
    return f"no client takes part in more than {run.participations} of {run.rounds} rounds"


_BARE = {
    "none": "trained without noise",
    "central": "the noise is added after the sum: what is sent and summed carries none",
}


def most_participations(cohorts: Iterable[Iterable[int]]) -> int:
    """Rounds of the client that took part most often.

    >>> most_participations([(0, 1), (1, 2), ()])
    2
    """
    counts = Counter(client for cohort in cohorts for client in cohort)
    return max(counts.values(), default=0)


def participation_bound(clients: int, rate: float, rounds: int, failure: float = 0.01) -> int:
    """Least m such that, but for a chance of at most `failure`, no client takes part more than m times.

    A union bound over clients of the binomial's tail: for planning. A finished run counts (`most_participations`).

    >>> participation_bound(1000, 0.1, 100)
    25
    """
    if not 0 < failure < 1:
        raise ValueError(f"failure is {failure}, it must lie in (0, 1)")
    return int(binom.isf(failure / clients, rounds, rate)) if rate < 1 else rounds


def threshold_delta(clients: int, rate: float, rounds: int, threshold: int) -> float:
    """The addition to δ where rounds with fewer than `threshold` clients are dropped, as secure aggregation does.

    One client decides whether a round is dropped where it is sampled and exactly threshold − 1 others are.
    """
    return float(min(1.0, rounds * rate * binom.pmf(threshold - 1, clients - 1, rate)))
