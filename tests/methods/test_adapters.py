"""The stacked forward against explicit weights and against peft; the bank's own algebra."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from privtalk.core import torchvision_guard as torchvision_guard
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank, AddedToFrozen, Factors, adapted, target_layers
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig


def randomised(bank: AdapterBank, k: int, seed: int = 0) -> AdapterBank:
    """Bank of k adapters with random B (and A, unless frozen)."""
    noise = torch.randn(k, bank.dim, generator=torch.Generator().manual_seed(seed))
    return bank.unflatten(bank.flatten() + 0.3 * noise)


def inputs(backbone: Backbone, rows: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(1)
    _, h, w = backbone.latent_shape
    unet = backbone.denoiser
    return (
        torch.randn(rows, unet.config.in_channels, h, w, generator=g),
        torch.randint(1000, (rows,), generator=g),
        torch.randn(rows, 3, unet.config.cross_attention_dim, generator=g),
        torch.randn(rows, unet.config.projection_class_embeddings_input_dim, generator=g),
    )


def run(unet: nn.Module, rows: tuple[Tensor, ...], part: slice = slice(None)) -> Tensor:
    x, t, tokens, vector = (r[part] for r in rows)
    return unet(x, t, tokens, class_labels=vector, return_dict=False)[0]


def merged(unet: nn.Module, bank: AdapterBank, k: int) -> nn.Module:
    """The definition: W + scale · B A in every layer."""
    out = copy.deepcopy(unet)
    for name, factors in bank.factors.items():
        layer = out.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        layer.weight.data += bank.config.alpha / bank.config.rank * factors.b[k] @ factors.a[k]
    return out


@pytest.mark.parametrize("freeze_a", [False, True])
def test_block_k_of_the_rows_sees_adapter_k(backbone: Backbone, stream: Stream, freeze_a: bool) -> None:
    bank = randomised(
        AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=3, freeze_a=freeze_a), stream), 3
    )
    rows = inputs(backbone, 6)
    with torch.no_grad(), adapted(backbone.denoiser, bank):
        stacked = run(backbone.denoiser, rows)
    for k in range(3):
        part = slice(2 * k, 2 * k + 2)
        expected = run(merged(backbone.denoiser, bank, k), rows, part)
        torch.testing.assert_close(stacked[part], expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(stacked, run(backbone.denoiser, rows), atol=1e-3)


def test_bank_of_one_serves_all_rows(backbone: Backbone, template: AdapterBank) -> None:
    bank, rows = randomised(template, 1), inputs(backbone, 5)
    with torch.no_grad(), adapted(backbone.denoiser, bank):
        out = run(backbone.denoiser, rows)
    torch.testing.assert_close(out, run(merged(backbone.denoiser, bank, 0), rows), rtol=1e-4, atol=1e-5)


def test_initial_adapters_change_nothing(backbone: Backbone, template: AdapterBank) -> None:
    rows = inputs(backbone, 4)
    with adapted(backbone.denoiser, template.repeat(2)):
        out = run(backbone.denoiser, rows)
    assert torch.equal(out, run(backbone.denoiser, rows))


def test_denoiser_is_restored_also_after_an_error(backbone: Backbone, template: AdapterBank) -> None:
    rows = inputs(backbone, 2)
    before = run(backbone.denoiser, rows)
    with pytest.raises(RuntimeError, match="stop"), adapted(backbone.denoiser, randomised(template, 1)):
        raise RuntimeError("stop")
    assert torch.equal(run(backbone.denoiser, rows), before)


def test_gradients_reach_adapters_only(backbone: Backbone, template: AdapterBank) -> None:
    theta = randomised(template, 2).flatten().requires_grad_()
    with adapted(backbone.denoiser, template.unflatten(theta)):
        run(backbone.denoiser, inputs(backbone, 4)).square().sum().backward()
    assert theta.grad is not None
    assert (theta.grad != 0).float().mean() > 0.9
    assert all(p.grad is None for p in backbone.parameters())


def test_rows_that_do_not_divide_are_refused(backbone: Backbone, template: AdapterBank) -> None:
    with (
        pytest.raises(ValueError, match="3 rows cannot be divided among 2"),
        adapted(backbone.denoiser, template.repeat(2)),
    ):
        run(backbone.denoiser, inputs(backbone, 3))


def test_foreign_bank_is_refused(backbone: Backbone) -> None:
    bank = AdapterBank(
        config=AdapterConfig(), factors={"x.to_q": Factors(torch.zeros(1, 2, 4), torch.zeros(1, 4, 2))}
    )
    with pytest.raises(ValueError, match=r"no layer 'x.to_q'"), adapted(backbone.denoiser, bank):
        pass


def test_targets(backbone: Backbone) -> None:
    every = target_layers(backbone.denoiser, AdapterConfig())
    values = target_layers(backbone.denoiser, AdapterConfig(targets=("up_blocks.*.to_v",)))
    assert len(every) % 8 == 0
    assert {name.rsplit(".to_")[1] for name in every} == {"q", "k", "v", "out.0"}
    assert all(name.startswith("up_blocks") and name.endswith("to_v") for name in values)
    with pytest.raises(ValueError, match="no linear layer"):
        target_layers(backbone.denoiser, AdapterConfig(targets=("nothing",)))


def test_initial_is_peft_s_distribution_and_a_named_stream(backbone: Backbone, stream: Stream) -> None:
    bank = AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=64), stream)
    fewer = AdapterBank.initial(
        backbone.denoiser, AdapterConfig(rank=64, targets=("up_blocks.*.to_v",)), stream
    )
    for name, (a, b) in bank.factors.items():
        bound = 1 / math.sqrt(a.shape[2])
        assert a.abs().max() <= bound
        assert a.std() == pytest.approx(bound / math.sqrt(3), rel=0.1)
        assert not b.any()
        if name in fewer.factors:
            assert torch.equal(fewer.factors[name].a, a)


@settings(max_examples=20, deadline=None)
@given(k=st.integers(1, 4), rank=st.integers(1, 3), freeze_a=st.booleans(), seed=st.integers(0, 99))
def test_flatten_and_unflatten_are_inverse(k: int, rank: int, freeze_a: bool, seed: int) -> None:
    layers = nn.ModuleDict({"to_q": nn.Linear(5, 4), "to_v": nn.Linear(3, 6)})
    config = AdapterConfig(rank=rank, freeze_a=freeze_a, targets=("*",))
    bank = AdapterBank.initial(layers, config, lambda *names: torch.Generator().manual_seed(seed))
    assert bank.dim == rank * (4 + 6 + (0 if freeze_a else 5 + 3))
    flat = torch.randn(k, bank.dim, generator=torch.Generator().manual_seed(seed))
    again = bank.unflatten(flat)
    assert len(again) == k
    assert torch.equal(again.flatten(), flat)
    assert torch.equal(again.select([k - 1, 0]).flatten(), flat[[k - 1, 0]])
    if freeze_a:
        assert torch.equal(again.factors["to_q"].a, bank.factors["to_q"].a.expand(k, -1, -1))
    with pytest.raises(ValueError, match="was the configuration changed"):
        bank.unflatten(flat[:, 1:])


@pytest.mark.parametrize("freeze_a", [False, True])
def test_round_trip_to_peft_s_files(
    template: AdapterBank, stream: Stream, backbone: Backbone, tmp_path: Path, freeze_a: bool
) -> None:
    bank = randomised(AdapterBank.initial(backbone.denoiser, AdapterConfig(freeze_a=freeze_a), stream), 2)
    bank.to_peft(tmp_path, k=1)
    again = AdapterBank.from_peft(tmp_path)
    assert again.config == bank.config
    assert list(again.factors) == list(bank.factors)
    for name, factors in again.factors.items():
        assert torch.equal(factors.a[0], bank.factors[name].a[1])
        assert torch.equal(factors.b[0], bank.factors[name].b[1])


def test_peft_loads_our_files(backbone: Backbone, template: AdapterBank, tmp_path: Path) -> None:
    from peft import PeftModel

    bank, rows = randomised(template, 2), inputs(backbone, 2)
    bank.to_peft(tmp_path, k=1)
    model = PeftModel.from_pretrained(copy.deepcopy(backbone.denoiser), str(tmp_path)).eval()
    with torch.no_grad(), adapted(backbone.denoiser, bank.select([1])):
        torch.testing.assert_close(run(backbone.denoiser, rows), run(model, rows), rtol=1e-4, atol=1e-5)


def test_we_load_peft_s_files(backbone: Backbone, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    with torch.random.fork_rng():
        torch.manual_seed(0)
        lora = LoraConfig(r=3, lora_alpha=5, target_modules=["to_q", "to_v"], init_lora_weights=False)
        model = get_peft_model(copy.deepcopy(backbone.denoiser), lora).eval()
    model.save_pretrained(str(tmp_path))
    bank, rows = AdapterBank.from_peft(tmp_path), inputs(backbone, 2)
    with torch.no_grad(), adapted(backbone.denoiser, bank):
        torch.testing.assert_close(run(backbone.denoiser, rows), run(model, rows), rtol=1e-4, atol=1e-5)


def test_variants_of_lora_are_refused(template: AdapterBank, tmp_path: Path) -> None:
    template.to_peft(tmp_path)
    config = tmp_path / "adapter_config.json"
    config.write_text(config.read_text().replace('"bias": "none"', '"bias": "none", "use_dora": true'))
    with pytest.raises(ValueError, match="use_dora"):
        AdapterBank.from_peft(tmp_path)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_the_step_of_autograd_is_the_plain_sum(k: int, bias: bool, shared: bool) -> None:
    drawn = torch.Generator().manual_seed(k)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=drawn, dtype=torch.float64)

    weight, offset = draw(5, 4), draw(5) if bias else None
    a = draw(1, 2, 4).expand(k, -1, -1).detach() if shared else draw(k, 2, 4)
    inputs = (draw(2 * k, 3, 4).requires_grad_(), a.requires_grad_(), draw(k, 5, 2).requires_grad_())

    def ours(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return AddedToFrozen.apply(x, weight, offset, a, b, 0.7)

    def plain(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        rows = x.unflatten(0, (k, 2))
        low = torch.einsum("kwmi,kri,kor->kwmo", rows, a, b).flatten(0, 1)
        return functional.linear(x, weight, offset) + 0.7 * low

    torch.testing.assert_close(ours(*inputs), plain(*inputs))
    grad = draw(2 * k, 3, 5)
    for mine, true in zip(
        torch.autograd.grad(ours(*inputs), inputs, grad),
        torch.autograd.grad(plain(*inputs), inputs, grad),
        strict=True,
    ):
        torch.testing.assert_close(mine, true)
    if not shared:
        assert torch.autograd.gradgradcheck(ours, inputs)


def test_a_layer_keeps_both_of_two_adapters_and_is_restored(
    backbone: Backbone, template: AdapterBank
) -> None:
    rows, first, second = inputs(backbone, 2), randomised(template, 1), randomised(template, 1, 9)
    before = run(backbone.denoiser, rows)
    with torch.no_grad(), adapted(backbone.denoiser, first):
        alone = run(backbone.denoiser, rows)
        with adapted(backbone.denoiser, second):
            both = run(backbone.denoiser, rows)
        assert torch.equal(run(backbone.denoiser, rows), alone)
    assert not torch.allclose(both, alone, atol=1e-3)
    assert torch.equal(run(backbone.denoiser, rows), before)
    assert not any("forward" in vars(layer) for layer in backbone.denoiser.modules())


def test_adapters_work_in_half_precision(backbone: Backbone, template: AdapterBank) -> None:
    bank, rows = randomised(template, 2), inputs(backbone, 4)
    with adapted(backbone.denoiser, bank):
        whole = run(backbone.denoiser, rows)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = run(backbone.denoiser, rows)
    torch.testing.assert_close(half.float(), whole, rtol=0.2, atol=0.2)
