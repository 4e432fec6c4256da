"""Attacks with shadow worlds, and the strength that worlds of known people give every attack."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from privtalk.attacks.membership.passes import Asked, ProbeSettings
from privtalk.attacks.membership.planted import client_strengths, shadow_strengths, strengths
from privtalk.attacks.membership.release import aim, ask
from privtalk.attacks.membership.shadow_attacks import (
    ShadowAnswers,
    ask_worlds,
    attack_with_shadows,
    imputed,
    outsiders,
)
from privtalk.attacks.probing import Suspect, person_losses
from privtalk.attacks.shadows import Worlds
from privtalk.attacks.views import ReleaseView
from privtalk.core.seeds import torch_stream

STREAM = partial(torch_stream, 11)
MEMBERS, OTHERS, OWN = range(6), range(6, 30), range(200, 208)
FEW = ("loss", "user_inference")


@pytest.fixture(scope="module")
def start(backbone, initial):
    return ReleaseView(backbone=backbone, adapter=initial)


@pytest.fixture(scope="module")
def target(start, person):
    exact, fresh = (
        tuple([person(i, footage=kind) for i in group] for group in (MEMBERS, OTHERS))
        for kind in ("exact", "fresh")
    )
    return aim(start, STREAM, exact=exact, fresh=fresh, names=FEW)


@pytest.fixture(scope="module")
def worlds(initial, taught, person):
    """Four worlds of two of the attacker's people each."""
    members = np.kron(np.eye(4, dtype=bool), np.ones(2, dtype=bool))
    adapters = [taught([person(OWN[k]) for k in np.flatnonzero(row)], steps=60).flatten() for row in members]
    return Worlds(bank=initial.unflatten(torch.cat(adapters)), members=members)


@pytest.fixture(scope="module")
def shadows(start, target, worlds, person):
    own = outsiders(start, Asked.about([person(i) for i in OWN], ProbeSettings(), STREAM))
    scene = target.scenes["exact"]
    candidates = ask_worlds(start, worlds.bank, scene.asked, scene.base.person("loss"))
    mine = ask_worlds(start, worlds.bank, own.asked, own.base)
    return ShadowAnswers(candidates=candidates, outsiders=np.where(worlds.members, np.nan, mine)), own


def test_worlds_are_asked_what_losses_say(start, target, worlds, shadows):
    """Oracle: `probing.person_losses`."""
    asked = target.scenes["exact"].asked
    bare, first = (
        person_losses(Suspect(backbone=start.backbone, adapter=adapter), asked.people, asked.draws)
        for adapter in (None, worlds.bank.select([0]))
    )
    np.testing.assert_allclose(shadows[0].candidates[0], bare - first, atol=1e-5)


def test_a_planted_release_is_found_and_controls_are_at_chance(start, target, shadows, planted):
    view = replace(start, adapter=planted)
    answers = ask(view, target, STREAM)["exact"]
    found = attack_with_shadows(view, target, answers, *shadows, STREAM)
    assert set(found) == {"lira", "rmia"}
    for outcome in found.values():
        assert outcome.evaluation.auc.low > 0.5
        assert set(outcome.controls) == {"never_trained", "gaussian_update", "blind", "permuted_labels"}
        assert outcome.valid


def test_a_release_that_nobody_taught_is_the_never_trained_control(start, target, shadows):
    """It gains nothing over the base: what is left is what the worlds make of the footage."""
    answers = ask(start, target, STREAM)["exact"]
    assert set(target.some) == set(range(len(target.known)))
    for outcome in attack_with_shadows(start, target, answers, *shadows, STREAM).values():
        assert outcome.evaluation.auc.value == pytest.approx(outcome.controls["never_trained"].auc.value)


def test_a_world_that_a_person_is_in_says_nothing_of_out():
    np.testing.assert_array_equal(
        imputed(np.array([[np.nan, 1.0], [2.0, 3.0], [4.0, np.nan]])), [[3.0, 1.0], [2.0, 3.0], [4.0, 2.0]]
    )


def test_strength_is_that_of_the_attack_on_worlds(start, worlds, person):
    exact, fresh = (
        ([person(i, footage=kind) for i in OWN[:4]], [person(i, footage=kind) for i in OWN[4:]])
        for kind in ("exact", "fresh")
    )
    target = aim(start, STREAM, exact=exact, fresh=fresh, names=FEW)
    found = strengths(start, target, worlds, "toy worlds", STREAM)
    assert set(found) == {"loss", "loss_over_base", "user_inference", "lira", "rmia"}
    for name in ("loss_over_base", "lira", "rmia"):
        assert found[name].estimate.value > 0.9
        assert found[name].estimate.n == 4
        assert found[name].planted == "toy worlds"


def test_worlds_without_training_have_no_strength(start, worlds, initial, person):
    exact = ([person(i) for i in OWN[:4]], [person(i) for i in OWN[4:]])
    target = aim(start, STREAM, exact=exact, names=("loss",))
    blank = Worlds(bank=initial.repeat(4), members=worlds.members)
    assert strengths(start, target, blank, "nothing", STREAM)["loss_over_base"].estimate.value == 0.5


def test_shadow_strength_reads_other_worlds_alone():
    """A person who gains a lot in every world is hard to tell; one who gains in its own alone is found."""
    members = np.eye(3, 6, dtype=bool)
    signals = np.tile([0.0, 0.0, 0.0, 5.0, 5.0, 5.0], (3, 1)) + members * 1.0
    signals += 0.01 * np.random.default_rng(0).standard_normal(signals.shape)
    assert shadow_strengths(signals, members) == {"lira": [1.0] * 3, "rmia": [1.0] * 3}


def test_a_client_that_was_sent_a_world_finds_who_is_in_it(start, worlds, person):
    fresh = (
        [person(i, footage="fresh") for i in OWN[:4]],
        [person(i, footage="fresh") for i in OWN[4:]],
    )
    target = aim(start, STREAM, fresh=fresh, names=("user_inference",))
    found = client_strengths(start, target, worlds, "toy worlds")
    assert set(found) == {"malicious_client", "malicious_client_loss"}
    assert all(strength.estimate.value > 0.6 for strength in found.values())
