"""Footage of people with the answers that networks give about it.

Shape legend: P people, N windows, C people of the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.membership.passes import Asked, Passes
from privtalk.attacks.probing import Suspect
from privtalk.attacks.rounding import difference
from privtalk.attacks.views import Bank

Rows = NDArray[np.float64]

Signals = Mapping[str, Rows]
"""Statistic -> [N], larger means "member"."""

Statistic = Callable[[Passes], Tensor]
"""Float64 [N] of one network's passes, one a window; larger means "member"."""


def answers(suspect: Suspect, asked: Asked, initial: Bank, statistics: Mapping[str, Statistic]) -> Signals:
    """The answers of a network about everybody; the statistics share their passes."""
    passes = Passes(suspect=suspect, asked=asked, initial=initial)
    return {name: statistic(passes).cpu().numpy() for name, statistic in statistics.items()}


def over(signals: Signals, base: Signals) -> Signals:
    """Differences to the base, rounding left out."""
    return {name: difference(values, base[name], name) for name, values in signals.items()}


@dataclass(frozen=True, kw_only=True)
class ProbedSignals:
    """Signals of all who are asked about, from one network, with the outsiders that it is compared on."""

    asked: Asked
    signals: Signals
    outsiders: Signals | None

    def rows(self, names: Sequence[str]) -> Rows:
        """[N, S]."""
        return np.column_stack([self.signals[name] for name in names])

    def reference(self, names: Sequence[str]) -> Rows:
        """[M, S] of outsiders, or of everybody asked about where none are known."""
        source = self.signals if self.outsiders is None else self.outsiders
        return np.column_stack([source[name] for name in names])

    @property
    def counts(self) -> list[int]:
        """[P] windows of each person."""
        return [len(person) for person in self.asked.people]

    def person(self, name: str) -> Rows:
        """[P] means of a signal over each person's windows."""
        return np.array([part.mean() for part in np.split(self.signals[name], np.cumsum(self.counts)[:-1])])

    def over(self, base: ProbedSignals) -> ProbedSignals:
        """The same over another network's."""
        pair = None
        if self.outsiders is not None and base.outsiders is not None:
            pair = over(self.outsiders, base.outsiders)
        return ProbedSignals(asked=self.asked, signals=over(self.signals, base.signals), outsiders=pair)


class Untrained(NamedTuple):
    """Answers that no trained adapter enters: costly, and the same for all that start alike."""

    base: Signals
    base_outsiders: Signals | None
    never_trained: Signals
    never_trained_outsiders: Signals | None


@dataclass(frozen=True, kw_only=True)
class ProbedFootage:
    """One kind of footage, and the answers about it that no trained adapter enters."""

    asked: Asked
    some: Asked
    """The people of the controls, who are asked about with two more adapters."""
    outsiders: Asked | None
    statistics: Mapping[str, Statistic]
    initial: Bank
    base: ProbedSignals
    base_some: ProbedSignals
    never_trained: ProbedSignals
    """The answers about `some`."""

    @classmethod
    def of(
        cls,
        backbone: Suspect,
        asked: Asked,
        some: Sequence[int],
        outsiders: Asked | None,
        statistics: Mapping[str, Statistic],
        initial: Suspect,
        known: Untrained | None = None,
    ) -> ProbedFootage:
        """Ask the bare `backbone` about everybody and the never-trained adapter of `initial` about `some`, or take
        what is `known` of it.
        """
        assert initial.adapter is not None
        fewer = asked.select(some)
        if known is None:
            base = _world(backbone, asked, outsiders, initial.adapter, statistics)
            never = _world(initial, fewer, outsiders, initial.adapter, statistics)
        else:
            base = ProbedSignals(asked=asked, signals=known.base, outsiders=known.base_outsiders)
            never = ProbedSignals(
                asked=fewer, signals=known.never_trained, outsiders=known.never_trained_outsiders
            )
        chosen = np.isin(np.repeat(np.arange(len(asked.people)), [len(p) for p in asked.people]), some)
        base_some = ProbedSignals(
            asked=fewer,
            signals={name: values[chosen] for name, values in base.signals.items()},
            outsiders=base.outsiders,
        )
        return cls(
            asked=asked,
            some=fewer,
            outsiders=outsiders,
            statistics=statistics,
            initial=initial.adapter,
            base=base,
            base_some=base_some,
            never_trained=never,
        )

    @property
    def untrained(self) -> Untrained:
        """The answers that the next scene of the same people and footage need not ask again."""
        base, never = self.base, self.never_trained
        return Untrained(base.signals, base.outsiders, never.signals, never.outsiders)

    def world(self, suspect: Suspect, *, everybody: bool) -> ProbedSignals:
        """A network's answers, about everybody or about the people of the controls."""
        asked = self.asked if everybody else self.some
        return _world(suspect, asked, self.outsiders, self.initial, self.statistics)


def _world(
    suspect: Suspect,
    asked: Asked,
    outsiders: Asked | None,
    initial: Bank,
    statistics: Mapping[str, Statistic],
) -> ProbedSignals:
    return ProbedSignals(
        asked=asked,
        signals=answers(suspect, asked, initial, statistics),
        outsiders=None if outsiders is None else answers(suspect, outsiders, initial, statistics),
    )
