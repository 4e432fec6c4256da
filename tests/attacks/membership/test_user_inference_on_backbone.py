"""User inference on a real (tiny, random) backbone with real LoRA banks."""

import numpy as np
import pytest
import torch

from privtalk.attacks.controls import gaussian_update
from privtalk.attacks.membership.user_inference import user_inference
from privtalk.attacks.roc import auc_interval
from privtalk.attacks.views import ReleaseView
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.config import AdapterConfig

STEPS = (300, 700)


def stream(*names):
    return torch_stream(3, *names)


@pytest.fixture(scope="module")
def backbone():
    return Backbone.tiny()


@pytest.fixture(scope="module")
def initial(backbone):
    return AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=4, alpha=4), stream)


def person(backbone, index, windows=2, frames=2):
    def draw(name, *shape):
        return torch.randn(shape, generator=stream("person", index, name))

    width = backbone.config.audio.width * backbone.config.audio.tokens
    return Batch(
        latents=draw("mean", *backbone.latent_shape)
        + 0.1 * draw("own", windows, frames, *backbone.latent_shape),
        audio=draw("audio", windows, frames, width),
        landmarks=draw("landmarks", windows, frames, 78),
        reference=draw("reference", windows, *backbone.latent_shape),
        reference_landmarks=draw("where", windows, 78),
    )


def trained(backbone, bank, people, steps=30):
    """The bank after full-batch Adam on `people`'s windows, at the attack's timesteps."""
    batch = Batch.concatenate(list(people))
    flat = bank.flatten().clone().requires_grad_()
    optimiser = torch.optim.Adam([flat], lr=4e-2)
    for step in range(steps):
        t = torch.full((len(batch),), STEPS[step % len(STEPS)])
        noise = torch.randn(batch.latents.shape, generator=stream("train", step))
        with adapted(backbone.denoiser, bank.unflatten(flat)):
            loss = backbone.loss(batch, t, noise).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return bank.unflatten(flat.detach())


def test_a_never_trained_adapter_scores_exactly_zero(backbone, initial):
    people = [person(backbone, i) for i in range(3)]
    scores = user_inference(ReleaseView(backbone=backbone, adapter=initial), people, stream, STEPS)
    np.testing.assert_array_equal(scores, 0)


def test_an_adapter_overfitted_to_its_members_gives_them_away(backbone, initial):
    members, others = ([person(backbone, i) for i in group] for group in (range(4), range(4, 16)))
    released = trained(backbone, initial, members)
    view = ReleaseView(backbone=backbone, adapter=released)
    scores = user_inference(view, [*members, *others], stream, STEPS)
    interval = auc_interval(scores[:4], scores[4:])
    assert interval.value > 0.9
    assert interval.low > 0.5


def test_a_gaussian_update_moves_the_bank_as_far(backbone, initial):
    released = initial.unflatten(initial.flatten() + 0.01)
    random = gaussian_update(released, initial, stream("gaussian"))
    moved, drawn = (bank.flatten() - initial.flatten() for bank in (released, random))
    assert drawn.norm().item() == pytest.approx(moved.norm().item(), rel=1e-4)


def test_a_bank_of_several_is_no_release(backbone, initial):
    with pytest.raises(ValueError, match="this bank holds 2"):
        ReleaseView(backbone=backbone, adapter=initial.repeat(2))
