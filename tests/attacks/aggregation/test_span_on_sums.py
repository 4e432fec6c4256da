"""Span on sums: shares of energy, a planted positive in sums, and noise."""

import torch

from privtalk.attacks.aggregation.span_on_sums import ATTACK, energies
from privtalk.attacks.aggregation.sums import summed
from privtalk.attacks.judgement import judged
from tests.attacks.message_world import normal, stream, world


def test_energies_along_an_orthonormal_basis_add_up_to_all():
    rows = normal(3, 4, 6, name="rows")
    basis = torch.linalg.qr(normal(6, 6, name="basis")).Q
    both = torch.cat([basis, -basis])
    torch.testing.assert_close(energies(rows, both)[:, :6].sum(1), torch.ones(3))


def test_neither_scale_nor_sign_matters():
    rows, tokens = normal(3, 4, 6, name="rows"), normal(5, 6, name="tokens")
    torch.testing.assert_close(energies(-9 * rows, tokens), energies(rows, tokens))
    assert not energies(torch.zeros(2, 4, 6), tokens).any()


def test_planted_tokens_are_found_in_sums_and_noise_is_not():
    for strength, n, found in ((1.0, 1, True), (1.0, 3, True), (0.0, 3, False)):
        w = world(strength)
        outcome = judged(ATTACK, summed(w.rounds, n, stream), w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.5) == found
