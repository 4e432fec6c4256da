"""The lean network against diffusers' own: the same function, gradient, names and files."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from diffusers.models.attention import FeedForward
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from privtalk.methods.backbone import lean
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.lean import LeanAttention, LeanResidual, TiledFeedForward, gated, make_lean

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


def passed(denoiser: nn.Module, x: Tensor) -> Tensor:
    """The network's output for `x` [N, C, h, w]."""
    n, config = len(x), denoiser.config
    tokens = inputs(2, n, 5, config.cross_attention_dim)
    labels = inputs(3, n, config.projection_class_embeddings_input_dim)
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
    assert {TiledFeedForward, LeanResidual} <= kinds
    assert not {FeedForward, ResnetBlock2D} & kinds
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


@pytest.mark.parametrize("keys", [1, 5, 9])
def test_attention_is_diffusers(keys: int) -> None:
    plain = frozen(Attention(16, cross_attention_dim=12, heads=4, dim_head=4))
    quick = copy.deepcopy(plain)
    make_lean(quick)
    assert type(quick.processor) is LeanAttention
    assert type(plain.processor) is AttnProcessor2_0
    x, tokens = inputs(9, 3, 6, 16), inputs(10, 3, keys, 12)
    for ours, theirs in zip(
        with_gradient(lambda x: quick(x, tokens), x),
        with_gradient(lambda x: plain(x, tokens), x),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    for ours, theirs in zip(
        with_gradient(lambda tokens: quick(x, tokens), tokens),
        with_gradient(lambda tokens: plain(x, tokens), tokens),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_attention_that_is_more_than_projections_is_left_alone() -> None:
    scaled = frozen(Attention(8, heads=2, dim_head=4, rescale_output_factor=2.0))
    quick = copy.deepcopy(scaled)
    make_lean(quick)
    x = inputs(11, 2, 3, 8)
    assert torch.equal(quick(x), scaled(x))


def test_residual_blocks_have_the_same_bits() -> None:
    plain = frozen(ResnetBlock2D(in_channels=8, out_channels=12, temb_channels=6, groups=4))
    quick = copy.deepcopy(plain)
    quick.__class__ = LeanResidual
    x, time = inputs(12, 2, 8, 4, 4), inputs(13, 2, 6)
    for ours, theirs in zip(
        with_gradient(lambda x: quick(x, time), x), with_gradient(lambda x: plain(x, time), x), strict=True
    ):
        assert torch.equal(ours, theirs)


def test_residual_blocks_that_resample_are_left_alone() -> None:
    block = ResnetBlock2D(in_channels=8, temb_channels=6, groups=4, down=True)
    make_lean(block)
    assert type(block) is ResnetBlock2D


def test_gated_is_diffusers() -> None:
    layer = frozen(FeedForward(8, activation_fn="geglu"))
    first, last, x = layer.net[0].proj, layer.net[2], inputs(14, 4, 8)
    assert torch.equal(gated(x, first.weight, first.bias, last.weight, last.bias), layer(x))


def test_half_precision_takes_diffusers_way() -> None:
    plain = frozen(FeedForward(8, activation_fn="geglu")).float()
    block = frozen(ResnetBlock2D(in_channels=8, temb_channels=6, groups=4)).float()
    quick, residual = copy.deepcopy(plain), copy.deepcopy(block)
    for layer in (quick, residual):
        make_lean(layer)
    residual.__class__ = LeanResidual
    x, time, rows = inputs(15, 2, 8, 4, 4).float(), inputs(16, 2, 6).float(), inputs(17, 4, 8).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(quick(rows), plain(rows))
        torch.testing.assert_close(residual(x, time), block(x, time), rtol=0.05, atol=0.05)
