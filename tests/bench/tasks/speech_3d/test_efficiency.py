"""How fast and how large: counted a second way."""

from __future__ import annotations

import os

import pytest
import torch
from torch import nn

from privtalk.bench.tasks.speech_3d import efficiency as timing
from privtalk.bench.tasks.speech_3d.efficiency import efficiency
from privtalk.bench.tasks.speech_3d.lessons import heard, lesson_of, new_network, open_encoder
from privtalk.methods.speech_3d.method import TRAINING_ONLY
from privtalk.methods.speech_3d.registry import SPEECH_METHODS

SMALL = {"diffusiontalker", "scratch"}
HEADER = 160
"""Bytes a tensor's name, type, shape and place take in a file, at most."""


def network_of(cell, corpus):
    """A row's network, untrained: sizes and speed do not ask what was learned."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return new_network(lesson_of(cell), corpus).eval().requires_grad_(False)


@pytest.fixture
def timed(cell_of, corpus):
    def measure(method, tier="none"):
        cell = cell_of(method, tier)
        network = network_of(cell, corpus)
        return efficiency(cell, corpus, network), network, cell

    return measure


def size(modules, without=()):
    return sum(v.numel() for n, v in modules.named_parameters() if n.split(".")[0] not in without)


@pytest.mark.parametrize("method", SPEECH_METHODS)
def test_sizes_are_those_of_the_parts_that_are_there(method, timed, cell_of):
    found, network, cell = timed(method)
    encoder = open_encoder(cell)
    large = 0 if method in SMALL else size(encoder) - size(encoder.head)
    parts = {name: size(module) for name, module in network.named_children()}
    assert found.trainable == sum(parts.values())
    assert found.parameters == sum(parts.values()) + large
    left_out = sum(count for name, count in parts.items() if name in TRAINING_ONLY)
    assert found.needed == sum(parts.values()) - left_out + large
    tensors = len(list(network.parameters())) + (0 if method in SMALL else len(list(encoder.parameters())))
    assert 0 < found.bytes_on_disk - 4 * found.needed < HEADER * tensors
    assert found.passes == network.passes(found.frames, cell.steps)
    assert found.frames == 25
    assert {speed.audio for speed in found.speeds} == ({True} if method in SMALL else {True, False})
    assert all(speed.frames_per_second > 0 for speed in found.speeds)
    assert found.times_reference > 0


def by_hand(modules, run):
    """Multiplications of every linear layer and convolution that runs, from the shapes of what comes out."""
    total = []

    def count(module, _, out):
        if isinstance(module, nn.Linear):
            total.append(out.numel() * module.in_features)
        else:
            total.append(out.numel() * module.in_channels * module.kernel_size[0])

    handles = [
        layer.register_forward_hook(count)
        for module in modules
        for layer in module.modules()
        if isinstance(layer, (nn.Linear, nn.Conv1d))
    ]
    with torch.no_grad():
        run()
    for handle in handles:
        handle.remove()
    return sum(total)


def test_work_is_that_of_a_known_layer():
    layer = nn.Linear(7, 11)
    with torch.no_grad():
        assert timing._macs(lambda: layer(torch.zeros(1, 5, 7))) == 5 * 7 * 11


def test_work_a_frame_is_that_of_all_layers_counted_by_hand(timed):
    found, network, cell = timed("unitalker")
    encoder, speech = open_encoder(cell), timing._long(cell, 25)
    noise = torch.zeros(1, 25, network.shape.channels)
    work = by_hand(
        [network, encoder], lambda: (encoder(speech.mel), network.animate(speech, noise, cell.steps))
    )
    assert found.macs_per_frame == pytest.approx(work / 25)


def test_work_grows_by_one_decoder_a_step(timed):
    sixteen, eight, four, two = (
        timed("teacher", tier)[0].macs_per_frame for tier in ("none", "steps=8", "steps=4", "steps=2")
    )
    assert (sixteen - eight) / 8 == pytest.approx((eight - four) / 4)
    assert (eight - four) / 4 == pytest.approx((four - two) / 2)


def test_facediffuser_as_released_is_charged_for_hearing_at_every_step(timed):
    (cached, _, cell), (released, network, _) = timed("facediffuser"), timed("facediffuser_released")
    encoder = open_encoder(cell)
    once = by_hand([encoder], lambda: encoder(timing._long(cell, 25).mel)) / 25
    extra = released.macs_per_frame - cached.macs_per_frame
    assert extra == pytest.approx((cell.steps - 1) * once, rel=1e-4)
    assert network.listen is None


def test_a_long_utterance_is_test_clips_one_after_the_other(cell_of):
    cell = cell_of("teacher")
    clips, long = heard(cell, "test").speech, timing._long(cell, 60)
    assert long.frames == 60
    joined = clips.content[torch.arange(3) % len(clips)].flatten(0, 1)
    assert torch.equal(long.content[0], joined[:60])
    assert torch.equal(long.mel[0, :100], clips.mel[0])


def test_as_many_runs_as_asked_are_timed_and_of_slow_work_a_few(monkeypatch):
    calls = []
    timing._seconds(lambda: calls.append(1), 1, 9)
    assert len(calls) == timing.WARM_UP + 9
    calls.clear()
    monkeypatch.setattr(timing, "LONGEST", 0.0)
    timing._seconds(lambda: calls.append(1), 1, 9)
    assert len(calls) == timing.WARM_UP + timing.LEAST


def test_threads_are_as_many_as_before_even_after_a_fault():
    before = torch.get_num_threads()
    with timing._threads(2):
        assert torch.get_num_threads() == 2
    with pytest.raises(ZeroDivisionError), timing._threads(2):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(("load", "free"), [(0.0, 4), (1.0, 4), (2.0, 3), (50.0, 1)])
def test_cores_that_others_use_are_not_free(load, free, monkeypatch):
    monkeypatch.setattr(timing, "usable_cores", lambda: 4)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    assert timing._free_cores() == free
