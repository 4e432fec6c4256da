"""Controls pass at chance, fail where there is a signal, and rarely fail by accident."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from privtalk.attacks.controls import (
    CHANCE,
    LEVEL,
    PERMUTATIONS,
    control,
    gaussian_update,
    judge,
    permuted_labels,
)
from privtalk.attacks.roc import auc
from privtalk.core.intervals import Interval


@dataclass
class Flat:
    values: torch.Tensor

    def flatten(self):
        return self.values

    def unflatten(self, flat):
        return Flat(flat)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_exact_ties_pass_at_exactly_chance():
    tied = control(np.zeros(40), np.zeros(60))
    assert tied.passed
    assert tied.auc.value == CHANCE


def test_a_shift_between_the_groups_fails():
    rng = np.random.default_rng(0)
    assert not control(rng.normal(1, 1, 60), rng.normal(0, 1, 60)).passed


def test_chance_fails_as_rarely_as_stated():
    rng = np.random.default_rng(1)
    failures = sum(not control(rng.normal(size=40), rng.normal(size=40)).passed for _ in range(600))
    assert failures <= 600 * (1 - LEVEL) + 3 * np.sqrt(600 * (1 - LEVEL))


def test_no_interval_is_no_pass():
    assert not judge(Interval(missing="nobody")).passed


def test_permuted_labels_are_at_chance_even_for_a_perfect_attack():
    shuffled = permuted_labels(np.ones(30) + np.arange(30), -np.arange(30.0), generator())
    assert shuffled.passed
    assert shuffled.auc.value == pytest.approx(0.5, abs=0.01)
    assert 0.2 < shuffled.auc.low < 0.4 < 0.6 < shuffled.auc.high < 0.8


def test_gaussian_update_has_the_norm_of_the_step_and_none_of_its_direction():
    start = torch.randn(1, 5000, generator=generator(1))
    adapter = Flat(start + 0.3 * torch.randn(1, 5000, generator=generator(2)))
    random = gaussian_update(adapter, Flat(start), generator(3))
    step, drawn = adapter.values - start, random.values - start
    assert drawn.norm().item() == pytest.approx(step.norm().item(), rel=1e-4)
    assert abs(torch.cosine_similarity(step, drawn).item()) < 0.06
    assert torch.equal(random.values, gaussian_update(adapter, Flat(start), generator(3)).values)


def test_gaussian_update_of_an_untrained_adapter_is_that_adapter():
    start = Flat(torch.ones(1, 10))
    assert torch.equal(gaussian_update(start, start, generator()).values, start.values)


@pytest.mark.parametrize("ties", [False, True])
def test_ranks_give_the_aucs_of_shuffled_scores(ties):
    """Slow definition: the AUC of every shuffle."""
    scores = np.random.default_rng(0).normal(size=23) ** 2
    scores = scores.round() if ties else scores
    generator = torch.Generator().manual_seed(4)
    values = []
    for _ in range(PERMUTATIONS):
        shuffled = scores[torch.randperm(23, generator=generator).numpy()]
        values.append(auc(shuffled[:8], shuffled[8:]))
    found = permuted_labels(scores[:8], scores[8:], torch.Generator().manual_seed(4))
    assert found.auc.value == pytest.approx(np.mean(values))
    assert (found.auc.low, found.auc.high) == pytest.approx(
        tuple(np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    )
