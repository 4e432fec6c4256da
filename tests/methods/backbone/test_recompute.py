"""Less memory, the same bits: activations that are computed again."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone import recompute
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.local import train_stacked


@pytest.fixture
def tiny():
    return Backbone.tiny()


def trained(backbone, again):
    """Six clients after three steps."""
    backbone.recomputes = again
    stream = partial(torch_stream, 0)
    people = []
    for index in range(6):
        drawn = torch_stream(index, "clip")
        features = ClipFeatures(
            torch.randn(5, *backbone.latent_shape, generator=drawn),
            torch.randn(5, backbone.config.audio.width, generator=drawn),
            torch.rand(5, 78, generator=drawn),
            None,
        )
        people.append(ClientData.of(index, [features]))
    bank = AdapterBank.initial(backbone.denoiser, AdapterConfig(), stream)
    config = FederationConfig(local_steps=3, window_frames=2, lr=0.05)
    start = bank.flatten().repeat(len(people), 1)
    return train_stacked(backbone, bank, start, people, config, FedAvg(), stream, 0)


def test_training_has_the_same_bits(tiny, monkeypatch):
    kept = trained(tiny, again=False)
    again, count = recompute._again, []
    monkeypatch.setattr(recompute, "_again", lambda *inputs: count.append(1) or again(*inputs))
    computed = trained(tiny, again=True)
    assert len(count) > 0
    assert torch.equal(kept.theta, computed.theta)
    assert torch.equal(kept.gradient, computed.gradient)
    assert kept.gradient.abs().max() > 0


def test_without_the_adapters_of_the_forward_pass_the_gradient_would_be_another(tiny, monkeypatch):
    kept = trained(tiny, again=False)
    monkeypatch.setattr(recompute, "_adapted_as", lambda passes: recompute.nullcontext())
    try:
        lost = trained(tiny, again=True)
    except RuntimeError:  # torch notices where another number of tensors is kept
        return
    assert not torch.equal(kept.theta, lost.theta)


def test_the_network_is_as_before_outside(tiny):
    with recompute.recomputing(tiny.denoiser):
        pass
    assert not any(getattr(module, "gradient_checkpointing", False) for module in tiny.denoiser.modules())
