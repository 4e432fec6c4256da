"""Shadow worlds: who is in them, that stacking changes nothing, and that what they learn can be found."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privtalk.attacks.probing import Suspect, person_losses, probes
from privtalk.attacks.shadows import drawn_members, train_worlds
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import LANDMARK_DIM, ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.clients import ClientData, take

STREAM = partial(torch_stream, 11)
CONFIG = FederationConfig(windows=1, window_frames=2, lr=0.02)


@pytest.fixture(scope="module")
def backbone():
    return Backbone.tiny()


@pytest.fixture(scope="module")
def initial(backbone):
    return AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=2), STREAM)


@pytest.fixture(scope="module")
def people(backbone):
    shapes = (backbone.latent_shape, (backbone.config.audio.width,), (LANDMARK_DIM,))

    def person(index):
        generator = torch.Generator().manual_seed(index)
        still = [torch.randn(1, *shape, generator=generator) for shape in shapes]
        moving = [0.2 * torch.randn(6, *shape, generator=generator) for shape in shapes]
        return ClientData.of(
            index, [ClipFeatures(*(a + b for a, b in zip(still, moving, strict=True)), None)]
        )

    return [person(i) for i in range(8)]


@given(st.integers(1, 20), st.integers(1, 12), st.data())
def test_worlds_have_their_size_and_nobody_is_favoured(worlds, people, data):
    size = data.draw(st.integers(1, people))
    members = drawn_members(worlds, people, size, STREAM)
    assert (members.sum(1) == size).all()
    times = members.sum(0)
    assert times.max() - times.min() <= 2


def test_a_world_larger_than_the_people_is_refused():
    with pytest.raises(ValueError, match="a world needs 1 to 3 of them"):
        drawn_members(2, 3, 4, STREAM)


def test_stacked_worlds_are_worlds_trained_one_by_one(backbone, initial, people):
    members = np.eye(8, dtype=bool)[:3]
    stacked = train_worlds(backbone, initial, people, members, CONFIG, 3, STREAM)
    small = CONFIG.model_copy(update={"chunk": 1})
    alone = train_worlds(backbone, initial, people, members, small, 3, STREAM)
    torch.testing.assert_close(stacked.bank.flatten(), alone.bank.flatten(), rtol=1e-3, atol=1e-5)
    assert len(stacked.bank) == 3


def test_worlds_know_their_people(backbone, initial, people):
    members = np.eye(8, dtype=bool)[:4]
    worlds = train_worlds(backbone, initial, people, members, CONFIG, 30, STREAM)
    windows = [take(p.features, torch.tensor([2]), 2, torch.tensor([0])) for p in people]
    shared = probes(windows, STREAM, (300,))
    base = person_losses(Suspect(backbone=backbone, adapter=None), windows, shared)
    gains = np.stack(
        [
            base - person_losses(Suspect(backbone=backbone, adapter=worlds.bank.select([w])), windows, shared)
            for w in range(4)
        ]
    )
    own, others = gains[members], gains[~members]
    assert (own[:, None] > others).mean() > 0.9


def test_an_empty_world_is_refused(backbone, initial, people):
    with pytest.raises(ValueError, match="every world needs someone"):
        train_worlds(backbone, initial, people, np.zeros((2, 8), dtype=bool), CONFIG, 1, STREAM)
