"""FFA-LoRA sends B alone, and averaging it loses nothing."""

from __future__ import annotations

import pytest
import torch

from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import AdapterConfig
from privtalk.methods.federation.residual import aggregation_residual
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.registry import METHODS, adapter_config, build

CONFIG = AdapterConfig(rank=2)


def run(name, backbone, clients, config, stream):
    template = AdapterBank.initial(backbone.denoiser, adapter_config(name, CONFIG), stream)
    federation = Federation(
        backbone=backbone,
        template=template,
        clients=clients,
        config=config,
        method=build(name),
        stream=stream,
    )
    return template, list(federate(federation))[-1]


def test_a_stays_and_nothing_is_lost(backbone, clients, config, stream):
    template, plain = run("fedavg", backbone, clients, config, stream)
    frozen, last = run("ffa_lora", backbone, clients, config, stream)
    assert frozen.dim < template.dim
    for name, layer in last.bank(frozen).factors.items():
        assert torch.equal(layer.a, template.factors[name].a)
        assert layer.b.abs().max() > 0
    lossy, lossless = plain.curves["residual"], last.curves["residual"]
    assert max(v for v in lossless if v is not None) < 1e-6
    assert max(v for v in lossy if v is not None) > 1e-3


def test_every_method_but_ffa_trains_the_configured_adapter():
    assert {name for name in METHODS if adapter_config(name, CONFIG) != CONFIG} == {"ffa_lora"}
    assert adapter_config("centralised", CONFIG) == CONFIG


def test_residual_by_hand(backbone, stream):
    """Two clients (A, B) and (−A, −B): the mean product is B A, the product of the means is 0."""
    template = AdapterBank.initial(backbone.denoiser, CONFIG, stream)
    theta = torch.randn(1, template.dim, generator=torch.Generator().manual_seed(0))
    assert aggregation_residual(template, torch.cat([theta, -theta])) == pytest.approx(1.0)
    assert aggregation_residual(template, theta.repeat(3, 1)) == pytest.approx(0.0, abs=1e-6)
    assert aggregation_residual(template, theta[:0]) is None
    assert aggregation_residual(template, template.flatten()) is None
