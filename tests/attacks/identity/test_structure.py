"""What a LoRA update must and cannot hold, on the real denoiser with random weights: what span attacks rest on."""

from dataclasses import replace

import pytest
import torch

from privtalk.attacks.identity.span import projections
from privtalk.attacks.identity.tokens import identity_tokens, reads_tokens, row_space, token_rows
from privtalk.attacks.probing import Suspect, person_gradients, probes
from privtalk.methods.adapters import AdapterBank, Factors
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig
from tests.attacks.tiny_world import person, stream

TOKENS = ("*.attn2.to_k", "*.attn2.to_v")


@pytest.fixture(scope="module")
def backbone():
    return Backbone.tiny()


@pytest.fixture
def identity_alone():
    """A network whose only token that is not zero is the identity's."""
    alone = Backbone.initial(
        Backbone.tiny().config.model_copy(update={"conditions": ("identity",)}), 0
    ).freeze()
    for layer in (alone.conditioning.audio_tokens, alone.conditioning.landmark_tokens):
        layer.bias.zero_()
    alone.conditioning.landmarks[-1].bias.zero_()
    with torch.no_grad():
        alone.conditioning.audio_tokens.weight.zero_()
        alone.conditioning.landmark_tokens.weight.zero_()
    return alone


def adapter(backbone, rank, moved, targets=TOKENS):
    """An adapter at the start of training (B = 0), or one with B off zero."""
    bank = AdapterBank.initial(
        backbone.denoiser, AdapterConfig(rank=rank, alpha=rank, targets=targets), stream
    )
    if not moved:
        return bank
    return replace(
        bank,
        factors={
            name: Factors(f.a, 0.1 * torch.randn(f.b.shape, generator=stream("b", name)))
            for name, f in bank.factors.items()
        },
    )


def gradient(backbone, bank, people):
    """[P, d] gradients of the denoising loss: what one SGD step sends, up to a factor."""
    draws = probes(people, stream, (300,))
    return person_gradients(Suspect(backbone=backbone, adapter=bank), people, draws)


def test_in_the_first_step_of_the_first_round_a_does_not_move(backbone):
    bank = adapter(backbone, 4, moved=False)
    factors = bank.unflatten(gradient(backbone, bank, [person(backbone, 0)])).factors.values()
    assert max(f.a.abs().max() for f in factors) == 0
    assert min(f.b.abs().max() for f in factors) > 0


def test_once_b_has_moved_the_rows_of_a_are_combinations_of_the_tokens(backbone):
    """And of nothing else: a window of one frame has three tokens, so that rows of 16 numbers have rank 3."""
    one = person(backbone, 0, windows=1, frames=1)
    bank = adapter(backbone, 6, moved=True)
    rows = token_rows(bank, gradient(backbone, bank, [one]))
    tokens, _ = backbone.conditioning(one)
    basis = row_space(tokens)[0]
    outside = rows[0] - rows[0] @ basis.T @ basis
    assert outside.norm() < 1e-4 * rows.norm()
    assert torch.linalg.matrix_rank(rows[0], rtol=1e-4) == 3


def test_so_a_step_on_one_frame_holds_the_identity_exactly(backbone):
    people = [person(backbone, i, windows=1, frames=1) for i in range(4)]
    bank = adapter(backbone, 6, moved=True)
    rows = token_rows(bank, gradient(backbone, bank, people))
    inside = projections(rows, identity_tokens(backbone, people))
    torch.testing.assert_close(inside.diagonal(), torch.ones(4), atol=1e-4, rtol=0)


def test_more_tokens_than_rows_hide_part_of_it(backbone):
    """Eight frames have seventeen tokens; the rank of one layer is 1, and the step holds one combination of them."""
    bank = adapter(backbone, 1, moved=True, targets=("mid_block.*.attn2.to_v",))
    people = [person(backbone, i, windows=2, frames=4) for i in range(3)]
    inside = projections(
        token_rows(bank, gradient(backbone, bank, people)), identity_tokens(backbone, people)
    )
    assert inside.diagonal().max() < 0.99


def from_b(bank, flat):
    """[E] direction of the one token x behind ∂L/∂B_l = s g_l (A_l x)ᵀ of all layers: r - 1 equations each on x."""
    equations = []
    for name, f in bank.unflatten(flat[None]).factors.items():
        a = bank.factors[name].a[0]
        along = row_space(f.b, 1)[0, 0]
        equations.append(a - torch.outer(along, along) @ a)
    return torch.linalg.svd(torch.cat(equations)).Vh[-1]


@pytest.mark.parametrize(("rank", "recovered"), [(16, True), (2, False)])
def test_in_the_first_round_b_gives_a_lone_token_away_at_high_rank_alone(identity_alone, rank, recovered):
    """Recovered where Σ (r - 1) over layers is at least E - 1 = 15; the token layers of values are enough."""
    bank = adapter(identity_alone, rank, moved=False, targets=("*.attn2.to_v",))
    layers = sum(reads_tokens(name) for name in bank.factors)
    assert (layers * (rank - 1) >= 15) == recovered
    someone = person(identity_alone, 0)
    still = replace(someone, reference=someone.reference[:1].expand_as(someone.reference))
    found = from_b(bank, gradient(identity_alone, bank, [still])[0])
    truth = identity_tokens(identity_alone, [still])[0]
    cosine = float(torch.nn.functional.cosine_similarity(found, truth, dim=0).abs())
    assert (cosine > 0.999) == recovered
