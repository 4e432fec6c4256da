"""A toy world: people around a signature of their own, a tiny backbone and adapters trained on a few of them."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from privtalk.attacks.membership.passes import Asked, Passes, ProbeSettings
from privtalk.attacks.probing import Suspect
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import LANDMARK_DIM, Batch
from privtalk.methods.config import AdapterConfig

STREAM = partial(torch_stream, 11)


@pytest.fixture(scope="session")
def backbone() -> Backbone:
    return Backbone.tiny()


@pytest.fixture(scope="session")
def initial(backbone) -> AdapterBank:
    """Wide enough for a random network to learn people by heart in seconds."""
    config = AdapterConfig(rank=32, alpha=64, targets=("*.to_v", "*.to_out.0", "*.conv*", "*proj*", "*ff*"))
    return AdapterBank.initial(backbone.denoiser, config, STREAM)


@pytest.fixture(scope="session")
def person(backbone):
    """(number, windows, footage) -> windows of that person; other footage is other windows."""

    def make(index: int, windows: int = 1, footage: str = "exact", frames: int = 1) -> Batch:
        def draw(name, *shape):
            return torch.randn(shape, generator=STREAM("person", index, name))

        def around(name, spread, *shape):
            own = draw(f"{name} {footage}", windows, frames, *shape)
            return draw(name, *shape) + spread * own

        return Batch(
            latents=around("latents", 0.1, *backbone.latent_shape),
            audio=around("audio", 0.3, backbone.config.audio.width),
            landmarks=around("landmarks", 0.3, LANDMARK_DIM),
            reference=draw("reference", *backbone.latent_shape).expand(windows, -1, -1, -1),
            reference_landmarks=draw("where", windows, LANDMARK_DIM),
        )

    return make


@pytest.fixture(scope="session")
def taught(backbone, initial):
    """(people, steps) -> the initial adapter after full-batch Adam on their windows."""

    def train(people, steps=120, lr=1e-2) -> AdapterBank:
        batch = Batch.concatenate(list(people))
        flat = initial.flatten().clone().requires_grad_()
        optimiser = torch.optim.Adam([flat], lr=lr)
        for step in range(steps):
            t = torch.randint(600, (len(batch),), generator=STREAM("train", step, "t"))
            noise = torch.randn(batch.latents.shape, generator=STREAM("train", step))
            with adapted(backbone.denoiser, initial.unflatten(flat)):
                loss = backbone.loss(batch, t, noise).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        return initial.unflatten(flat.detach())

    return train


@pytest.fixture(scope="session")
def planted(taught, person) -> AdapterBank:
    """Trained on the exact footage of people 0 to 5."""
    return taught([person(i) for i in range(6)])


@pytest.fixture
def passes(backbone, initial, planted, person):
    """(people, settings, bare) -> passes of the planted adapter, or of the bare backbone."""

    def make(count=3, windows=1, bare=False, predictor=None, **settings) -> Passes:
        chosen = ProbeSettings(**({"windows": windows} | settings))
        asked = Asked.about([person(i, windows) for i in range(count)], chosen, STREAM)
        network = predictor or backbone
        suspect = Suspect(backbone=network, adapter=None if bare or predictor else planted)
        return Passes(suspect=suspect, asked=asked, initial=initial)

    return make
