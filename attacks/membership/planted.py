"""How strong the attacks on a release are where there is something to find: shadow worlds, whose people are known.

Every world is attacked as if it were the release, its own people against the attacker's others. A world holds few
people, so that an attack that fails here is too weak to say anything of a run in which it fails too.

    strength = mean over worlds of the AUC, with Student's interval over worlds

Shape legend: W worlds, S of the attacker's people.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from privtalk.attacks.declaration import Footage
from privtalk.attacks.membership import malicious_client
from privtalk.attacks.membership.passes import Passes
from privtalk.attacks.membership.release import OVER_BASE, PERSON_ATTACKS, RELEASE_ATTACKS, ReleaseTarget
from privtalk.attacks.membership.release import declaration as declared
from privtalk.attacks.membership.scenes import ProbedSignals
from privtalk.attacks.membership.shadow_attacks import SHADOW_ATTACKS, imputed
from privtalk.attacks.membership.user_inference import suspect
from privtalk.attacks.outcome import StrengthOutcome
from privtalk.attacks.probing import Scores
from privtalk.attacks.roc import auc
from privtalk.attacks.rounding import difference
from privtalk.attacks.shadows import Members, Worlds
from privtalk.attacks.views import ReleaseView
from privtalk.core.intervals import LEVEL, Interval, mean_interval
from privtalk.core.streams import Stream


def strengths(
    view: ReleaseView, target: ReleaseTarget, worlds: Worlds, planted: str, stream: Stream
) -> dict[str, StrengthOutcome]:
    """Strength of all attacks that `target` was made for, and those with shadow models; its people are the worlds' [S].

    `view` holds what worlds start from; `planted` says in a line what the worlds are.
    """
    found: dict[str, list[float]] = defaultdict(list)
    signals = []
    for index, members in enumerate(worlds.members):
        answers = {
            footage: scene.world(suspect(view, worlds.bank.select([index])), everybody=True)
            for footage, scene in target.scenes.items()
        }
        for name, scores in _scores(target, answers, members, stream):
            found[name].append(auc(scores[members], scores[~members]))
        signals.append(answers["exact"].over(target.scenes["exact"].base).person("loss"))
    found |= shadow_strengths(np.stack(signals), worlds.members)
    return {
        name: StrengthOutcome(estimate=mean_rate(values), planted=planted) for name, values in found.items()
    }


def _scores(
    target: ReleaseTarget, answers: Mapping[Footage, ProbedSignals], members: Members, stream: Stream
) -> Iterator[tuple[str, Scores]]:
    """(name, [S]) of every attack on one world."""
    for name in target.names:
        footage = declared(name).footage
        world, base = answers[footage], target.scenes[footage].base
        if name in RELEASE_ATTACKS:
            yield name, world.person(name)
            yield name + OVER_BASE, world.over(base).person(name)
        else:
            attack = PERSON_ATTACKS[name]
            yield name, attack.join(world.over(base), attack.signals, members, stream)


def client_strengths(
    view: ReleaseView, target: ReleaseTarget, worlds: Worlds, planted: str
) -> dict[str, StrengthOutcome]:
    """Strength of the malicious client that was sent what worlds start from and what each has come to."""
    asked = target.scenes["fresh"].asked
    before = Passes(suspect=suspect(view, view.adapter), asked=asked, initial=target.initial)
    gradients, start = before.slopes(before.t).gradients, asked.means(before.losses(before.t))
    moves = (worlds.bank.flatten() - view.adapter.flatten()).cpu()
    cosines, falls = [], []
    for index, members in enumerate(worlds.members):
        there = suspect(view, worlds.bank.select([index]))
        after = Passes(suspect=there, asked=asked, initial=target.initial)
        fell = difference(start, asked.means(after.losses(after.t)))
        cosine = malicious_client.matched(moves[index : index + 1], gradients)
        cosines.append(auc(cosine[members], cosine[~members]))
        falls.append(auc(fell[members], fell[~members]))
    both = {malicious_client.COSINE.name: cosines, malicious_client.LOSS.name: falls}
    return {
        name: StrengthOutcome(estimate=mean_rate(values), planted=planted) for name, values in both.items()
    }


def shadow_strengths(signals: Scores, members: Members) -> dict[str, list[float]]:
    """AUC of LiRA, RMIA and their like on each world of `signals` [W, S], gains over the base, by the other worlds."""
    out = imputed(np.where(members, np.nan, signals))
    found: dict[str, list[float]] = {name: [] for name in SHADOW_ATTACKS}
    for index, inside in enumerate(members):
        others = np.delete(out, index, axis=0)
        for name, attack in SHADOW_ATTACKS.items():
            scores = attack.score(signals[index], others, signals[index][~inside], others[:, ~inside])
            found[name].append(auc(scores[inside], scores[~inside]))
    return found


def mean_rate(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Mean of rates in [0, 1] with Student's interval, cut to them.

    >>> found = mean_rate([0.8, 0.9, 1.0])
    >>> round(found.value, 3), round(found.low, 3), found.high
    (0.9, 0.652, 1.0)
    """
    found = mean_interval(values, level)
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(0.0, found.low), high=min(1.0, found.high))
