"""All bounds beside each other on a mechanism whose ε is known: n scores with the canary in, n with it out.

The notes have for ε = 8, δ = 1e-5, n = 2,000, 95 %: Clopper-Pearson 2.73, Gaussian DP 7.09, one-run 2.61, f-DP one-run
3.79, Andrew et al. 8.37 ± .44. Means over eight draws here; where they differ:

- Clopper-Pearson and Gaussian DP lie on both sides of the notes' with how the threshold is chosen: on half of the
  scores (below), or beforehand from the known mechanism, which leaves all scores for counting (above).
- The one-run bounds depend on how many guesses are made, which the notes do not tell. Guessing 40 % of the canaries
  gives their one-run figure; guessing 10 % certifies more, 3.6 and 5.4.
- Andrew et al. is high by about .5: the worse of two directions, each with an error of its own.
"""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.stats import norm

from privtalk.attacks.audit.bounds import (
    clopper_pearson_bound,
    gaussian_dp_bound,
    mu_epsilon,
    mu_low,
    rate_bounds,
)
from privtalk.attacks.audit.one_run import guess, one_run_bound
from privtalk.attacks.audit.one_run_fdp import one_run_fdp_bound
from privtalk.attacks.audit.one_shot import fit, one_shot_estimate
from privtalk.attacks.audit.report import AccountedBound, AuditReport
from privtalk.attacks.audit.scores import INDEPENDENT, evidence
from privtalk.attacks.audit.thresholds import at_delta, count, threshold_by_split

EPSILON, DELTA, N, DRAWS = 8.0, 1e-5, 2000, 8
MU = brentq(lambda mu: mu_epsilon(mu, DELTA) - EPSILON, 0.5, 4.0)


def draw(seed, mu=MU, n=N):
    rng = np.random.default_rng([71, seed])
    return rng.normal(mu, 1, n), rng.normal(0, 1, n)


def mean(figure, *, mu=MU):
    return float(np.mean([figure(*draw(seed, mu), seed) for seed in range(DRAWS)]))


def planned(objective):
    """The threshold that would be best at the expected counts: chosen without any score."""
    grid = np.linspace(0, 5, 501)
    expected = rate_bounds(N * norm.sf(grid - MU), N, N * norm.sf(grid), N)
    return float(grid[np.argmax(objective(expected))])


def test_gaussian_mechanism_at_epsilon_8():
    assert pytest.approx(1.6660306) == MU


@pytest.mark.parametrize(
    ("bound", "objective", "by_split", "by_plan", "notes"),
    [
        (clopper_pearson_bound, at_delta(DELTA), 2.6, 3.0, 2.73),
        (gaussian_dp_bound, mu_low, 6.7, 7.3, 7.09),
    ],
)
def test_threshold_bounds(bound, objective, by_split, by_plan, notes):
    def split(x, y, seed):
        generator = torch.Generator().manual_seed(seed)
        return bound(threshold_by_split(x, y, generator, objective=objective).counts, DELTA).epsilon

    threshold = planned(objective)
    low = mean(split)
    high = mean(lambda x, y, _: bound(count(x, y, threshold), DELTA).epsilon)
    assert low == pytest.approx(by_split, abs=0.25)
    assert high == pytest.approx(by_plan, abs=0.25)
    assert low - 0.1 < notes < high + 0.1 < EPSILON


@pytest.mark.parametrize(
    ("bound", "many", "few"), [(one_run_bound, 2.61, 3.6), (one_run_fdp_bound, 4.2, 5.4)]
)
def test_one_run_bounds(bound, many, few):
    """Of 2n canaries: the surest 40 % guessed, and the surest 10 %."""

    def guessed(share):
        def figure(x, y, _):
            coins = np.arange(2 * N) < N
            each = round(share * N)
            return bound(guess(np.concatenate([x, y]), coins, each, each), DELTA).epsilon

        return mean(figure)

    assert guessed(0.4) == pytest.approx(many, abs=0.15)
    assert guessed(0.1) == pytest.approx(few, abs=0.4)
    assert guessed(0.1) < EPSILON


def test_one_shot():
    assert mean(lambda x, y, _: one_shot_estimate(fit(x), fit(y), DELTA).epsilon) == pytest.approx(
        8.4, abs=0.45
    )


@pytest.mark.parametrize("epsilon", [1.0, 8.0])
def test_evidence_of_one_run(epsilon):
    """All of them from coins, none above the truth, each with its assumptions told."""
    mu = brentq(lambda value: mu_epsilon(value, DELTA) - epsilon, 0.05, 4.0)
    rng = np.random.default_rng(5)
    coins = rng.random(1000) < 0.5
    found = evidence(rng.normal(size=1000) + mu * coins, coins, torch.Generator().manual_seed(0), delta=DELTA)
    names = [low.name for low in found.certified]
    assert names == ["clopper_pearson", "gaussian_dp", "one_run", "one_run_fdp"]
    upper = AccountedBound(epsilon=epsilon, delta=DELTA, accountant="closed form")
    AuditReport(subject="known", upper=(upper,), certified=found.certified, estimates=found.estimates).check()
    assert all(low.assumption for low in found.certified)
    assert INDEPENDENT in found.certified[0].assumption
    assert (found.certified[1].epsilon > 2) == (epsilon == 8)


def test_evidence_on_the_null():
    """ε = 0: each bound is positive in at most 5 % of the trials, up to chance."""
    positive = np.zeros(4)
    for seed in range(40):
        rng = np.random.default_rng([9, seed])
        found = evidence(
            rng.normal(size=120), rng.random(120) < 0.5, torch.Generator().manual_seed(seed), delta=DELTA
        )
        positive += [low.epsilon > 0 for low in found.certified]
    assert (positive <= 6).all()
