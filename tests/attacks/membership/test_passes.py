"""Questions are equal for everybody; passes are made once; both ways to a loss agree."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from privtalk.attacks.membership.passes import Asked, ProbeSettings
from privtalk.attacks.membership.secmi import secmi
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import adapted

STREAM = partial(torch_stream, 11)


def test_settings_cut_windows_and_frames(person):
    cut = ProbeSettings(windows=2, frames=1).of(person(0, windows=3, frames=4))
    assert cut.latents.shape[:2] == cut.audio.shape[:2] == cut.landmarks.shape[:2] == (2, 1)
    assert len(cut.reference) == 2


@pytest.mark.parametrize("wrong", [{"timesteps": ()}, {"windows": 0}, {"interval": 0}, {"crop": 1.0}])
def test_settings_that_ask_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="probe settings need"):
        ProbeSettings(**wrong)


def test_everybody_meets_the_same_noise_window_by_window(person):
    asked = Asked.about([person(i, windows=2) for i in range(3)], ProbeSettings(windows=2), STREAM)
    everybody = asked.noise.unflatten(0, (3, 2))
    assert torch.equal(everybody, everybody[:1].expand_as(everybody))
    assert not torch.equal(everybody[0, 0], everybody[0, 1])
    assert asked.places.tolist() == [0, 1] * 3


def test_fewer_people_are_asked_the_same(person):
    asked = Asked.about([person(i, windows=2) for i in range(4)], ProbeSettings(windows=2), STREAM)
    some = asked.select([1, 3])
    assert torch.equal(some.windows.latents, asked.windows.latents[[2, 3, 6, 7]])
    assert torch.equal(some.noise, asked.noise[[2, 3, 6, 7]])


def test_means_are_over_each_persons_windows(person):
    asked = Asked.about([person(0, windows=2), person(1, windows=1)], ProbeSettings(windows=2), STREAM)
    np.testing.assert_allclose(asked.means(torch.tensor([1.0, 3.0, 5.0])), [2, 5])


@pytest.mark.parametrize("bare", [True, False])
def test_a_loss_is_the_backbones_whichever_way_it_was_taken(backbone, planted, passes, bare):
    seen, t = passes(windows=2, bare=bare), 200
    with torch.no_grad(), seen.suspect.ready():
        expected = backbone.loss(seen.asked.windows, torch.full((6,), t), seen.noise(t))
    forward = seen.losses(t)
    seen.slopes(t)
    torch.testing.assert_close(forward.float(), expected)
    torch.testing.assert_close(seen.losses(t).float(), expected)


def test_slopes_are_each_windows_own_gradient(backbone, planted, passes):
    seen, t = passes(count=2, windows=2), 500
    gradients = seen.slopes(t).gradients
    for i in range(4):
        theta = planted.flatten().clone().requires_grad_()
        with adapted(backbone.denoiser, planted.unflatten(theta)):
            backbone.loss(
                seen.asked.windows[slice(i, i + 1)], torch.tensor([t]), seen.noise(t)[i : i + 1]
            ).backward()
        torch.testing.assert_close(gradients[i], theta.grad[0], rtol=1e-3, atol=1e-6)


def test_a_pass_is_made_once(passes, monkeypatch):
    seen, made = passes(), []
    plain = type(seen)._predict
    monkeypatch.setattr(type(seen), "_predict", lambda self, *args: made.append(1) or plain(self, *args))
    first = seen.predicted("clean", seen.clean, 0)
    assert seen.predicted("clean", seen.clean, 0) is first
    seen.predicted("clean", seen.clean, 200)
    assert len(made) == 2


def test_large_batches_are_predicted_in_chunks(passes, monkeypatch):
    whole = passes().predicted("clean", passes().clean, 200)
    monkeypatch.setattr("privtalk.attacks.probing.CHUNK", 2)
    torch.testing.assert_close(passes().predicted("clean", passes().clean, 200), whole, rtol=1e-4, atol=1e-5)


def test_a_timestep_beyond_the_last_is_refused(passes):
    with pytest.raises(ValueError, match="no timestep 1005 of 1000"):
        secmi(passes(timesteps=(995,)))
