"""The membership attacks on a release, by name.

A record-level statistic asks about the windows themselves; a person-level attack joins signals of a person's windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from privtalk.attacks.declaration import Declaration, Footage
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
from privtalk.attacks.membership.scenes import Statistic, World
from privtalk.attacks.probing import Scores
from privtalk.core.streams import Stream


@dataclass(frozen=True, kw_only=True)
class ReleaseAttack:
    """A record-level statistic with its meaning."""

    declaration: Declaration
    statistic: Statistic


RELEASE_ATTACKS: dict[str, ReleaseAttack] = {
    "loss": ReleaseAttack(declaration=loss.DECLARATION, statistic=loss.loss),
    "secmi": ReleaseAttack(declaration=secmi.DECLARATION, statistic=secmi.secmi),
    "pia": ReleaseAttack(declaration=pia.DECLARATION, statistic=pia.pia),
    "pian": ReleaseAttack(declaration=pian.DECLARATION, statistic=pian.pian),
    "pfami": ReleaseAttack(declaration=pfami.DECLARATION, statistic=pfami.pfami),
    "sima": ReleaseAttack(declaration=sima.DECLARATION, statistic=sima.sima),
    "clid": ReleaseAttack(declaration=clid.DECLARATION, statistic=clid.clid),
    "gsa1": ReleaseAttack(declaration=gsa.GSA1, statistic=gsa.gsa1),
    "gsa2": ReleaseAttack(declaration=gsa.GSA2, statistic=gsa.gsa2),
}
"""Raw and over the base."""


@dataclass(frozen=True, kw_only=True)
class PersonAttack:
    """An attack that joins a person's signals over the base."""

    declaration: Declaration
    signals: tuple[str, ...]
    """Statistics of the declared footage that it reads."""
    join: Callable[[World, tuple[str, ...], Labels, Stream], Scores]
    """(signals, their names, who took part, stream) -> [P]. Only the ensemble reads who took part."""


def _mean(world: World, names: tuple[str, ...], known: Labels, stream: Stream) -> Scores:
    return np.mean([world.person(name) for name in names], axis=0)


def _cdi(world: World, names: tuple[str, ...], known: Labels, stream: Stream) -> Scores:
    return cdi.cdi(world.rows(names), world.counts, world.reference(names))


def _stack(world: World, names: tuple[str, ...], known: Labels, stream: Stream) -> Scores:
    signals = np.column_stack([world.person(name) for name in names])
    return ensemble.ensemble(signals, known, stream("attack", "ensemble", "folds"))


FRESH = ("loss", "clid", "pfami")
"""Statistics that are taken of fresh footage too."""

PERSON_ATTACKS: dict[str, PersonAttack] = {
    "user_inference": PersonAttack(declaration=user_inference.DECLARATION, signals=("loss",), join=_mean),
    "cdi": PersonAttack(declaration=cdi.DECLARATION, signals=FRESH, join=_cdi),
    "ensemble": PersonAttack(declaration=ensemble.FRESH, signals=FRESH, join=_stack),
    "ensemble_exact": PersonAttack(declaration=ensemble.EXACT, signals=tuple(RELEASE_ATTACKS), join=_stack),
}

NAMES = (*RELEASE_ATTACKS, *PERSON_ATTACKS)


def declaration(name: str) -> Declaration:
    """The declaration of an attack, by its name without `_over_base`."""
    return (RELEASE_ATTACKS.get(name) or PERSON_ATTACKS[name]).declaration


def check_names(names: Iterable[str] | None) -> tuple[str, ...]:
    """`names`, or all; unknown ones are refused."""
    chosen = NAMES if names is None else tuple(names)
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        raise ValueError(f"no membership attack is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    return chosen


def statistics(names: Sequence[str], footage: Footage) -> dict[str, Statistic]:
    """The statistics that the attacks in `names` need of a kind of footage."""
    needed: list[str] = []
    for name in names:
        if declaration(name).footage == footage:
            needed += [name] if name in RELEASE_ATTACKS else PERSON_ATTACKS[name].signals
    # white-box statistics first: their passes give the losses that others read
    first = sorted(dict.fromkeys(needed), key=lambda name: not name.startswith("gsa"))
    return {name: RELEASE_ATTACKS[name].statistic for name in first}
