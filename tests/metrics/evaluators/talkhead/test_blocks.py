"""What the in-domain networks are made of: shapes, company and weights from one generator."""

import pytest
import torch
from torch import nn

from privtalk.metrics.evaluators.talkhead.blocks import Residual, convolution, initialised, trunk


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def small(seed=0):
    return initialised(trunk(3, (8, 16)), generator(seed))


def images(count=4, seed=1):
    return torch.randn(count, 3, 24, 20, generator=generator(seed))


def test_every_stage_halves_the_picture():
    assert trunk(3, (8, 16, 24))(images()).shape == (4, 24, 3, 3)
    assert small()(images()).shape == (4, 16, 6, 5)


def test_a_residual_block_with_a_silent_body_is_the_identity():
    block = Residual(8)
    nn.init.zeros_(block.body[-2].weight)
    nn.init.zeros_(block.body[-2].bias)
    x = torch.randn(2, 8, 6, 6, generator=generator())
    torch.testing.assert_close(block(x), x)


def test_a_frame_is_read_alike_in_any_company():
    network = small()
    together, alone = network(images()), torch.cat([network(one[None]) for one in images()])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    network.eval()
    torch.testing.assert_close(network(images()), together)


def test_weights_come_from_the_generator_alone():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        first = small(5).state_dict()
        torch.manual_seed(2)
        again, other = small(5).state_dict(), small(6).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_fresh_weights_have_hes_spread_and_no_bias():
    layers = nn.ModuleList([nn.Conv2d(32, 64, 3), nn.Conv1d(16, 64, 5), nn.Linear(256, 128)])
    initialised(layers, generator())
    for layer, inputs in zip(layers, (32 * 9, 16 * 5, 256), strict=True):
        assert layer.weight.std().item() == pytest.approx((2 / inputs) ** 0.5, rel=0.05)
        assert not layer.bias.any()
    assert convolution(3, 8)[0].bias is None
