"""Counts of operations against a count by hand, and bytes that autograd keeps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from privtalk.bench.tasks.talking_head import benchmark
from privtalk.bench.tasks.talking_head.benchmark import measure_steps, saved_bytes
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig, FederationConfig


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(benchmark, "SECONDS", 0.0)


@pytest.fixture(scope="module")
def tiny():
    return Backbone.tiny()


def by_hand(backbone, work):
    """2 x multiplications of every convolution and linear layer that ran."""
    total = []

    def count(module, inputs, output):
        each = module.weight.numel() // (1 if isinstance(module, nn.Linear) else module.weight.shape[0])
        if isinstance(module, nn.Linear):
            total.append(2 * each * output.numel() // module.out_features)
        elif isinstance(module, nn.ConvTranspose2d):
            total.append(2 * inputs[0].numel() * module.weight[0].numel())
        else:
            total.append(2 * each * output.numel())

    kinds = (nn.Linear, nn.Conv2d, nn.Conv1d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in backbone.modules() if isinstance(m, kinds)]
    try:
        work()
    finally:
        for hook in hooks:
            hook.remove()
    return sum(total)


def test_operations_are_those_of_layers_counted_by_hand_and_of_attention(tiny):
    found = measure_steps(tiny, AdapterConfig(), FederationConfig(window_frames=2))
    frames = torch.zeros(8, 32, 32, 3, dtype=torch.uint8)
    layers = by_hand(tiny, lambda: tiny.encode(frames)) / 8
    channels, places = 8, 4 * 4
    attention = 4 * channels * places**2  # query by key, and by value, in the middle block
    assert found.encode.flops == pytest.approx(layers + attention, rel=1e-6)
    drawn = benchmark._drawn(tiny, FederationConfig(window_frames=2), 12)
    layers = by_hand(tiny, lambda: benchmark._forward(tiny, AdapterConfig(), drawn)) / 24
    assert layers < found.forward.flops < 1.2 * layers


def test_a_step_is_worth_two_to_three_passes_and_keeps_bytes_by_frames(tiny):
    found = measure_steps(tiny, AdapterConfig(), FederationConfig(window_frames=2))
    longer = measure_steps(tiny, AdapterConfig(), FederationConfig(window_frames=4))
    assert 1.5 < found.step.flops / found.forward.flops < 3
    assert longer.forward.flops == pytest.approx(found.forward.flops, rel=0.1)
    assert longer.saved_bytes == pytest.approx(found.saved_bytes, rel=0.25)  # a window has one reference
    assert min(found.forward.seconds, found.step.seconds, found.encode.seconds, found.decode.seconds) > 0


def test_bytes_are_counted_once_a_storage_and_without_frozen_weights():
    x, weight = torch.ones(10, 10, requires_grad=True), nn.Parameter(torch.ones(10, 10))
    assert saved_bytes(lambda: (x.exp() * 2).sum().backward()) == 400
    assert saved_bytes(lambda: (x @ weight).sum().backward()) == 400
    with torch.no_grad():
        assert saved_bytes(lambda: x.exp().sum()) == 0


def test_threads_are_as_before_afterwards():
    before = torch.get_num_threads()
    with benchmark.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
