"""Row spaces by the singular value decomposition, and the layers that read tokens in a real denoiser."""

import pytest
import torch

from privtalk.attacks.identity.tokens import (
    identity_tokens,
    reads_tokens,
    row_space,
    token_layers,
    token_rows,
    without_identity,
)
from privtalk.attacks.pairs import NotApplicable
from privtalk.methods.adapters import AdapterBank, target_layers
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig
from tests.attacks.message_world import bank, normal, stream


def test_the_row_space_is_the_singular_value_decompositions():
    rows = normal(5, 3, 8, name="rows")
    basis = torch.linalg.svd(rows, full_matrices=False).Vh
    signs = (row_space(rows) * basis).sum(2).sign()[..., None]
    torch.testing.assert_close(row_space(rows) * signs, basis, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(row_space(rows, 1), row_space(rows)[:, :1])


def test_directions_that_rows_do_not_have_are_zero():
    single = normal(1, 8, name="single")
    rows = torch.stack([torch.cat([single, 2 * single, -single]), torch.zeros(3, 8)])
    lengths = row_space(rows).norm(dim=2)
    torch.testing.assert_close(lengths, torch.tensor([[1.0, 0, 0], [0, 0, 0]]))


def test_layers_that_read_tokens_are_those_of_the_tokens_width():
    backbone = Backbone.tiny()
    layers = target_layers(backbone.denoiser, AdapterConfig(targets=("*.attn*.to_*", "*.to_out.0")))
    heard = []
    handles = [
        layer.register_forward_pre_hook(lambda _, x, name=name: heard.append((name, x[0].shape[1])))
        for name, layer in layers.items()
    ]
    latents = torch.zeros(1, 3 * 4, 4, 4)
    tokens, vector = torch.zeros(1, 3, 16), torch.zeros(1, backbone.conditioning.vector_dim)
    backbone.denoiser(latents, torch.tensor([5]), tokens, class_labels=vector)
    for handle in handles:
        handle.remove()
    assert {name for name, count in heard if count == 3} == {n for n in layers if reads_tokens(n)}


def test_adapters_without_the_identity_token_have_no_layer_that_reads_it():
    denoiser, before = Backbone.tiny().denoiser, AdapterConfig(targets=("*.to_v", "*.to_out.0"))
    after = without_identity(before)
    assert after.targets == ("*.attn1.to_v", "*.attn1.to_out.0")
    assert after.rank == before.rank
    with_, without = (AdapterBank.initial(denoiser, c, stream) for c in (before, after))
    assert token_layers(with_)
    assert set(without.factors) == {n for n in with_.factors if ".attn1." in n}
    with pytest.raises(NotApplicable, match="no adapted layer reads"):
        token_layers(without)


def test_targets_in_cross_attention_alone_leave_nothing():
    with pytest.raises(ValueError, match="select no self-attention"):
        without_identity(AdapterConfig(targets=("*.attn2.to_v",)))


def test_a_frozen_a_has_no_row_space():
    with pytest.raises(NotApplicable, match="A is frozen"):
        token_layers(bank(freeze_a=True))


def test_token_rows_are_the_token_layers_a():
    template = bank()
    flat = normal(4, template.dim, name="flat")
    rows = token_rows(template, flat)
    factors = template.unflatten(flat).factors
    assert torch.equal(rows, torch.cat([factors["up.attn2.to_v"].a, factors["down.attn2.to_v"].a], 1))


def test_identity_tokens_are_what_the_condition_encoder_puts_last():
    from tests.attacks.tiny_world import person

    backbone = Backbone.tiny()
    people = [person(backbone, i) for i in range(3)]
    tokens, _ = backbone.conditioning(people[1])
    last = tokens.unflatten(0, (len(people[1]), -1))[:, 0, -1]
    torch.testing.assert_close(identity_tokens(backbone, people)[1], last.mean(0))


def test_networks_without_an_encoder_are_refused():
    with pytest.raises(TypeError, match="has no condition encoder"):
        identity_tokens(object(), [])
