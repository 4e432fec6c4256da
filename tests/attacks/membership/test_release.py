"""Every attack finds planted members, none finds what is not there, and labels enter the evaluation alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from privtalk.attacks.controls import CHANCE
from privtalk.attacks.membership.passes import Passes
from privtalk.attacks.membership.release import (
    OVER_BASE,
    PERSON_ATTACKS,
    RELEASE_ATTACKS,
    aim,
    attack_release,
)
from privtalk.attacks.views import ReleaseView
from privtalk.core.seeds import torch_stream

MEMBERS, OTHERS, PUBLIC = range(6), range(6, 30), range(100, 106)
STREAM = partial(torch_stream, 11)
CONTROLS = {"never_trained", "gaussian_update", "blind", "permuted_labels"}

RESULTS = (*RELEASE_ATTACKS, *(name + OVER_BASE for name in RELEASE_ATTACKS), *PERSON_ATTACKS)
FOUND = [name for name in RESULTS if name in PERSON_ATTACKS or name.endswith(OVER_BASE)]


@pytest.fixture(scope="module")
def footage(person):
    """(footage) -> members' and others' windows."""
    return lambda kind: tuple([person(i, footage=kind) for i in group] for group in (MEMBERS, OTHERS))


@pytest.fixture(scope="module")
def start(backbone, initial):
    return ReleaseView(backbone=backbone, adapter=initial)


@pytest.fixture(scope="module")
def target(start, footage, person):
    public = [person(i, footage="fresh") for i in PUBLIC]
    return aim(start, STREAM, exact=footage("exact"), fresh=footage("fresh"), public=public)


@pytest.fixture(scope="module")
def outcomes(start, planted, target):
    return attack_release(replace(start, adapter=planted), target, STREAM)


def test_there_is_a_result_for_every_attack(outcomes):
    assert set(outcomes) == set(RESULTS)
    assert all(outcome.declaration.name == name for name, outcome in outcomes.items())


@pytest.mark.parametrize("name", [name for name in FOUND if name != "pian_over_base"])
def test_planted_members_are_found(outcomes, name):
    """PIAN is tested on a network that has something to normalise: a random one predicts no noise to begin with."""
    assert outcomes[name].evaluation.auc.low > CHANCE


@pytest.mark.parametrize("name", RESULTS)
def test_controls_are_at_chance(outcomes, name):
    assert set(outcomes[name].controls) == CONTROLS
    assert outcomes[name].valid, outcomes[name].controls


def test_an_adapter_trained_on_strangers_gives_nobody_away(start, taught, person, target):
    stranger = taught([person(i) for i in range(200, 206)], steps=60)
    even = replace(target, known=np.arange(30) % 2 == 0)
    nothing = attack_release(replace(start, adapter=stranger), even, STREAM, FEW)
    deviation = np.sqrt((15 + 15 + 1) / (12 * 15 * 15))  # of the AUC under the null (Mann and Whitney 1947)
    for name, outcome in nothing.items():
        assert abs(outcome.evaluation.auc.value - CHANCE) < 3 * deviation, name


FEW = ("loss", "pia", "clid", "user_inference", "cdi", "ensemble")


def test_swapped_labels_reverse_every_attack_that_may_not_see_them(start, planted, target):
    released = replace(start, adapter=planted)
    names = ("loss", "user_inference", "cdi")
    straight = attack_release(released, target, STREAM, names)
    swapped = attack_release(released, replace(target, known=~target.known), STREAM, names)
    for name, outcome in straight.items():
        assert swapped[name].evaluation.auc.value == pytest.approx(1 - outcome.evaluation.auc.value), name


def test_a_release_that_never_trained_is_at_chance_over_the_base(start, target):
    outcome = attack_release(start, target, STREAM, ["loss"])["loss_over_base"]
    assert outcome.evaluation.auc.low <= CHANCE <= outcome.evaluation.auc.high
    assert outcome.controls["gaussian_update"].passed


def test_cdi_tells_the_set_of_members_from_the_others(outcomes):
    measure = outcomes["cdi"].measures["set_p_value"]
    assert measure.estimate.value < 1e-3
    assert (measure.chance, measure.direction) == (0.5, "lower")


def test_attacks_share_their_passes(start, planted, footage, monkeypatch):
    """Nine statistics, of which two take gradients: seven forward passes of each network over the same windows."""
    asked = []
    plain = Passes._predict
    monkeypatch.setattr(
        Passes,
        "_predict",
        lambda self, *args: asked.append(self.suspect.adapter is planted) or plain(self, *args),
    )
    target = aim(start, STREAM, exact=footage("exact"), names=RELEASE_ATTACKS)
    asked.clear()
    attack_release(replace(start, adapter=planted), target, STREAM)
    assert sum(asked) == 7
    assert len(asked) == 14


def test_only_what_is_named_and_has_footage_is_run(start, planted, footage):
    target = aim(start, STREAM, fresh=footage("fresh"), names=["loss", "user_inference"])
    assert set(attack_release(replace(start, adapter=planted), target, STREAM)) == {"user_inference"}
    with pytest.raises(ValueError, match="not made for 'loss'"):
        attack_release(start, target, STREAM, ["loss"])


def test_unknown_names_and_missing_people_are_refused(start, footage):
    with pytest.raises(ValueError, match="is called 'los'; there are loss, secmi"):
        aim(start, STREAM, exact=footage("exact"), names=["los"])
    with pytest.raises(ValueError, match="exact footage, fresh footage or both"):
        aim(start, STREAM)
    members, others = footage("fresh")
    with pytest.raises(ValueError, match="the same members"):
        aim(start, STREAM, exact=footage("exact"), fresh=(members[:3], others))


def test_names_are_those_of_both_registries():
    for name, attack in (RELEASE_ATTACKS | PERSON_ATTACKS).items():
        assert attack.declaration.name == name
        assert attack.declaration.view == "release"


def test_what_is_known_of_untrained_networks_is_not_asked_again(start, footage, planted, target, monkeypatch):
    known = {kind: scene.untrained for kind, scene in target.scenes.items()}
    public = list(target.scenes["fresh"].outsiders.people)
    monkeypatch.setattr("privtalk.attacks.membership.scenes.answers", None)
    again = aim(start, STREAM, exact=footage("exact"), fresh=footage("fresh"), public=public, known=known)
    for kind, scene in target.scenes.items():
        for name, values in scene.base.signals.items():
            np.testing.assert_array_equal(again.scenes[kind].base.signals[name], values)
            np.testing.assert_array_equal(
                again.scenes[kind].base_some.signals[name], scene.base_some.signals[name]
            )
            np.testing.assert_array_equal(
                again.scenes[kind].never_trained.signals[name], scene.never_trained.signals[name]
            )
