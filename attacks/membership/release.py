"""All membership attacks on the released adapter: one target, shared passes, raw and against the frozen base.

A record-level statistic yields two results: raw, as its paper has it, and `..._over_base`,

    score(person) = statistic(backbone with the adapter) - statistic(backbone alone)

which cancels how hard a person is to draw (LoRA-Leak, 2507.18302). Person-level attacks are over the base by
definition. What no trained adapter enters is computed once in `aim` and shared by every cell that starts from the same
adapter; `attack_release` then asks the released one.

Controls of every result: `never_trained` (the initial adapter) and `gaussian_update` (equal norm), both on
`Settings.control` members and as many non-members; `blind` (the backbone alone: data and nothing else);
`permuted_labels`.

Shape legend: P people, members first; C people of the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.attacks.controls import control, gaussian_update, permuted_labels
from privtalk.attacks.declaration import Declaration, Footage
from privtalk.attacks.evaluation import evaluate
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
from privtalk.attacks.membership.passes import Asked, ProbeSettings
from privtalk.attacks.membership.scenes import Scene, Statistic, World
from privtalk.attacks.membership.user_inference import suspect
from privtalk.attacks.outcome import Measure, Outcome
from privtalk.attacks.probing import Scores
from privtalk.attacks.roc import Interval
from privtalk.attacks.views import Bank, ReleaseView
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.streams import Stream

Labels = NDArray[np.bool_]
OVER_BASE = "_over_base"


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


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How much the attacks of a cell may ask."""

    exact: ProbeSettings = field(default_factory=ProbeSettings)
    fresh: ProbeSettings = field(default_factory=ProbeSettings)
    control: int = 24
    """Members, and as many non-members, on whom the controls with an adapter of their own are taken."""


@dataclass(frozen=True, kw_only=True)
class ReleaseTarget:
    """Whom the attacks are after; equal for all adapters that start alike."""

    known: Labels
    """[P] who took part. The evaluation reads it; the ensemble learns from it, of people other than it scores."""
    some: tuple[int, ...]
    """[C] people of the controls."""
    initial: Bank
    scenes: Mapping[Footage, Scene]
    names: tuple[str, ...]
    """Attacks that it was made for."""

    @property
    def members(self) -> int:
        return int(self.known.sum())


People = tuple[Sequence[Batch], Sequence[Batch]]
"""(members, non-members)."""


def aim(
    view: ReleaseView,
    stream: Stream,
    *,
    exact: People | None = None,
    fresh: People | None = None,
    public: Sequence[Batch] = (),
    settings: Settings | None = None,
    names: Iterable[str] | None = None,
) -> ReleaseTarget:
    """The target of attacks on adapters that start from the one in `view`, for the attacks in `names` (all).

    `exact` and `fresh` hold the same people in the same order. Exact windows are those that members trained on;
    non-members' must be cut alike (place in the clip, distance of the reference frame), or the blind control fails.
    `public` are fresh windows of people known not to have taken part. Attacks whose footage is not given are left out.
    """
    chosen = settings or Settings()
    given: dict[Footage, People] = {}
    given |= {"exact": exact} if exact else {}
    given |= {"fresh": fresh} if fresh else {}
    n, m = _sizes(given)
    wanted = tuple(name for name in check_names(names) if declaration(name).footage in given)
    some = (*range(min(chosen.control, n)), *range(n, n + min(chosen.control, m)))
    scenes = {}
    for footage, (members, others) in given.items():
        probe = chosen.exact if footage == "exact" else chosen.fresh
        outsiders = Asked.about(public, probe, stream) if public and footage == "fresh" else None
        scenes[footage] = Scene.of(
            suspect(view, None),
            Asked.about([*members, *others], probe, stream),
            some,
            outsiders,
            _statistics(wanted, footage),
            suspect(view, view.adapter),
        )
    known = np.arange(n + m) < n
    return ReleaseTarget(known=known, some=some, initial=view.adapter, scenes=scenes, names=wanted)


def attack_release(
    view: ReleaseView, target: ReleaseTarget, stream: Stream, names: Iterable[str] | None = None
) -> dict[str, Outcome]:
    """Outcomes by name, record-level ones also as `..._over_base`: those of `names`, or all the target was made for."""
    return outcomes(ask(view, target, stream, names), target, stream, names)


def ask(
    view: ReleaseView, target: ReleaseTarget, stream: Stream, names: Iterable[str] | None = None
) -> dict[Footage, Answers]:
    """What the released adapter says about everybody, and a random one about the people of the controls."""
    wanted = _wanted(target, names)
    gaussian = stream("attack", "release", "control", "gaussian")
    random = gaussian_update(view.adapter, target.initial, gaussian)
    answers = {}
    for footage, scene in target.scenes.items():
        mine = [name for name in wanted if declaration(name).footage == footage]
        if mine:
            asked = replace(scene, statistics=_statistics(mine, footage))
            answers[footage] = Answers(
                released=asked.world(suspect(view, view.adapter), everybody=True),
                gaussian=asked.world(suspect(view, random), everybody=False),
                scene=scene,
            )
    return answers


def outcomes(
    answers: Mapping[Footage, Answers],
    target: ReleaseTarget,
    stream: Stream,
    names: Iterable[str] | None = None,
) -> dict[str, Outcome]:
    """Outcomes of the answers, by name."""
    found: dict[str, Outcome] = {}
    for name in _wanted(target, names):
        found |= _outcomes(name, answers[declaration(name).footage], target, stream)
    return found


