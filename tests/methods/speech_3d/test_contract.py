"""The contract of all systems from speech to motion: shapes, randomness, who is read, and what is counted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError

from privtalk.methods.speech_3d.data import UNKNOWN
from privtalk.methods.speech_3d.method import TRAINING_ONLY
from privtalk.methods.speech_3d.optimisation import descend
from privtalk.methods.speech_3d.registry import SPEECH_METHODS
from tests.methods.speech_3d.clips import CHANNELS, SCALE, clips, network

UNMOVED = {"regressor": {"decoder.noisy.weight"}}
"""Weights of the regressor that no loss reaches: it keeps the teacher's layer for noise, and feeds it zeros."""

pytestmark = pytest.mark.parametrize("name", SPEECH_METHODS)


def noise(count: int = 6, frames: int = 12, seed: int = 1) -> torch.Tensor:
    return torch.randn(count, frames, CHANNELS, generator=torch.Generator().manual_seed(seed))


def animated(made, speech, drawn=None, steps=2):
    with torch.no_grad():
        return made.animate(speech, noise(len(speech), speech.frames) if drawn is None else drawn, steps)


def started(name):
    """A network a few steps into training, so that heads that start at zero have left it."""
    made, batch, generator = network(name), clips(), torch.Generator().manual_seed(3)
    descend(made, lambda: made.losses(batch, SCALE, generator), 3, 1e-2)
    return made.eval()


def test_motion_has_the_shape_of_the_speech_at_any_length(name):
    for frames in (3, 12, 40):
        speech = clips(2, frames).speech
        found = animated(network(name), speech)
        assert found.shape == (2, frames, CHANNELS)
        assert torch.isfinite(found).all()


def test_a_few_steps_lower_the_loss(name):
    made, batch, generator = network(name), clips(), torch.Generator().manual_seed(0)

    def loss() -> float:
        fixed = torch.Generator().manual_seed(9)
        with torch.no_grad():
            return float(sum(made.losses(batch, SCALE, fixed).values()))

    before = loss()
    descend(made, lambda: made.losses(batch, SCALE, generator), 40, 5e-3)
    assert loss() < before


def test_losses_are_finite_and_all_that_is_learned_has_a_part_in_them(name):
    made = started(name)
    made.zero_grad()
    found = made.losses(clips(), SCALE, torch.Generator().manual_seed(0))
    assert all(value.ndim == 0 and torch.isfinite(value) and value >= 0 for value in found.values())
    torch.stack(list(found.values())).sum().backward()
    gradients = {about: value.grad for about, value in made.named_parameters()}
    assert all(grad is not None and torch.isfinite(grad).all() for grad in gradients.values())
    assert {about for about, grad in gradients.items() if not grad.any()} == UNMOVED.get(name, set())


def test_what_animating_needs_is_all_but_the_parts_named_as_training_only(name):
    """The sizes on the boards rest on it: gradients of the motion say which parts it depends on."""
    made, speech = started(name), clips().speech
    made.zero_grad()
    made.animate(speech, noise(), 2).square().sum().backward()
    read = {about for about, value in made.named_parameters() if value.grad is not None and value.grad.any()}
    needed = {a for a, _ in made.named_parameters() if a.split(".")[0] not in TRAINING_ONLY}
    assert read == needed - UNMOVED.get(name, set())


def test_a_clip_alone_moves_as_it_does_among_others(name):
    made, batch, drawn = started(name), clips(), noise()
    together = animated(made, batch.speech, drawn)
    for k in (0, 3):
        alone = batch.windows(torch.tensor([k]), torch.tensor([0]), 12).speech
        assert torch.allclose(animated(made, alone, drawn[k : k + 1])[0], together[k], atol=1e-5)


def test_randomness_comes_from_the_generators_alone(name):
    state = torch.get_rng_state()
    first, second = (started(name) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    speech = clips().speech
    assert torch.equal(animated(first, speech), animated(second, speech))
    assert torch.equal(torch.get_rng_state(), state)


def test_who_speaks_is_read_only_where_it_is_said_so(name):
    made, speech = started(name), clips().speech
    other = replace(speech, speaker=(speech.speaker + 1) % 3)
    same = torch.equal(animated(made, speech), animated(made, other))
    assert same != SPEECH_METHODS[name].given_speaker


def test_strangers_are_animated(name):
    speech = replace(clips().speech, speaker=torch.full((6,), UNKNOWN))
    assert torch.isfinite(animated(started(name), speech)).all()


def test_two_draws_differ_only_where_it_is_said_so(name):
    made, speech = started(name), clips().speech
    same = torch.equal(animated(made, speech, noise(seed=1)), animated(made, speech, noise(seed=2)))
    assert same != SPEECH_METHODS[name].drawn


def test_passes_are_those_that_are_made(name):
    made, speech = network(name), clips().speech
    part = {"facediffuser": "recurrent", "facediffuser_released": "recurrent", "faceformer": "mixing"}
    inner = getattr(made, part.get(name, "decoder"), made.leave if hasattr(made, "leave") else None)
    calls = []
    handle = inner.register_forward_hook(lambda *_: calls.append(1))
    animated(made, speech, steps=4)
    handle.remove()
    assert len(calls) == made.passes(speech.frames, 4)


def test_unknown_options_are_refused(name):
    with pytest.raises(ValidationError):
        SPEECH_METHODS[name].Options(nothing=True)
