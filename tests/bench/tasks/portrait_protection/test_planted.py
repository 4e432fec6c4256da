"""Faults planted in the real functions of a run are told by its controls; correct code passes them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.bench.commands import run as command
from privtalk.bench.tasks.portrait_protection import run as own_run
from privtalk.core.records import RunStore
from privtalk.leaderboards.board.build import build_all
from privtalk.leaderboards.board.loading import load
from privtalk.leaderboards.sections.catalogue import findings
from privtalk.methods.protection import random_noise

SOUND_ANIMATION = PortraitAttacker.animate
SOUND_RELEASE = own_run.released


@pytest.fixture
def run(owners_request, tmp_path, monkeypatch):
    """The record of a cell without attackers, and its folder; clean animations of faults are nobody else's."""
    monkeypatch.setattr(own_run, "CLEAN_VERSION", tmp_path.name)

    def make(row="random_noise"):
        request = owners_request(row, out=tmp_path / "run", changes=("animation.attackers=[]",))
        assert command.run(request) == command.OK
        [record] = RunStore(request.out)
        return record, request.out

    return make


def remembers():
    """An animation into which what was animated before it leaks, as an augmentation or a noise of its own would."""
    calls = iter(range(10**6))

    def animate(self, backbone, portraits):
        return SOUND_ANIMATION(self, backbone, portraits) ^ (next(calls) % 2)

    return animate


def deaf(self, backbone, portraits):
    """An animation that hears nothing."""
    return SOUND_ANIMATION(self, backbone, portraits.saying(torch.zeros_like(portraits.audio)))


def test_an_animation_that_is_not_of_its_speech_alone_makes_the_row_invalid(run, monkeypatch):
    monkeypatch.setattr(PortraitAttacker, "animate", remembers())
    record, folder = run()
    silence = record.protection.controls["speech taken away"]
    assert (silence.estimate.value, silence.decides, silence.passed) == (1, True, False)
    [board] = build_all(load([folder])).values()
    told = [(line.figure, line.verdict) for line in findings(board)[-1].lines]
    assert ("control failed: speech taken away, seed 0", "invalid") in told


@pytest.mark.parametrize("what", ["noise", "moved", "landmarks"])
def test_something_else_that_changes_with_the_speech_makes_the_row_invalid(what, run, monkeypatch):
    """Control is that of the sound alone only if nothing but the sound differs."""
    sound = AttackedPortraits.saying

    def saying(self, audio):
        return replace(sound(self, audio), **{what: getattr(self, what) + 0.5})

    monkeypatch.setattr(AttackedPortraits, "saying", saying)
    record, _ = run()
    silence = record.protection.controls["speech taken away"]
    assert silence.estimate.value > 0
    assert not silence.passed


def test_where_nobody_hears_the_speech_nothing_is_claimed(run, monkeypatch):
    """A victim that is deaf is no proof of silence: control has no value, and noise does not keep it."""
    monkeypatch.setattr(PortraitAttacker, "animate", deaf)
    record, _ = run()
    assert record.metrics["audio_control"].estimate.value is None
    assert "does not control the clean" in record.metrics["audio_control"].estimate.missing
    assert not record.protection.controls["noise of equal I-PSNR"].passed


def test_a_release_that_forgets_the_budget_is_told_in_the_block(run, monkeypatch):
    monkeypatch.setattr(random_noise, "projected", lambda images, perturbation, budget: 4 * perturbation)
    monkeypatch.setattr(own_run, "released", lambda clean, images, budget: SOUND_RELEASE(clean, images, None))
    record, _ = run()
    assert record.protection.bounded
    assert record.protection.largest > record.protection.budget