def _wanted(target: ReleaseTarget, names: Iterable[str] | None) -> tuple[str, ...]:
    wanted = target.names if names is None else check_names(names)
    for name in wanted:
        if name not in target.names:
            raise ValueError(f"the target was not made for {name!r}; name it to `aim` and give its footage")
    return wanted


@dataclass(frozen=True, kw_only=True)
class Answers:
    """All answers about one kind of footage."""

    released: World
    gaussian: World
    scene: Scene

    def scores(
        self, join: Callable[[World, Labels], Scores], target: ReleaseTarget, *, relative: bool
    ) -> _Scores:
        """What `join` makes of the release and of the controls, over the base or raw."""
        scene, some = self.scene, target.known[list(target.some)]
        base, base_some = (scene.base, scene.base_some) if relative else (None, None)
        return _Scores(
            released=join(_over(self.released, base), target.known),
            controls={
                "never_trained": (join(_over(scene.never_trained, base_some), some), some),
                "gaussian_update": (join(_over(self.gaussian, base_some), some), some),
                "blind": (join(scene.base, target.known), target.known),
            },
        )


class _Scores(NamedTuple):
    released: Scores
    controls: dict[str, tuple[Scores, Labels]]
    """Name -> ([n] scores, [n] who took part)."""


def _over(world: World, base: World | None) -> World:
    return world if base is None else world.over(base)


def _outcomes(name: str, worlds: Answers, target: ReleaseTarget, stream: Stream) -> dict[str, Outcome]:
    if name in PERSON_ATTACKS:
        attack = PERSON_ATTACKS[name]

        def joined(world: World, known: Labels) -> Scores:
            return attack.join(world, attack.signals, known, stream)

        scores = worlds.scores(joined, target, relative=True)
        outcome = _outcome(attack.declaration, scores, target, stream)
        return {name: _completed(name, outcome, scores.released, worlds, target, stream)}

    def mean(world: World, known: Labels) -> Scores:
        return world.person(name)

    raw = RELEASE_ATTACKS[name].declaration
    relative = replace(raw, name=name + OVER_BASE, statistic=f"{raw.statistic}; over that of the frozen base")
    return {
        raw.name: _outcome(raw, worlds.scores(mean, target, relative=False), target, stream),
        relative.name: _outcome(relative, worlds.scores(mean, target, relative=True), target, stream),
    }


def _outcome(about: Declaration, scores: _Scores, target: ReleaseTarget, stream: Stream) -> Outcome:
    known, released = target.known, scores.released
    controls = {name: control(x[labels], x[~labels]) for name, (x, labels) in scores.controls.items()}
    labels = stream("attack", about.name, "control", "labels")
    controls["permuted_labels"] = permuted_labels(released[known], released[~known], labels)
    return Outcome(
        declaration=about, evaluation=evaluate(released[known], released[~known]), controls=controls
    )


def _completed(
    name: str, outcome: Outcome, scores: Scores, worlds: Answers, target: ReleaseTarget, stream: Stream
) -> Outcome:
    """With what CDI claims of the whole set, and with the ensemble refitted to permuted labels."""
    if name == "cdi":
        p = cdi.set_p_value(scores[target.known], scores[~target.known])
        measure = Measure(
            estimate=Interval(value=p, n=len(scores), clusters=len(scores)),
            chance=0.5,
            unit="p-value",
            direction="lower",
            about="Welch's test that all members together score above all non-members",
        )
        return replace(outcome, measures={"set_p_value": measure})
    if name.startswith("ensemble"):
        over_base = worlds.released.over(worlds.scene.base)
        signals = np.column_stack([over_base.person(signal) for signal in PERSON_ATTACKS[name].signals])
        refits = ensemble.refitted(signals, target.known, stream("attack", name, "control", "refits"))
        return replace(outcome, controls={**outcome.controls, "permuted_labels": refits})
    return outcome


def declaration(name: str) -> Declaration:
    """Of an attack, by its name without `_over_base`."""
    return (RELEASE_ATTACKS.get(name) or PERSON_ATTACKS[name]).declaration


def check_names(names: Iterable[str] | None) -> tuple[str, ...]:
    """`names`, or all; unknown ones are refused."""
    chosen = NAMES if names is None else tuple(names)
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        raise ValueError(f"no membership attack is called {unknown[0]!r}; there are {', '.join(NAMES)}")
    return chosen


def _sizes(given: Mapping[Footage, People]) -> tuple[int, int]:
    sizes = {(len(members), len(others)) for members, others in given.values()}
    if len(sizes) != 1 or 0 in next(iter(sizes)):
        raise ValueError(
            "give exact footage, fresh footage or both, of the same members and non-members, some of each"
        )
    return sizes.pop()


def _statistics(names: Sequence[str], footage: Footage) -> dict[str, Statistic]:
    needed: list[str] = []
    for name in names:
        if declaration(name).footage == footage:
            needed += [name] if name in RELEASE_ATTACKS else PERSON_ATTACKS[name].signals
    # white-box statistics first: their passes give the losses that others read
    first = sorted(dict.fromkeys(needed), key=lambda name: not name.startswith("gsa"))
    return {name: RELEASE_ATTACKS[name].statistic for name in first}
