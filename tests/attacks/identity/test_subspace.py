"""Subspace overlap: scipy's principal angles as the oracle, a planted positive and noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles

from privtalk.attacks.identity.subspace import ATTACK, overlaps, spans, subspace
from privtalk.attacks.identity.tokens import row_space
from privtalk.attacks.judgement import judged
from privtalk.attacks.pairs import NotApplicable
from tests.attacks.message_world import bank, normal, stream, world


def test_it_is_the_mean_squared_cosine_of_the_principal_angles():
    rows, others = normal(3, 2, 9, name="rows"), normal(4, 2, 9, name="others")
    found = overlaps(rows, row_space(others)).numpy()
    for k in range(3):
        for p in range(4):
            angles = subspace_angles(rows[k].numpy().T, others[p].numpy().T)
            np.testing.assert_allclose(found[k, p], np.mean(np.cos(angles) ** 2), rtol=1e-4)


def test_bounds():
    rows = normal(3, 2, 9, name="rows")
    torch.testing.assert_close(overlaps(rows, row_space(rows)).diagonal(), torch.ones(3))
    assert overlaps(torch.zeros(1, 2, 9), row_space(rows)).tolist() == [[0, 0, 0]]


def test_rows_of_a_in_self_attention_or_columns_of_b_where_a_is_frozen():
    layers = ("up.attn1.to_v", "up.attn2.to_v")
    for freeze, shape in ((False, (4, 2, 24)), (True, (4, 2, 5))):
        template = bank(freeze_a=freeze, layers=layers)
        found = spans(template, normal(4, template.dim, name="flat"))
        assert {name: tuple(rows.shape) for name, rows in found.items()} == {"up.attn1.to_v": shape}


def test_planted_gradients_are_found_and_noise_is_not():
    layers = tuple(f"{n}.attn1.to_v" for n in range(4))
    for strength, found in ((2.0, True), (0.0, False)):
        w = world(strength, template=bank(layers=layers))
        outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.5) == found


def test_without_self_attention_the_outcome_says_so():
    w = world(template=bank(layers=("up.attn2.to_v",)))
    with pytest.raises(NotApplicable, match="self-attention"):
        subspace(w.rounds, w.candidates)


def test_banks_without_layers_are_refused():
    w = world()
    with pytest.raises(TypeError, match="names no layers"):
        subspace(w.rounds, replace(w.candidates, template=object()))
