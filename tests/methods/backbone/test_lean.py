"""The lean network against diffusers' own: the same function, gradient, names and files."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from diffusers.models.attention import FeedForward
from torch import Tensor, nn

from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone import lean
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.lean import TiledFeedForward, gated, make_lean
from privtalk.methods.config import AdapterConfig

Maker = Callable[[], nn.Module]


def frozen(module: nn.Module) -> nn.Module:
    """The module in double precision, with weights that are neither 0 nor 1."""
    drawn = torch.Generator().manual_seed(5)
    for weight in module.parameters():
        weight.data = weight.data + 0.1 * torch.randn(weight.shape, generator=drawn)
    return module.double().eval().requires_grad_(False)


def unet() -> nn.Module:
    return frozen(plain_of(Backbone.tiny()).denoiser)


def plain_of(backbone: Backbone) -> Backbone:
    """The same network as diffusers made it."""
    made = Backbone.initial(backbone.config, 1)
    made.load_state_dict(backbone.state_dict())
    return made


def inputs(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def passed(denoiser: nn.Module, x: Tensor, dtype: torch.dtype = torch.float64) -> Tensor:
    """The network's output for `x` [N, C, h, w]."""
    n, config = len(x), denoiser.config
    tokens = inputs(2, n, 5, config.cross_attention_dim).to(dtype)
    labels = inputs(3, n, config.projection_class_embeddings_input_dim).to(dtype)
    made: Tensor = denoiser(x, torch.arange(n) * 100, tokens, class_labels=labels, return_dict=False)[0]
    return made


def with_gradient(call: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    given = x.clone().requires_grad_()
    out = call(given)
    (out * inputs(4, *out.shape)).sum().backward()
    assert given.grad is not None
    return out.detach(), given.grad


def test_the_network_gives_what_diffusers_gives_and_so_does_its_gradient() -> None:
    plain = unet()
    quick = copy.deepcopy(plain)
    make_lean(quick)
    kinds = {type(module) for module in quick.modules()}
    assert TiledFeedForward in kinds
    assert FeedForward not in kinds
    x = inputs(1, 6, plain.config.in_channels, 4, 4)
    for ours, theirs in zip(
        with_gradient(lambda x: passed(quick, x), x),
        with_gradient(lambda x: passed(plain, x), x),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-11)


def test_names_and_weights_stay() -> None:
    plain = unet()
    quick = copy.deepcopy(plain)
    make_lean(quick)
    make_lean(quick)
    assert list(quick.state_dict()) == list(plain.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(quick.parameters(), plain.parameters(), strict=True))


def test_freezing_makes_lean_and_training_does_not() -> None:
    backbone = Backbone.tiny()
    assert any(type(module) is TiledFeedForward for module in backbone.denoiser.modules())
    assert not any(type(module) is TiledFeedForward for module in plain_of(backbone).denoiser.modules())


def test_a_lean_network_can_be_copied() -> None:
    backbone = Backbone.tiny()
    again = copy.deepcopy(backbone.denoiser)
    assert any(type(module) is TiledFeedForward for module in again.modules())
    assert list(again.state_dict()) == list(backbone.denoiser.state_dict())


@pytest.fixture
def layer() -> nn.Module:
    made = frozen(FeedForward(8, activation_fn="geglu"))
    make_lean(made)
    return made


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 40])
def test_tiles_are_the_whole(layer: nn.Module, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(lean, "TILE", 8)
    plain = copy.deepcopy(layer)
    plain.__class__ = FeedForward
    x = inputs(6, rows, 3, 8)
    for ours, theirs in zip(with_gradient(layer, x), with_gradient(plain, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


def test_the_gradient_of_tiles_can_be_differentiated(layer: nn.Module) -> None:
    x = inputs(7, 2, 8).requires_grad_()
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


def test_what_is_trained_or_watched_takes_diffusers_way(
    layer: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise AssertionError("tiles must not be used")

    monkeypatch.setattr(lean._Gated, "apply", refuse)
    x, last = inputs(8, 2, 8), layer.net[2]
    with pytest.raises(AssertionError, match="tiles"):
        layer(x)
    seen: list[int] = []
    handle = last.register_forward_hook(lambda *_: seen.append(1))
    layer(x)
    handle.remove()
    last.forward = lambda x: torch.zeros_like(x[..., :8])
    assert torch.equal(layer(x), torch.zeros_like(x))
    del last.forward
    layer.requires_grad_(True)
    layer(x).sum().backward()
    assert seen == [1]
    assert last.weight.grad is not None


def test_gated_is_diffusers() -> None:
    layer = frozen(FeedForward(8, activation_fn="geglu"))
    first, last, x = layer.net[0].proj, layer.net[2], inputs(14, 4, 8)
    assert torch.equal(gated(x, first.weight, first.bias, last.weight, last.bias), layer(x))


def test_half_precision_takes_diffusers_way() -> None:
    plain = frozen(FeedForward(8, activation_fn="geglu")).float()
    quick = copy.deepcopy(plain)
    make_lean(quick)
    rows = inputs(17, 4, 8).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(quick(rows), plain(rows))


def test_convolutions_keep_channels_last() -> None:
    weight = Backbone.tiny().denoiser.conv_in.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_an_adapter_of_attention_that_does_nothing_changes_no_bit() -> None:
    """Controls compare a network with it to the one without; only layers that are adapted leave their tiles."""
    backbone = Backbone.tiny()
    bank = AdapterBank.initial(backbone.denoiser, AdapterConfig(), partial(torch_stream, 0))
    x = inputs(18, 6, backbone.denoiser.config.in_channels, 4, 4)
    with torch.no_grad():
        plain = passed(backbone.denoiser, x.float(), torch.float32)
        with adapted(backbone.denoiser, bank):
            assert torch.equal(passed(backbone.denoiser, x.float(), torch.float32), plain)
