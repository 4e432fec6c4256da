"""A federation of the attacker's own people says how strong attacks on messages are."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.planted_messages import message_strengths, own_federation
from privtalk.attacks.server import SUM_ATTACKS, server_attacks
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import LANDMARK_DIM, ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.clients import ClientData, take

STREAM = partial(torch_stream, 4)
CLIENTS, PEOPLE = 8, 16
CONFIG = FederationConfig(
    windows=1, window_frames=2, local_steps=2, lr=0.01, rate=0.1, secure_aggregation=True
)


@pytest.fixture(scope="module")
def backbone():
    return Backbone.tiny()


@pytest.fixture(scope="module")
def initial(backbone):
    return AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=4), STREAM)


@pytest.fixture(scope="module")
def people(backbone):
    shapes = (backbone.latent_shape, (backbone.config.audio.width,), (LANDMARK_DIM,))

    def person(index):
        generator = torch.Generator().manual_seed(index)
        still = [2 * torch.randn(1, *shape, generator=generator) for shape in shapes]
        moving = [0.2 * torch.randn(6, *shape, generator=generator) for shape in shapes]
        return ClientData.of(
            index, [ClipFeatures(*(a + b for a, b in zip(still, moving, strict=True)), None)]
        )

    return [person(i) for i in range(PEOPLE)]


@pytest.fixture(scope="module")
def view(backbone, initial, people):
    return own_federation(backbone, initial, people[:CLIENTS], CONFIG, 2, STREAM)


def test_everybody_takes_part_in_every_round_in_the_clear(view, initial):
    assert [r.number for r in view.rounds] == [0, 1]
    for r in view.rounds:
        assert r.cohort == tuple(range(CLIENTS))
        assert r.messages.shape == (CLIENTS, initial.dim)
        assert r.messages.norm(dim=1).min() > 0
    assert not torch.equal(view.rounds[0].adapter, view.rounds[1].adapter)


def test_every_attack_on_messages_has_a_strength(view, initial, people):
    windows = [take(p.features, torch.tensor([2]), 2, torch.tensor([0])) for p in people]
    knowledge = Knowledge(people=windows, public=[], initial=initial, stream=STREAM)
    looks = {i: {"glasses": "round" if i % 2 else "none"} for i in range(CLIENTS)}
    truth = PairLabels(
        own={i: i for i in range(CLIENTS)}, strangers=tuple(range(CLIENTS, PEOPLE)), attributes=looks
    )
    found = message_strengths(view, knowledge, truth, "toy federation")
    assert set(found) <= {*server_attacks(), *SUM_ATTACKS}
    assert {"update_cosine", "fedmia", "span", "distinguishing", "span_on_sums"} <= set(found)
    assert found["update_cosine"].estimate.low > 0.5
    assert found["distinguishing"].estimate.low > 0.5
    assert found["update_cosine"].planted == "toy federation"
