"""Statistics against slow definitions, identities and a network that knows its training windows by heart."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from privtalk.attacks.membership.clid import clid, unconditional
from privtalk.attacks.membership.gsa import gsa1, gsa2, layer_norms
from privtalk.attacks.membership.loss import loss
from privtalk.attacks.membership.pfami import neighbour, pfami
from privtalk.attacks.membership.pia import initialised, pia
from privtalk.attacks.membership.pian import normalised, pian
from privtalk.attacks.membership.secmi import ddim, secmi
from privtalk.attacks.membership.sima import sima
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import AdapterConfig


class Memory:
    """The optimal denoiser of a training set: x̂_0 is the posterior mean over its windows [M, F, C, h, w]."""

    def __init__(self, backbone, windows):
        self.diffusion, self.denoiser, self.windows = backbone.diffusion, backbone.denoiser, windows

    def predict_noise(self, noisy, t, batch):
        a, s = self.diffusion.rates(t, noisy)
        distance = (noisy[:, None] - a[:, None] * self.windows).square().flatten(2).sum(2)
        weights = (-distance / (2 * s.flatten()[:, None] ** 2)).softmax(1)
        clean = torch.einsum("nm,mfchw->nfchw", weights, self.windows)
        return (noisy - a * clean) / s


@pytest.fixture
def remembered(backbone, passes):
    """Passes over six people, of whom the network knows the first three, at a timestep that tells them apart."""
    known = passes(count=3).asked.windows.latents
    return passes(count=6, predictor=Memory(backbone, known), timesteps=(100,))


@pytest.mark.parametrize("statistic", [loss, secmi, pia, pian, sima, pfami])
def test_a_network_that_knows_its_windows_gives_them_away(remembered, statistic):
    scores = statistic(remembered)
    assert scores[:3].min() > scores[3:].max()


@pytest.mark.parametrize("statistic", [loss, pia, pian])
def test_a_member_known_by_heart_scores_nearly_zero(remembered, statistic):
    assert statistic(remembered)[:3].abs().max() < 1e-3 * statistic(remembered)[3:].abs().min()


@pytest.mark.parametrize("statistic", [loss, secmi, pia, pian, sima, pfami, clid, gsa1, gsa2])
def test_one_score_a_window(passes, statistic):
    scores = statistic(passes(count=2, windows=2))
    assert scores.shape == (4,)
    assert scores.dtype == torch.float64
    assert scores.isfinite().all()


def test_loss_is_minus_the_mean_over_timesteps(passes):
    seen = passes()
    torch.testing.assert_close(loss(seen), -(seen.losses(200) + seen.losses(500)) / 2)


def test_ddim_steps_are_the_backbones(backbone, passes):
    seen = passes(bare=True)
    noisy, v = seen.clean, torch.flip(seen.clean, (0,))
    noise = backbone.diffusion.noise_from_velocity(noisy, v, torch.full((3,), 300))
    expected = backbone.diffusion.step(noisy, v, 300, 280)
    torch.testing.assert_close(ddim(seen, noisy, noise, 300, 280), expected, rtol=1e-4, atol=1e-5)


def test_secmi_is_a_multiple_of_the_change_in_predicted_noise(passes):
    seen = passes()
    scores, t, later = secmi(seen), 200, 210
    start = initialised(seen)
    up = ddim(seen, start, seen.predicted("proximal", start, t), t, later)
    change = seen.predicted("stepped", up, later) - seen.predicted("proximal", start, t)
    (a, s), (a_later, s_later) = seen.rates(t), seen.rates(later)
    factor = (s - a * s_later / a_later) ** 2
    torch.testing.assert_close(
        scores, -factor * change.double().square().flatten(1).mean(1), rtol=1e-2, atol=1e-12
    )


def test_pia_is_its_definition(backbone, planted, passes):
    seen, t = passes(count=1), torch.tensor([200])
    with torch.no_grad(), seen.suspect.ready():
        first = backbone.predict_noise(seen.clean, torch.tensor([0]), seen.asked.windows)
        again = backbone.predict_noise(backbone.add_noise(seen.clean, first, t), t, seen.asked.windows)
    expected = -(first - again).double().pow(4).mean()
    assert pia(seen).item() == pytest.approx(expected.item(), rel=1e-3)


def test_normalised_noise_has_the_size_of_a_standard_normal():
    noise = normalised(7 * torch.randn(3, 2, 4, 5, 5, generator=torch.Generator().manual_seed(0)))
    np.testing.assert_allclose(noise.abs().mean((1, 2, 3, 4)), math.sqrt(2 / math.pi), rtol=1e-5)


def test_a_network_that_always_predicts_the_same_has_no_proximal_error(backbone, passes):
    constant = SimpleNamespace(
        diffusion=backbone.diffusion,
        denoiser=backbone.denoiser,
        predict_noise=lambda x, t, b: torch.ones_like(x),
    )
    seen = passes(predictor=constant)
    for statistic, expected in ((pia, 0), (secmi, 0), (clid, 0), (sima, -1)):
        np.testing.assert_allclose(statistic(seen), expected, atol=1e-10)


def test_a_neighbour_is_a_crop_that_was_resized():
    x = torch.randn(2, 1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(x[:, 0, :, 2:6, 2:6], size=(8, 8), mode="bilinear", align_corners=False)
    inner = slice(1, 7)  # at the border torch repeats the crop's edge, where the window itself goes on
    torch.testing.assert_close(neighbour(x, 0.5)[:, 0, :, inner, inner], expected[..., inner, inner])
    torch.testing.assert_close(neighbour(x, 1.0), x, rtol=1e-5, atol=1e-5)


def test_without_conditions_nothing_of_the_person_is_left_but_landmarks(person):
    bare = unconditional(person(0))
    assert not bare.audio.any()
    assert not bare.reference.any()
    assert torch.equal(bare.landmarks, person(0).landmarks)


def test_clid_reads_conditions_alone(passes):
    """Where the windows come without conditions, there is nothing to gain from them."""
    seen = passes()
    bare = replace(seen, asked=replace(seen.asked, windows=unconditional(seen.asked.windows)), kept={})
    assert clid(seen).abs().min() > 1e-4
    np.testing.assert_allclose(clid(bare), 0, atol=1e-6)


def test_the_norm_of_a_mean_is_at_most_the_mean_of_norms(passes):
    seen = passes()
    assert (gsa1(seen) > gsa2(seen)).all()
    once = passes(timesteps=(300,))
    torch.testing.assert_close(gsa1(once), gsa2(once))


def test_layers_divide_a_gradient(backbone, initial):
    gradients = torch.randn(3, initial.dim, generator=torch.Generator().manual_seed(0))
    norms = layer_norms(gradients, initial)
    assert norms.shape == (3, len(initial.factors))
    torch.testing.assert_close(norms.square().sum(1), gradients.double().square().sum(1))


def test_a_frozen_factor_has_no_gradient(backbone):
    frozen = AdapterBank.initial(
        backbone.denoiser, AdapterConfig(rank=2, freeze_a=True), lambda *_: torch.Generator().manual_seed(0)
    )
    assert not layer_norms(torch.zeros(2, frozen.dim), frozen).any()
