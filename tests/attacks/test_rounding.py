"""Rounding is no membership: planted in real attacks, plain differences find it and theirs do not."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.attacks import probing
from privtalk.attacks.membership import scenes, user_inference
from privtalk.attacks.membership.passes import Asked, Passes, ProbeSettings
from privtalk.attacks.membership.registry import RELEASE_ATTACKS
from privtalk.attacks.membership.release import aim, attack_release
from privtalk.attacks.personal import others_in_personal
from privtalk.attacks.personal.target import PersonalTarget
from privtalk.attacks.probing import Suspect, person_losses, probes
from privtalk.attacks.roc import auc
from privtalk.attacks.rounding import AMPLIFIED, PRECISION, difference
from privtalk.attacks.views import PersonalView, ReleaseView
from privtalk.core.seeds import torch_stream

STREAM = partial(torch_stream, 11)
MEMBERS, OTHERS, CHANCE = 10, 20, 0.5
TIMESTEPS = (200, 500)
ROUNDING, SIGNAL = 1e-6, 1e-4
"""Relative changes of a loss: the largest by rounding that was measured, and one far below any that attacks find."""


@pytest.fixture
def people(person):
    return [person(i, footage="fresh") for i in range(MEMBERS + OTHERS)]


@pytest.fixture
def view(backbone, initial):
    """A release that never trained."""
    return ReleaseView(backbone=backbone, adapter=initial)


def nudged(values, adapter, part):
    """Members' losses under an adapter, smaller by `part` of themselves."""
    smaller = np.where(np.arange(len(values)) < MEMBERS, 1 - part, 1.0)
    return values if adapter is None else values * smaller


def of_persons(view, people, monkeypatch, part):
    def planted(suspect, *given):
        return nudged(person_losses(suspect, *given), suspect.adapter, part)

    monkeypatch.setattr(user_inference, "person_losses", planted)
    scores = user_inference.user_inference(view, people, STREAM, TIMESTEPS)
    return auc(scores[:MEMBERS], scores[MEMBERS:])


def of_leaked(view, people, monkeypatch, part):
    target = PersonalTarget.of(view.backbone, view.adapter, people, (), STREAM, TIMESTEPS)

    def planted(suspect, *given):
        return nudged(person_losses(suspect, *given), suspect.adapter, part)

    monkeypatch.setattr(others_in_personal, "person_losses", planted)
    leaked = PersonalView(backbone=view.backbone, start=view.adapter, adapters=view.adapter)
    scores = others_in_personal.mean_gains(leaked, target)
    return auc(scores[:MEMBERS], scores[MEMBERS:])


def of_release(name, view, people, monkeypatch, part):
    """An outcome of `attack_release`, whose statistics come of the same passes."""
    asked = Passes.losses

    def planted(passes, t):
        values = asked(passes, t)
        return values * values.new_tensor(nudged(np.ones(len(values)), passes.suspect.adapter, part))

    monkeypatch.setattr(Passes, "losses", planted)
    target = aim(view, STREAM, fresh=(people[:MEMBERS], people[MEMBERS:]), names=[name])
    return attack_release(view, target, STREAM)[name].evaluation.auc.value


ATTACKS = {
    "user_inference": (user_inference, of_persons),
    "others_in_personal": (others_in_personal, of_leaked),
    "release": (scenes, partial(of_release, "user_inference")),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("plain", [False, True])
def test_rounding_is_found_by_plain_differences_alone(attack, plain, view, people, monkeypatch):
    module, found = ATTACKS[attack]
    if plain:
        monkeypatch.setattr(module, "difference", lambda answers, base, *_: answers - base)
    assert found(view, people, monkeypatch, ROUNDING) == (1.0 if plain else CHANCE)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_small_signal_is_found(attack, view, people, monkeypatch):
    _, found = ATTACKS[attack]
    assert found(view, people, monkeypatch, SIGNAL) == 1.0


def test_passes_of_other_widths_tie(backbone, initial, people, monkeypatch):
    """Last bits differ between passes of 64 and of 7 windows, on any network; nobody has gained anything by that."""
    draws = probes(people, STREAM, TIMESTEPS)
    wide = person_losses(Suspect(backbone=backbone, adapter=None), people, draws)
    monkeypatch.setattr(probing, "CHUNK", 7)
    narrow = person_losses(Suspect(backbone=backbone, adapter=initial), people, draws)
    assert np.any(wide != narrow)
    np.testing.assert_array_equal(difference(wide, narrow), 0)


def test_an_adapter_that_does_nothing_ties(backbone, initial, people):
    """It sends feed-forward layers another way through the network than the base takes."""
    draws = probes(people, STREAM, TIMESTEPS)
    base, adapted = (
        person_losses(Suspect(backbone=backbone, adapter=adapter), people, draws)
        for adapter in (None, initial)
    )
    assert np.any(base != adapted)
    np.testing.assert_array_equal(difference(base, adapted), 0)


def test_no_statistic_says_more_of_widths_than_is_allowed(backbone, initial, person, monkeypatch):
    """Answers about 24 people in passes of 24 and of 5: all of them differ somewhere, and all tie."""
    asked = Asked.about([person(i) for i in range(24)], ProbeSettings(windows=1), STREAM)
    statistics = {
        name: attack.statistic
        for name, attack in sorted(RELEASE_ATTACKS.items(), key=lambda named: not named[1].slopes)
    }
    bare = Suspect(backbone=backbone, adapter=None)
    wide = scenes.answers(bare, asked, initial, statistics)
    monkeypatch.setattr(probing, "CHUNK", 5)
    narrow = scenes.answers(bare, asked, initial, statistics)
    for name, values in scenes.over(narrow, wide).items():
        assert np.any(narrow[name] != wide[name]), name
        np.testing.assert_array_equal(values, 0, err_msg=name)
    assert set(AMPLIFIED) <= set(RELEASE_ATTACKS)


@given(
    st.floats(1e-3, 1e3),
    st.sampled_from([-3 * PRECISION, -PRECISION / 2, 0.0, PRECISION / 2, 3 * PRECISION]),
)
def test_differences_are_plain_or_nothing(base, part):
    moved = base * (1 + part)
    expected = moved - base if abs(part) > PRECISION else 0.0
    assert difference([moved], [base]).tolist() == [expected]
    assert difference([base], [moved]).tolist() == [-expected]


def test_an_answer_near_nothing_is_as_exact_as_the_others():
    values = [1.0, 0.0]
    assert difference([1.0, PRECISION / 4], values)[1] == 0
    assert difference([1.0, PRECISION], values)[1] == PRECISION


def test_other_questions_are_refused():
    with pytest.raises(ValueError, match=r"answers \(2,\) and base \(1,\) are not of the same questions"):
        difference([1.0, 2.0], [1.0])
