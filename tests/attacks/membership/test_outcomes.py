"""Permuted labels from ranks are the definition's."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from privtalk.attacks.controls import permuted_labels
from privtalk.attacks.membership.outcomes import permuted_ranks


@pytest.mark.parametrize("ties", [False, True])
def test_shuffled_ranks_give_the_shuffled_scores_aucs(ties):
    scores = np.random.default_rng(0).normal(size=23) ** 2
    scores = scores.round() if ties else scores
    known = np.arange(23) % 3 == 0
    slow = permuted_labels(scores[known], scores[~known], torch.Generator().manual_seed(4))
    fast = permuted_ranks(scores, known, torch.Generator().manual_seed(4))
    assert vars(fast.auc) == pytest.approx(vars(slow.auc))
    assert fast.passed == slow.passed
