"""Span: least squares as the oracle, a planted positive, noise, and Adam on the real denoiser."""

import numpy as np
import pytest
import torch

from privtalk.attacks.identity.span import ATTACK, projections, span
from privtalk.attacks.judgement import judged
from privtalk.attacks.pairs import NotApplicable
from tests.attacks.message_world import bank, normal, stream, world


def test_it_is_one_minus_the_residual_of_least_squares():
    rows, tokens = normal(3, 4, 9, name="rows"), normal(5, 9, name="tokens")
    found = projections(rows, tokens).numpy()
    for k in range(3):
        for p in range(5):
            fit = np.linalg.lstsq(rows[k].numpy().T, tokens[p].numpy(), rcond=None)[0]
            inside = rows[k].numpy().T @ fit
            np.testing.assert_allclose(found[k, p], np.linalg.norm(inside) / tokens[p].norm(), rtol=1e-4)


def test_scales_do_not_matter():
    rows, tokens = normal(3, 4, 9, name="rows"), normal(5, 9, name="tokens")
    torch.testing.assert_close(projections(1e-4 * rows, 7 * tokens), projections(rows, tokens))


def test_planted_tokens_are_found_and_noise_is_not():
    for strength, found in ((1.0, True), (0.0, False)):
        w = world(strength)
        outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
        assert outcome.valid
        assert (outcome.evaluation.auc.low > 0.6) == found


@pytest.mark.parametrize("template", [bank(freeze_a=True), bank(layers=("up.attn1.to_v",))])
def test_where_there_is_no_channel_the_outcome_says_so(template):
    w = world(template=template)
    with pytest.raises(NotApplicable):
        span(w.rounds, w.candidates)
    outcome = judged(ATTACK, w.rounds, w.candidates, w.truth, stream)
    assert outcome.evaluation is None
    assert outcome.measures["rank1"].estimate.value is None
    assert outcome.measures["rank1"].estimate.missing
