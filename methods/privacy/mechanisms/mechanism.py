"""The interface of privacy mechanisms: what is fixed for a run, and what does its work in one round.

The round loop, the accounts and the audits ask a mechanism and never which one it is.

Shape legend: K clients of a round, m numbers of an update, w numbers of what is sent (m, or one more).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.config import FederationConfig
from privtalk.methods.privacy.accounting.adversaries import GaussianNoise
from privtalk.methods.privacy.accounting.discrete_accounting import DiscreteNoise
from privtalk.methods.privacy.accounting.ledger import Ledger, Release, Round


class WholeNumbers(NamedTuple):
    """The grid of a mechanism whose clients send whole multiples of a step."""

    step: float
    """Distance of grid points, in units of an update."""
    largest: float
    """Largest coordinate of one client's message, in steps, but for noise beyond some deviations."""


class RoundMechanism(ABC):
    """A mechanism's work on the updates of one round."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def clip(self) -> float:
            """C: L2 bound of a client's update."""

    @property
    @abstractmethod
    def private(self) -> bool:
        """Whether any noise is added."""

    def leave(
        self, vectors: Tensor, numbers: Sequence[int], cohort: int, stream: Stream, round_: int
    ) -> Tensor:
        """[k, w] what leaves the devices of the clients `numbers`, of clipped and weighted `vectors` [k, w].

        `cohort`: K, all clients of the round, among whom noise may be shared.
        """
        return vectors

    def added(self, dim: int, generator: torch.Generator, sensitivity: float) -> Tensor:
        """float64 [dim] what whoever sums adds to a sum that one client moves by at most `sensitivity`."""
        return torch.zeros(dim, dtype=torch.float64)


class RunMechanism(ABC):
    """A mechanism as it is fixed for a run."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def noise_multiplier(self) -> float:
            """z: standard deviation of a round's noise in units of the clip."""

    any_normalisation = True
    """Whether the account also holds where weights are summed beside updates."""
    correlated = False
    """Whether rounds share noise, so that clients must take turns and nothing is claimed of one round alone."""
    adapts = False
    """Whether the clip changes from round to round."""
    by_clients = False
    """Whether the noise is made of clients' shares, so that fewer honest clients make less of it."""

    @property
    @abstractmethod
    def private(self) -> bool:
        """Whether any guarantee holds."""

    @abstractmethod
    def in_round(self, round_: int, clip: float | None, stream: Stream) -> RoundMechanism:
        """The mechanism of a round; `clip` is what an adapting one has come to, None before the first round."""

    @abstractmethod
    def releases(self, dim: int, fewest: int) -> tuple[Release, ...]:
        """The releases of a round, for the ledger: sums of `dim` numbers, with shares of at least `fewest` clients."""

    def booked(self, rate: float, rounds: int, dim: int, fewest: int) -> Ledger:
        """The ledger of a run: every round with a cohort of its own, drawn at `rate`."""
        return Ledger((Round(releases=self.releases(dim, fewest), rate=rate, count=rounds),))

    def noise_seen(self, dim: int, cohort: int) -> GaussianNoise | DiscreteNoise:
        """The noise of a round's sum of `cohort` clients, for adversaries who see it."""
        return GaussianNoise(self.noise_multiplier)

    def next_clip(self, used: float, norms: Tensor, generator: torch.Generator) -> float | None:
        """The clip of the next round, after `used` on updates of `norms` float64 [K]; None where it does not change."""
        return None

    @property
    @abstractmethod
    def first_clip(self) -> float:
        """The clip of the first round."""

    @property
    def whole_numbers(self) -> WholeNumbers | None:
        """The grid that messages lie on; None where they are real numbers."""
        return None

    def check_fits(self, config: FederationConfig) -> None:
        """Raises `ValueError` where no account holds for a federation of this kind."""
        if config.normalisation != "public" and not self.any_normalisation:
            raise ValueError(
                f"normalisation {config.normalisation!r} works with fresh central noise alone; use public"
            )
        if self.private and (config.sampling == "cyclic") != self.correlated:
            raise ValueError(
                "noise is accounted for clients that are sampled, or correlated for clients that take turns: use "
                "BandedMatrixFactorisation with sampling=cyclic and with nothing else"
            )
