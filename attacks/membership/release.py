"""All membership attacks on the released adapter: one target, shared passes, raw and against the frozen base.

A record-level statistic yields two results: raw, as its paper has it, and `..._over_base`,

    score(person) = statistic(backbone with the adapter) - statistic(backbone alone)

which cancels how hard a person is to draw (LoRA-Leak, 2507.18302). Person-level attacks are over the base by
definition. What no trained adapter enters is computed once in `aim` and shared by every cell that starts from the same
adapter; `attack_release` then asks the released one.

Controls of every result: `never_trained` (the initial adapter) and `gaussian_update` (equal norm), both on
`ReleaseSettings.control` members and as many non-members; `blind` (the backbone alone: data and nothing else);
`permuted_labels`.

Shape legend: P people, members first; C people of the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from privtalk.attacks.controls import gaussian_update
from privtalk.attacks.declaration import Footage
from privtalk.attacks.membership.outcomes import Blanks, Labels, outcome
from privtalk.attacks.membership.passes import Asked, ProbeSettings
from privtalk.attacks.membership.registry import (
    PERSON_ATTACKS,
    RELEASE_ATTACKS,
    check_names,
    declaration,
    statistics,
)
from privtalk.attacks.membership.scenes import ProbedFootage, ProbedSignals, Untrained
from privtalk.attacks.membership.user_inference import suspect
from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.probing import Scores
from privtalk.attacks.views import Bank, ReleaseView
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch

__all__ = ["OVER_BASE", "PERSON_ATTACKS", "RELEASE_ATTACKS", "ReleaseSettings", "aim", "attack_release"]

OVER_BASE = "_over_base"


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings:
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
    scenes: Mapping[Footage, ProbedFootage]
    names: tuple[str, ...]
    """Attacks that it was made for."""

    @property
    def known_some(self) -> Labels:
        """[C]."""
        return self.known[list(self.some)]


People = tuple[Sequence[Batch], Sequence[Batch]]
"""(members, non-members)."""


def aim(
    view: ReleaseView,
    stream: Stream,
    *,
    exact: People | None = None,
    fresh: People | None = None,
    public: Sequence[Batch] = (),
    settings: ReleaseSettings | None = None,
    names: Iterable[str] | None = None,
    known: Mapping[Footage, Untrained] | None = None,
) -> ReleaseTarget:
    """The target of attacks on adapters that start from the one in `view`, for the attacks in `names` (all).

    `exact` and `fresh` hold the same people in the same order. Exact windows are those that members trained on;
    non-members' must be cut alike (place in the clip, distance of the reference frame), or the blind control fails.
    `public` are fresh windows of people known not to have taken part. Attacks whose footage is not given are left out.
    `known` spares the passes of another target of the same people, footage and settings (`ProbedFootage.untrained`).
    """
    chosen = settings or ReleaseSettings()
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
        scenes[footage] = ProbedFootage.of(
            suspect(view, None),
            Asked.about([*members, *others], probe, stream),
            some,
            outsiders,
            statistics(wanted, footage),
            suspect(view, view.adapter),
            None if known is None else known.get(footage),
        )
    labels = np.arange(n + m) < n
    return ReleaseTarget(known=labels, some=some, initial=view.adapter, scenes=scenes, names=wanted)


def attack_release(
    view: ReleaseView, target: ReleaseTarget, stream: Stream, names: Iterable[str] | None = None
) -> dict[str, AttackOutcome]:
    """Outcomes by name, record-level ones also as `..._over_base`: those of `names`, or all the target was made for."""
    return outcomes(ask(view, target, stream, names), target, stream, names)


def ask(
    view: ReleaseView, target: ReleaseTarget, stream: Stream, names: Iterable[str] | None = None
) -> dict[Footage, Answers]:
    """The answers of the released adapter about everybody, and a random one about the people of the controls."""
    wanted = _wanted(target, names)
    gaussian = stream("attack", "release", "control", "gaussian")
    random = gaussian_update(view.adapter, target.initial, gaussian)
    answers = {}
    for footage, scene in target.scenes.items():
        mine = [name for name in wanted if declaration(name).footage == footage]
        if mine:
            asked = replace(scene, statistics=statistics(mine, footage))
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
) -> dict[str, AttackOutcome]:
    """Outcomes of the answers, by name."""
    found: dict[str, AttackOutcome] = {}
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

    released: ProbedSignals
    gaussian: ProbedSignals
    scene: ProbedFootage

    def scores(
        self, join: Callable[[ProbedSignals, Labels], Scores], known: Labels, some: Labels, *, relative: bool
    ) -> tuple[Scores, Blanks]:
        """The scores that `join` makes of the release, and of the controls; over the base or raw."""
        scene = self.scene
        base, base_some = (scene.base, scene.base_some) if relative else (None, None)
        blanks = {
            "never_trained": (join(_over(scene.never_trained, base_some), some), some),
            "gaussian_update": (join(_over(self.gaussian, base_some), some), some),
            "blind": (join(scene.base, known), known),
        }
        return join(_over(self.released, base), known), blanks


def _over(world: ProbedSignals, base: ProbedSignals | None) -> ProbedSignals:
    return world if base is None else world.over(base)


def _outcomes(name: str, worlds: Answers, target: ReleaseTarget, stream: Stream) -> dict[str, AttackOutcome]:
    return (_person_level if name in PERSON_ATTACKS else _record_level)(name, worlds, target, stream)


def _record_level(
    name: str, worlds: Answers, target: ReleaseTarget, stream: Stream
) -> dict[str, AttackOutcome]:
    def mean(world: ProbedSignals, known: Labels) -> Scores:
        return world.person(name)

    raw = RELEASE_ATTACKS[name].declaration
    over = replace(raw, name=name + OVER_BASE, statistic=f"{raw.statistic}; over that of the frozen base")
    outcomes = {}
    for about, relative in ((raw, False), (over, True)):
        scores, blanks = worlds.scores(mean, target.known, target.known_some, relative=relative)
        outcomes[about.name] = outcome(about, scores, target.known, blanks, stream)
    return outcomes


def _person_level(
    name: str, worlds: Answers, target: ReleaseTarget, stream: Stream
) -> dict[str, AttackOutcome]:
    attack, known = PERSON_ATTACKS[name], target.known

    def joined(world: ProbedSignals, labels: Labels) -> Scores:
        return attack.join(world, attack.signals, labels, stream)

    scores, blanks = worlds.scores(joined, known, target.known_some, relative=True)
    found = outcome(attack.declaration, scores, known, blanks, stream)
    if attack.measures is not None:
        found = replace(found, measures=attack.measures(scores[known], scores[~known]))
    if attack.refitted is not None:
        over_base = worlds.released.over(worlds.scene.base)
        signals = np.column_stack([over_base.person(signal) for signal in attack.signals])
        refits = attack.refitted(signals, known, stream("attack", name, "control", "refits"))
        found = replace(found, controls={**found.controls, "permuted_labels": refits})
    return {name: found}


def _sizes(given: Mapping[Footage, People]) -> tuple[int, int]:
    sizes = {(len(members), len(others)) for members, others in given.values()}
    if len(sizes) != 1 or 0 in next(iter(sizes)):
        raise ValueError(
            "give exact footage, fresh footage or both, of the same members and non-members, some of each"
        )
    return sizes.pop()
