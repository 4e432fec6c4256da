"""Leaked personal adapters on the tiny backbone: clips are told, noise is not, and scratch tells nothing of others."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from privtalk.attacks.controls import CHANCE
from privtalk.attacks.personal.clip_in_personal import ANOTHER, clip_in_personal, gains
from privtalk.attacks.personal.others_in_personal import others_in_personal
from privtalk.attacks.personal.planted import clip_strength, others_strength
from privtalk.attacks.personal.target import PersonalTarget, each_loss
from privtalk.attacks.probing import Suspect, person_losses
from privtalk.attacks.views import PersonalView
from privtalk.core.seeds import torch_stream

STREAM = partial(torch_stream, 11)
OWNERS = 10
TIMESTEPS = (200, 500)


@pytest.fixture(scope="module")
def view(backbone, initial, taught, person):
    """Adapters from scratch of one person each, who are 0 to 9."""
    own = [taught([person(i)], steps=60).flatten() for i in range(OWNERS)]
    return PersonalView(backbone=backbone, start=initial, adapters=initial.unflatten(torch.cat(own)))


@pytest.fixture(scope="module")
def clips(backbone, initial, person):
    """An unseen clip has the content of somebody else: windows of one toy person are too alike for a toy network."""
    seen, unseen = ([person(first + i) for i in range(OWNERS)] for first in (0, 50))
    return PersonalTarget.of(backbone, initial, seen, unseen, STREAM, TIMESTEPS)


def at(view, flat):
    return PersonalView(backbone=view.backbone, start=view.start, adapters=view.start.unflatten(flat))


def test_a_clip_that_was_trained_on_is_told_from_one_that_was_not(view, clips):
    found = clip_in_personal(view, clips, STREAM)
    assert found.evaluation.auc.low > CHANCE
    assert found.valid, found.controls
    assert set(found.controls) == {"blind", "never_trained", "permuted_labels"}
    common = found.measures[ANOTHER].estimate
    assert common.low <= CHANCE  # it may be below: these are the same twenty people each time
    assert common.high < found.evaluation.auc.low


def test_an_adapter_that_was_never_trained_tells_of_no_clip(view, clips):
    nothing = view.start.flatten().expand(OWNERS, -1)
    found = clip_in_personal(at(view, nothing), clips, STREAM)
    assert np.abs(gains(at(view, nothing), clips)).max() < 1e-6
    assert found.evaluation.auc.low <= CHANCE <= found.evaluation.auc.high


def test_adapters_that_share_passes_answer_as_each_does_alone(view, person, monkeypatch):
    footage = [person(i, windows=2) for i in range(OWNERS)]
    target = PersonalTarget.of(view.backbone, view.start, footage, footage, STREAM, TIMESTEPS)
    monkeypatch.setattr("privtalk.attacks.probing.CHUNK", 12)
    together = each_loss(view, footage, target.draws)
    for k, flat in enumerate(view.adapters.flatten()):
        suspect = Suspect(backbone=view.backbone, adapter=view.start.unflatten(flat[None]))
        [alone] = person_losses(suspect, [footage[k]], target.draws)
        assert together[k] == pytest.approx(alone, rel=1e-4)


def test_what_does_not_fit_is_refused(view, clips, person):
    with pytest.raises(ValueError, match=r"9 adapters and 20 clips; give two clips an adapter"):
        clip_in_personal(at(view, view.adapters.flatten()[1:]), clips, STREAM)
    with pytest.raises(ValueError, match=r"different numbers of windows; cut all of them alike"):
        each_loss(view, [person(0, windows=1), person(1, windows=2)], clips.draws)
    with pytest.raises(ValueError, match=r"start from one public adapter, not from 10"):
        PersonalView(backbone=view.backbone, start=view.adapters, adapters=view.adapters)


# ---- other people


@pytest.fixture(scope="module")
def others(backbone, initial, person):
    """Who trained the global adapter `planted`, 0 to 5, and people who did not."""
    footage = [person(i, windows=4, footage="fresh") for i in range(30)]
    return PersonalTarget.of(backbone, initial, footage[:6], footage[6:], STREAM, TIMESTEPS)


def test_adapters_from_scratch_tell_nothing_of_others(view, taught, person, others):
    leaked = torch.cat([taught([person(i)], steps=40).flatten() for i in range(50, 52)])
    found = others_in_personal(at(view, leaked), others, STREAM)
    assert found.valid, found.controls
    assert found.evaluation.auc.low <= CHANCE <= found.evaluation.auc.high


def test_adapters_that_go_on_from_a_global_one_tell_what_it_tells(view, planted, others):
    moved = 1e-4 * torch.randn((3, planted.dim), generator=STREAM("moved"))
    found = others_in_personal(at(view, planted.flatten() + moved), others, STREAM)
    assert found.valid, found.controls
    assert found.evaluation.auc.low > CHANCE


# ---- strength


def test_the_strength_on_clips_is_what_the_attack_finds(view, clips):
    found = clip_strength(view, clips, STREAM, "adapters of one person each")
    assert found.planted == "adapters of one person each"
    assert found.estimate == clip_in_personal(view, clips, STREAM).evaluation.auc
    assert found.estimate.low > CHANCE


def test_the_strength_of_telling_of_others_is_measured_one_adapter_at_a_time(view, taught, person):
    """Two adapters of 50 and 51 go on from others of people 0 to 5 and 6 to 11; the owners are not asked about."""
    members = np.zeros((2, 14), dtype=bool)
    members[0, :6] = members[1, 6:12] = True
    starts = [taught([person(i) for i in range(first, first + 6)]).flatten() for first in (0, 6)]
    footage = [person(i, windows=4, footage="fresh") for i in range(14)]
    target = PersonalTarget.of(view.backbone, view.start, footage, (), STREAM, TIMESTEPS)
    leaked = at(view, torch.cat(starts))
    found = others_strength(leaked, target, [12, 13], members, "two")
    assert found.estimate.value > 0.8
    swapped = others_strength(leaked, target, [12, 13], members[::-1], "two")
    assert swapped.estimate.value < 0.5
    nobody = others_strength(at(view, view.start.flatten().expand(2, -1)), target, [12, 13], members, "none")
    assert nobody.estimate.value == 0.5


def test_an_owner_is_not_asked_about(view, person):
    """The owner's own face would say nothing of what the others trained."""
    members = np.array([[True, False, True, False]])
    footage = [person(i, windows=4, footage="fresh") for i in range(4)]
    target = PersonalTarget.of(view.backbone, view.start, footage, (), STREAM, TIMESTEPS)
    of_three = at(view, view.adapters.flatten()[[3]])
    with_owner = others_strength(of_three, target, [-1], members, "x").estimate.value
    without = others_strength(of_three, target, [3], members, "x").estimate.value
    assert with_owner < without
