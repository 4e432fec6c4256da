"""GIDM and GIDM+ on the toy backbone: a planted positive with known noise, and what guessing costs."""

from dataclasses import replace

import torch

from privtalk.attacks.reconstruction.gidm import Phases, best_timesteps, gidm, gidm_plus
from privtalk.attacks.reconstruction.matching import Descent
from privtalk.attacks.reconstruction.prior import PublicPrior
from privtalk.attacks.reconstruction.problem import InversionSetting, Secrets, made, secret_noise
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm
from tests.attacks.reconstruction.toys import BACKBONE, PUBLIC, START, TEMPLATE, messages, person, stream

RECIPE = LocalAlgorithm(optimizer="sgd", lr=0.1, steps=1, frames=2)
CLIENTS = (0, 1)
TRUTH = torch.cat([person(c).latents[:1] for c in CLIENTS])
PRIOR = PublicPrior.of(PUBLIC)
QUICK = Phases(
    span=Descent(steps=25, lr=0.1), free=Descent(steps=70, lr=0.05), every=35, grid=(100, 300, 700)
)


def setting_and_secrets():
    sent, draws = messages(CLIENTS, RECIPE, t=300)
    setting = InversionSetting(
        backbone=BACKBONE, template=TEMPLATE, algorithm=RECIPE, prior=PRIOR, start=START, seen=sent
    )
    return setting, Secrets(steps=draws, conditions=True)


def error(latents):
    """[K] mean squared error relative to the prior mean's."""
    flat = lambda x: x.square().flatten(1).mean(1)  # noqa: E731
    return flat(latents - TRUTH) / flat(PRIOR.mean - TRUTH)


def test_the_true_latents_give_the_message_seen():
    setting, secrets = setting_and_secrets()
    again = made(setting, TRUTH, *secret_noise(secrets), secrets)
    torch.testing.assert_close(again, setting.seen, atol=1e-6, rtol=1e-3)


def test_known_noise_gives_the_latents_back_and_guessed_noise_does_not():
    setting, secrets = setting_and_secrets()
    found = gidm(setting, secrets, QUICK)
    assert found.loss.max() < 0.1 * found.history[0].max() + 1e-3
    assert error(found.unknowns[0]).max() < 0.5
    guessed = gidm_plus(setting, 2, stream("guess"), QUICK)
    assert guessed.loss.max() < guessed.history[0].max()
    assert error(guessed.unknowns[0]).mean() > 1.5 * error(found.unknowns[0]).mean()


def test_latents_in_the_secrets_are_never_read():
    setting, secrets = setting_and_secrets()
    steps = tuple(replace(d, batch=replace(d.batch, latents=0 * d.batch.latents)) for d in secrets.steps)
    blank = Secrets(steps=steps, conditions=True)
    brief = Phases(span=Descent(steps=3), free=Descent(steps=3))
    assert torch.equal(gidm(setting, secrets, brief).unknowns[0], gidm(setting, blank, brief).unknowns[0])


def test_the_true_timestep_is_picked_from_the_grid():
    setting, secrets = setting_and_secrets()
    noise, t = secret_noise(secrets)
    assert torch.equal(best_timesteps(setting, TRUTH, noise, (100, 300, 700)), t)


def test_both_phases_report():
    setting, secrets = setting_and_secrets()
    seen = []
    gidm(setting, secrets, Phases(span=Descent(steps=2), free=Descent(steps=3)), seen.append)
    assert [s.steps for s in seen] == [2] * 3 + [3] * 4
    assert all(s.picture.shape == TRUTH.shape for s in seen)


def test_secrets_of_some_victims():
    _, secrets = setting_and_secrets()
    assert secrets.of(torch.tensor([1])).steps[0].noise.shape[0] == 1
