"""Canary clients: geometry, streams, and what their scores say of a released sum."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, kstest

from privtalk.attacks.audit import canaries as module
from privtalk.attacks.audit.canaries import Canaries, coins, summed, unit_vectors
from privtalk.attacks.audit.one_shot import fit, random_cosines
from privtalk.core.seeds import torch_stream
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism


def stream(*names):
    return torch_stream(3, *names)


def canaries(**changes):
    return Canaries(**{"count": 200, "dim": 64, "norm": 0.5, "stream": stream} | changes)


def slow(made):
    """All vectors at once."""
    return torch.cat([vectors for _, vectors in made.blocks()])


def test_vectors_are_uniform_on_the_sphere():
    vectors = unit_vectors(4000, 3, stream("x"))
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4000, dtype=torch.float64))
    # Archimedes: each coordinate of a uniform point on the sphere in three dimensions is uniform.
    assert kstest(vectors[:, 0].numpy(), "uniform", args=(-1, 2)).pvalue > 0.01


def test_coins_are_fair():
    assert binomtest(int(coins(10_000, stream("c")).sum()), 10_000, 0.5).pvalue > 0.01
    assert binomtest(int(coins(10_000, stream("c"), 0.1).sum()), 10_000, 0.1).pvalue > 0.01


def test_blocks_do_not_depend_on_how_many_follow():
    long, short = canaries(), canaries(count=130)
    torch.testing.assert_close(slow(long)[:128], slow(short)[:128])
    assert slow(long).shape == (200, 64)


def test_total_and_scores_are_the_definition():
    made, present = canaries(), canaries().present(2, 0.3)
    vectors = slow(made)
    torch.testing.assert_close(made.total(), 0.5 * vectors[made.included].sum(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(made.total(present), 0.5 * vectors[present].sum(0), rtol=1e-5, atol=1e-5)
    iterates = torch.randn(5, 64, generator=stream("released"))
    torch.testing.assert_close(made.scores(iterates), iterates.double() @ vectors.T)
    assert made.cosines(iterates).abs().max() <= 1


def test_no_canary_is_longer_than_the_clip():
    made = canaries(count=2, dim=3)
    alone = torch.tensor([True, False])
    assert 0.5 * (1 - 1e-5) < made.total(alone).norm() <= 0.5


def test_present_is_a_sample_of_those_that_are_in():
    made = canaries(count=5000, dim=1)
    present = made.present(0, 0.2)
    assert not (present & ~made.included).any()
    assert binomtest(int(present.sum()), int(made.included.sum()), 0.2).pvalue > 0.01
    assert not torch.equal(present, made.present(1, 0.2))


def test_scores_tell_in_from_out():
    """Of the sum under the mechanism: out ~ N(0, (zC)²), in by C higher, both with the others as more noise."""
    made = canaries(count=1000, dim=8_000)
    noise = GaussianMechanism(clip=0.5, noise_multiplier=2.0).noise(made.dim, stream("noise"))
    scores = made.scores(made.total() + noise).numpy()
    inside = made.included.numpy()
    spread = np.hypot(1.0, 0.5 * np.sqrt(500 / made.dim))
    assert scores[inside].mean() - scores[~inside].mean() == pytest.approx(
        0.5, abs=4 * spread * 2 / 1000**0.5
    )
    assert scores[~inside].std() == pytest.approx(spread, rel=0.15)


def test_cosines_of_those_that_are_out():
    made = canaries(count=1000, dim=400)
    cosines = made.cosines(torch.randn(400, generator=stream("other"))).numpy()
    assert fit(cosines).deviation == pytest.approx(random_cosines(400).deviation, rel=0.1)


def test_summed_over_known_rounds():
    scores, present = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[True, False], [True, True]])
    assert summed(scores, present).tolist() == [4.0, 4.0]


@pytest.mark.parametrize("changes", [{"count": 1}, {"dim": 0}, {"norm": 0.0}, {"norm": float("inf")}])
def test_nonsense(changes):
    with pytest.raises(ValueError, match=r"canar|clip"):
        canaries(**changes)


def test_few_are_held_at_once():
    assert max(len(vectors) for _, vectors in canaries().blocks()) == module.BLOCK
