"""Canaries among the clients of a run: a sound mechanism passes, a broken one is caught, no noise is seen."""

import math
from dataclasses import replace

import pytest
import torch

from privtalk.attacks.audit.canary_run import PUBLIC, Sums, audit_sums, usual_norms
from privtalk.attacks.audit.report import AccountedBound, PrivacyViolationError
from privtalk.core.seeds import torch_stream
from privtalk.methods.federation.aggregate import Aggregation
from privtalk.methods.privacy.accounting.sampled_gaussian import epsilon
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.matrix_factorisation import BandedMatrixFactorisation
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY, GaussianMechanism

DELTA, ROUNDS, DIM, RATE = 1e-3, 4, 8_000, 0.5


def streamed(seed):
    return lambda *names: torch_stream(seed, *names)


def sums(clip=0.2, **changes):
    """Sums of 60 clients' messages of norm C."""
    generator = torch_stream(0, "sums")
    totals = torch.randn(ROUNDS, DIM, generator=generator, dtype=torch.float64)
    totals *= clip * math.sqrt(60) / math.sqrt(DIM)
    return Sums(**{"totals": totals, "clips": (clip,) * ROUNDS, "rate": RATE} | changes)


def bound(z, rate=RATE):
    return AccountedBound(epsilon=epsilon(z, rate, ROUNDS, DELTA), delta=DELTA, accountant="PLD")


def audit(mechanism, upper, seed=0, made=None, count=1000):
    return audit_sums(made or sums(), mechanism, upper, streamed(seed), count=count)


@pytest.mark.parametrize("seed", range(4))
def test_a_sound_gaussian_passes(seed):
    found = audit(GaussianMechanism(clip=0.2, noise_multiplier=1.0), bound(1.0), seed)
    assert not found.report.violations
    assert found.auc.value > 0.6


def test_forgotten_noise_is_caught():
    found = audit(NO_PRIVACY, bound(1.5))
    with pytest.raises(PrivacyViolationError, match="certified to leak more"):
        found.report.check()


def test_noise_a_fifth_of_the_claim_is_caught():
    assert audit(GaussianMechanism(clip=0.2, noise_multiplier=0.3), bound(1.5)).report.violations


def test_clip_forgotten_is_caught():
    """Canaries five clips long go through unclipped."""
    long = sums(clips=(1.0,) * ROUNDS)
    mechanism = GaussianMechanism(clip=0.2, noise_multiplier=1.5)
    assert audit(mechanism, bound(1.5), made=long).report.violations
    assert not audit(mechanism, bound(1.5)).report.violations


def test_without_noise_nothing_is_claimed_and_much_is_seen():
    nothing = AccountedBound(epsilon=math.inf, delta=DELTA, accountant="none")
    found = audit(NO_PRIVACY, nothing)
    assert not found.report.violations
    assert max(low.epsilon for low in found.report.certified) > 1
    assert found.auc.low > 0.9


def test_canaries_that_never_take_part_are_at_chance():
    found = audit(NO_PRIVACY, bound(1.0), made=sums(rate=1e-9))
    assert found.auc.low < 0.5 < found.auc.high
    assert all(low.epsilon == 0 for low in found.report.certified)


def test_discrete_shares_are_in_the_messages_already():
    mechanism = DiscreteMechanism(clip=0.2, noise_multiplier=50.0)
    assert audit(mechanism, bound(1.0)).auc.value == audit(NO_PRIVACY, bound(1.0)).auc.value


def test_correlated_noise_and_turns():
    mechanism = BandedMatrixFactorisation(
        clip=0.2, noise_multiplier=1.0, rounds=ROUNDS, participations=2, separation=2, bandwidth=2
    )
    claimed = AccountedBound(epsilon=4.0, delta=DELTA, accountant="closed form")
    turns = sums(separation=2)
    found = audit(mechanism, claimed, made=turns)
    assert not found.report.violations
    assert found.auc.value > 0.6
    assert audit(replace(mechanism, noise_multiplier=0.05), claimed, made=turns).report.violations


def test_adaptive_clips_scale_canaries_and_noise():
    mechanism = AdaptiveClipping(noise_multiplier=1.0, initial_clip=0.2, quantile=0.5, expected_cohort=30.0)
    varied = sums(clips=(0.2, 0.1, 0.3, 0.2))
    found = audit(mechanism, bound(1.0), made=varied)
    assert found.norm == 0.3
    assert not found.report.violations


def test_a_sum_beside_weights_has_more_noise():
    mechanism = GaussianMechanism(clip=0.2, noise_multiplier=1.0)
    beside = Aggregation(1.0, "appended", appended_share=10.0)
    plain, more = (audit(mechanism, bound(1.0), made=sums(how=how)) for how in (PUBLIC, beside))
    assert more.auc.value < plain.auc.value - 0.1


def test_a_canary_needs_a_length():
    with pytest.raises(ValueError, match="state how long a canary is"):
        audit(NO_PRIVACY, bound(1.0), made=sums(clips=(None,) * ROUNDS))
    assert usual_norms([torch.eye(3) * 2]) == (2.0,)
