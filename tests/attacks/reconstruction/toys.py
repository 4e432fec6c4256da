"""A small world on the toy backbone: faces from a few factors, clients that train as clients do."""

from dataclasses import replace
from functools import partial

import torch

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm, update
from privtalk.attacks.views import ServerRound, ServerView
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.config import AdapterConfig
from privtalk.methods.federation.clients import Draw

stream = partial(torch_stream, 5)
BACKBONE = Backbone.tiny()
SHAPE = BACKBONE.latent_shape
FACTORS = 3
CONFIG = AdapterConfig(rank=4, alpha=8, targets=("*.to_v", "*.to_out.0"))
TEMPLATE = AdapterBank.initial(BACKBONE.denoiser, CONFIG, stream)
START = TEMPLATE.flatten()[0] + 0.05 * torch.randn(TEMPLATE.dim, generator=stream("moved"))
"""An adapter with B ≠ 0."""
RECIPE = LocalAlgorithm(optimizer="sgd", lr=0.1, steps=2, frames=2)


def randn(*shape, name):
    return torch.randn(shape, generator=stream("toy", *name))


def person(index, windows=2, frames=2):
    """Windows of a face with three factors of its own, and a little that differs by frame."""
    basis = randn(FACTORS, *SHAPE, name=("basis",))
    face = torch.einsum("j,jchw->chw", 1.5 * randn(FACTORS, name=("factors", index)), basis)
    latents = face + 0.05 * randn(windows, frames, *SHAPE, name=("frames", index))
    width = BACKBONE.config.audio.width
    return Batch(
        latents=latents,
        audio=0.1 * randn(windows, frames, width, name=("audio", index)),
        landmarks=0.1 * randn(windows, frames, 78, name=("landmarks", index)),
        reference=latents[:, 0],
        reference_landmarks=torch.zeros(windows, 78),
    )


def drawn(people, name, steps=2, t=None):
    """One window a step of each person, with timesteps and noise."""
    found = []
    for s in range(steps):
        batch = Batch.concatenate([p[slice(s % len(p), s % len(p) + 1)] for p in people])
        when = torch.randint(1000, (len(people),), generator=stream(name, s, "t")) if t is None else None
        when = torch.full((len(people),), t) if when is None else when
        found.append(Draw(batch=batch, t=when, noise=randn(*batch.latents.shape, name=(name, s))))
    return tuple(found)


PUBLIC = [person(1000 + i) for i in range(20)]


def messages(clients, recipe=RECIPE, start=START, name="messages", **settings):
    draws = drawn([person(c) for c in clients], name, recipe.steps, **settings)
    return update(BACKBONE, TEMPLATE, start.expand(len(clients), -1), draws, recipe), draws


def view_of(sent, clients):
    only = ServerRound(number=0, adapter=START, cohort=tuple(clients), messages=sent)
    return ServerView(backbone=BACKBONE, rounds=(only,))


def knowledge():
    return Knowledge(people=[], public=PUBLIC, initial=TEMPLATE, stream=stream)


def frames_of(clients):
    return torch.stack([BACKBONE.decode(person(c).latents[0]) for c in clients])


def adam(**changes):
    return replace(RECIPE, optimizer="adam", lr=2e-3, **changes)
