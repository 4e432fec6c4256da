"""LiRA and RMIA on a released adapter, from the answers of shadow worlds (`attacks.shadows`).

What the worlds answer about everybody is computed once (`ask_worlds`) and shared by every cell that starts from the
same adapter. Controls as in `release`; `never_trained` is what the worlds alone make of the footage.

Shape legend: W worlds, P candidates, Z people of the attacker's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from privtalk.attacks.declaration import Attack
from privtalk.attacks.membership import lira, rmia
from privtalk.attacks.membership.loss import loss
from privtalk.attacks.membership.outcomes import outcome
from privtalk.attacks.membership.passes import Asked, Passes
from privtalk.attacks.membership.release import Answers, ReleaseTarget
from privtalk.attacks.outcome import AttackOutcome
from privtalk.attacks.probing import Scores, Suspect
from privtalk.attacks.rounding import difference
from privtalk.attacks.views import Bank, ReleaseView
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank


@dataclass(frozen=True, kw_only=True)
class ShadowAttack(Attack):
    """An attack that compares gains over the base with those in shadow worlds, which have not met the person."""

    score: Callable[[Scores, Scores, Scores, Scores], Scores]
    """(signals [P], in the worlds [W, P], of the attacker's own people [Z], in the worlds [W, Z]) -> [P]."""


def _lira(signals: Scores, out: Scores, population: Scores, population_out: Scores) -> Scores:
    return lira.lira(signals, out)


SHADOW_ATTACKS: dict[str, ShadowAttack] = {
    lira.ATTACK.name: ShadowAttack(declaration=lira.ATTACK, score=_lira),
    rmia.ATTACK.name: ShadowAttack(declaration=rmia.ATTACK, score=rmia.rmia),
}
"""The attacks of the project; `attacks.catalogue.register` adds to them."""


@dataclass(frozen=True, kw_only=True)
class ShadowAnswers:
    """Gains over the base, in exact footage, of people whom no world has met."""

    candidates: Scores
    """[W, P]."""
    outsiders: Scores
    """[W, Z]; NaN where a world was trained on the person."""


@dataclass(frozen=True, kw_only=True)
class Outsiders:
    """The attacker's own people, with exact footage."""

    asked: Asked
    base: Scores
    """[Z] minus the base's losses."""


def gains(suspect: Suspect, asked: Asked, initial: Bank) -> Scores:
    """[P] minus the denoising loss of a network."""
    return asked.means(loss(Passes(suspect=suspect, asked=asked, initial=initial)))


def outsiders(view: ReleaseView, asked: Asked) -> Outsiders:
    """The answers of the bare backbone about the attacker's own people."""
    bare = Suspect(backbone=view.backbone, adapter=None, adapt=view.adapt)
    return Outsiders(asked=asked, base=gains(bare, asked, view.adapter))


def ask_worlds(view: ReleaseView, bank: AdapterBank, asked: Asked, base: Scores) -> Scores:
    """[W, P] gains of every world over `base` [P]."""
    rows = []
    for world in range(len(bank)):
        suspect = Suspect(backbone=view.backbone, adapter=bank.select([world]), adapt=view.adapt)
        rows.append(difference(gains(suspect, asked, view.adapter), base))
    return np.stack(rows)


def imputed(out: Scores) -> Scores:
    """[W, P] with each NaN, a world that the person is in, replaced by the mean over that person's other worlds."""
    known = np.nanmean(out, axis=0)
    return np.where(np.isnan(out), known, out)


def attack_with_shadows(
    view: ReleaseView,
    target: ReleaseTarget,
    answers: Answers,
    worlds: ShadowAnswers,
    own: Outsiders,
    stream: Stream,
) -> dict[str, AttackOutcome]:
    """Outcomes of LiRA, RMIA and their like; `answers` are the suspect's about the exact footage of `target`."""
    suspect = Suspect(backbone=view.backbone, adapter=view.adapter, adapt=view.adapt)
    population = difference(gains(suspect, own.asked, view.adapter), own.base)
    population_out = imputed(worlds.outsiders)
    return {
        name: _outcome(
            attack, partial(_against, attack, population, population_out), target, answers, worlds, stream
        )
        for name, attack in SHADOW_ATTACKS.items()
    }


def _against(
    attack: ShadowAttack, population: Scores, population_out: Scores, signals: Scores, out: Scores
) -> Scores:
    return attack.score(signals, out, population, population_out)


def _outcome(
    attack: ShadowAttack,
    score: Callable[[Scores, Scores], Scores],
    target: ReleaseTarget,
    answers: Answers,
    worlds: ShadowAnswers,
    stream: Stream,
) -> AttackOutcome:
    known, some, out = target.known, list(target.some), worlds.candidates
    scene = answers.scene
    fewer = known[some]
    blanks = {
        "never_trained": (score(np.zeros(len(known)), out)[some], fewer),
        "gaussian_update": (
            score(answers.gaussian.over(scene.base_some).person("loss"), out[:, some]),
            fewer,
        ),
        "blind": (scene.base.person("loss"), known),
    }
    released = score(answers.released.over(scene.base).person("loss"), out)
    return outcome(attack.declaration, released, known, blanks, stream)
