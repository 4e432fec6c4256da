"""The membership attacks on a release, by name.

A record-level statistic asks about the windows themselves; a person-level attack joins signals of a person's windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from privtalk.attacks.controls import ControlOutcome
from privtalk.attacks.declaration import Attack, Declaration, Footage
from privtalk.attacks.membership import (
    cdi,
    clid,
    ensemble,
    gsa,
    loss,
    pfami,
    pia,
    pian,
    secmi,
    sima,
    user_inference,
)
from privtalk.attacks.membership.outcomes import Labels
from privtalk.attacks.membership.scenes import ProbedSignals, Rows, Statistic
from privtalk.attacks.outcome import MeasureOutcome
from privtalk.attacks.probing import Scores
from privtalk.core.streams import Stream


@dataclass(frozen=True, kw_only=True)
class ReleaseAttack(Attack):
    """A record-level statistic with its meaning."""

    statistic: Statistic
    slopes: bool = False
    """Whether it takes gradients: their passes give the losses that others read, so that it is asked first."""


RELEASE_ATTACKS: dict[str, ReleaseAttack] = {
    "loss": ReleaseAttack(declaration=loss.DECLARATION, statistic=loss.loss),
    "secmi": ReleaseAttack(declaration=secmi.DECLARATION, statistic=secmi.secmi),
    "pia": ReleaseAttack(declaration=pia.DECLARATION, statistic=pia.pia),
    "pian": ReleaseAttack(declaration=pian.DECLARATION, statistic=pian.pian),
    "pfami": ReleaseAttack(declaration=pfami.DECLARATION, statistic=pfami.pfami),
    "sima": ReleaseAttack(declaration=sima.DECLARATION, statistic=sima.sima),
    "clid": ReleaseAttack(declaration=clid.DECLARATION, statistic=clid.clid),
    "gsa1": ReleaseAttack(declaration=gsa.GSA1, statistic=gsa.gsa1, slopes=True),
    "gsa2": ReleaseAttack(declaration=gsa.GSA2, statistic=gsa.gsa2, slopes=True),
}
"""Raw and over the base; `attacks.catalogue.register` adds to them."""


@dataclass(frozen=True, kw_only=True)
class PersonAttack(Attack):
    """An attack that joins a person's signals over the base."""

    signals: tuple[str, ...]
    """Statistics of the declared footage that it reads."""
    join: Callable[[ProbedSignals, tuple[str, ...], Labels, Stream], Scores]
    """(signals, their names, who took part, stream) -> [P]. Who took part is for the `refitted`."""
    measures: Callable[[Scores, Scores], Mapping[str, MeasureOutcome]] | None = None
    """(members' scores, others') -> figures beside the ROC."""
    refitted: Callable[[Rows, Labels, torch.Generator], ControlOutcome] | None = None
    """(signals [P, S], who took part, generator) -> control of permuted labels, of an attack that learns from labels:
    they are permuted before it learns.
    """


def _mean(world: ProbedSignals, names: tuple[str, ...], known: Labels, stream: Stream) -> Scores:
    return np.mean([world.person(name) for name in names], axis=0)


def _cdi(world: ProbedSignals, names: tuple[str, ...], known: Labels, stream: Stream) -> Scores:
    return cdi.cdi(world.rows(names), world.counts, world.reference(names))


def _stack(world: ProbedSignals, names: tuple[str, ...], known: Labels, stream: Stream) -> Scores:
    signals = np.column_stack([world.person(name) for name in names])
    return ensemble.ensemble(signals, known, stream("attack", "ensemble", "folds"))


FRESH = ("loss", "clid", "pfami")
"""Statistics that are taken of fresh footage too."""

PERSON_ATTACKS: dict[str, PersonAttack] = {
    "user_inference": PersonAttack(declaration=user_inference.DECLARATION, signals=("loss",), join=_mean),
    "cdi": PersonAttack(declaration=cdi.DECLARATION, signals=FRESH, join=_cdi, measures=cdi.set_measures),
    "ensemble": PersonAttack(
        declaration=ensemble.FRESH, signals=FRESH, join=_stack, refitted=ensemble.refitted
    ),
    "ensemble_exact": PersonAttack(
        declaration=ensemble.EXACT,
        signals=tuple(RELEASE_ATTACKS),  # of the project: what people bring later is no feature of it
        join=_stack,
        refitted=ensemble.refitted,
    ),
}


def names() -> tuple[str, ...]:
    """Returns the names of all attacks, those that people brought among them."""
    return (*RELEASE_ATTACKS, *PERSON_ATTACKS)


def declaration(name: str) -> Declaration:
    """The declaration of an attack, by its name without `_over_base`."""
    return (RELEASE_ATTACKS.get(name) or PERSON_ATTACKS[name]).declaration


def check_names(wanted: Iterable[str] | None) -> tuple[str, ...]:
    """`wanted`, or all; unknown ones are refused."""
    chosen = names() if wanted is None else tuple(wanted)
    unknown = [name for name in chosen if name not in names()]
    if unknown:
        raise ValueError(f"no membership attack is called {unknown[0]!r}; there are {', '.join(names())}")
    return chosen


def statistics(wanted: Sequence[str], footage: Footage) -> dict[str, Statistic]:
    """The statistics that the attacks in `wanted` need of a kind of footage."""
    needed: list[str] = []
    for name in wanted:
        if declaration(name).footage == footage:
            needed += [name] if name in RELEASE_ATTACKS else PERSON_ATTACKS[name].signals
    first = sorted(dict.fromkeys(needed), key=lambda name: not RELEASE_ATTACKS[name].slopes)
    return {name: RELEASE_ATTACKS[name].statistic for name in first}
