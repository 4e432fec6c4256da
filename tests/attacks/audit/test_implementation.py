"""The project's aggregators pass their audit; the same aggregators with a planted mistake do not."""

import math
from dataclasses import replace

import pytest
import torch

from privtalk.attacks.audit import canary_run, implementation
from privtalk.attacks.audit.implementation import (
    TEST_DELTA,
    Aggregator,
    RoundUpdates,
    audit,
    fisher_direction,
)
from privtalk.attacks.audit.report import PrivacyViolationError
from privtalk.core.seeds import torch_stream
from privtalk.methods.federation import aggregate as aggregation
from privtalk.methods.federation import waves
from privtalk.methods.privacy.accounting.gaussian import gaussian_epsilon
from privtalk.methods.privacy.mechanisms.adaptive_clipping import AdaptiveClipping
from privtalk.methods.privacy.mechanisms.clipping import clip_factors
from privtalk.methods.privacy.mechanisms.discrete import DiscreteMechanism
from privtalk.methods.privacy.mechanisms.discrete_sampling import skellam
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

GAUSSIAN = GaussianMechanism(clip=0.5, noise_multiplier=1.0)
SKELLAM = DiscreteMechanism(clip=0.5, noise_multiplier=1.0)
ADAPTIVE = AdaptiveClipping(noise_multiplier=1.0, expected_cohort=4.0, initial_clip=0.5)
ROUNDS = 1000


def stream(*names):
    return torch_stream(11, *names)


def audited(aggregator, *names, rounds=ROUNDS, look="sum"):
    return audit(aggregator, stream("audit", *names), rounds=rounds, look=look)


def half_noise(self, dim, generator):
    return self.deviation * torch.randn(dim, generator=generator, dtype=torch.float64) / 2


def small_share(self, dim, generator, cohort):
    """A share for n² clients, of n."""
    return skellam(float(self.variance / cohort**2), dim, generator)


TOLD = AdaptiveClipping.after


def quiet_bits(self, state, bits, generator):
    """The share of unclipped updates is told with a tenth of the noise that is accounted for."""
    told = TOLD(self, state, bits, generator)
    exact = 0.5 + float(bits.sum()) / self.expected_cohort
    share = exact + (told.share - exact) / 10
    return replace(told, clip=state.clip * math.exp(-self.rate * (share - self.quantile)))


def no_clip(updates, clip):
    return torch.ones(len(updates), dtype=torch.float64)


def no_cap(cohort, public):
    return torch.tensor([c.frames / public.reference_frames for c in cohort], dtype=torch.float64)


SOUND = {
    "central": Aggregator(mechanism=GAUSSIAN),
    "loud": Aggregator(mechanism=replace(GAUSSIAN, noise_multiplier=4.0)),
    "distributed": Aggregator(mechanism=SKELLAM, crowd=1),
    "adaptive": Aggregator(mechanism=ADAPTIVE),
    "appended": Aggregator(mechanism=GAUSSIAN, normalisation="appended"),
}
BROKEN = {
    "noise halved": (SOUND["central"], (GaussianMechanism, "noise", half_noise)),
    "noise forgotten": (SOUND["central"], (aggregation, "with_noise", lambda summed, *_: summed)),
    "clip forgotten": (SOUND["central"], (aggregation, "clip_factors", no_clip)),
    "weights unbounded": (SOUND["central"], (implementation, "client_weights", no_cap)),
    "clip forgotten, appended": (SOUND["appended"], (aggregation, "clip_factors", no_clip)),
    "clip too wide": (SOUND["central"], (aggregation, "clip_factors", lambda u, c: 4 * clip_factors(u, c))),
    "shares too small": (replace(SOUND["distributed"], crowd=3), (DiscreteMechanism, "share", small_share)),
    "bits too quiet": (SOUND["adaptive"], (AdaptiveClipping, "after", quiet_bits)),
}
"""Name -> a sound aggregator, and the fault that is planted in the real function of the code that trains."""


@pytest.mark.parametrize("name", SOUND)
def test_sound(name):
    found = audited(SOUND[name], name).check()
    assert name == "loud" or all(low.epsilon > 0.2 for low in found.certified)


@pytest.mark.parametrize("name", BROKEN)
def test_planted_mistakes_are_caught(name, monkeypatch):
    """By the bound that assumes nothing, at the δ that is meant for it."""
    sound, (place, part, fault) = BROKEN[name]
    monkeypatch.setattr(place, part, fault)
    found = audited(sound, name)
    with pytest.raises(PrivacyViolationError, match=r"clopper_pearson: ε ≥ .* at δ = 0.05"):
        found.check()


@pytest.mark.parametrize("look", ["sum", "mean"])
@pytest.mark.parametrize("seed", range(4))
def test_no_false_alarm_on_other_streams(seed, look):
    audited(SOUND["appended"], seed, rounds=400, look=look).check()


def test_account_is_the_closed_form_of_one_round():
    for name in ("central", "adaptive", "appended"):
        upper = audited(SOUND[name], rounds=20).at(TEST_DELTA)
        assert upper.epsilon == pytest.approx(gaussian_epsilon(1.0, 1, TEST_DELTA), rel=1e-3)
    grid = audited(SOUND["distributed"], rounds=20).at(TEST_DELTA)
    assert grid.accountant == "RDP"
    assert grid.epsilon >= gaussian_epsilon(1.0, 1, TEST_DELTA)


def test_the_round_loop_aggregates_by_the_same_function():
    assert implementation.aggregate is aggregation.aggregate  # which is a `RoundSum` of one part
    assert waves.RoundSum is aggregation.RoundSum
    assert canary_run.with_noise is aggregation.with_noise


def test_the_canary_is_at_the_limit():
    """Longer and heavier than allowed as it comes, exactly as long as allowed in the sum."""
    for name in ("central", "appended", "distributed"):
        aggregator = SOUND[name]
        trained = aggregator.worst_case(stream("setup"))
        direction = (trained.updates[-1] / trained.updates[-1].norm()).double()
        assert trained.updates[-1].norm() > 10 * 0.5
        seen = [
            aggregator.play(world, 3000, stream("noise")).sums[:, :4].mean(0) @ direction
            for world in (trained, trained.without_last())
        ]
        # Both worlds share their Gaussian noise; on the grid they do not: standard error zC √(2/3000) = .013.
        assert float(seen[0] - seen[1]) == pytest.approx(0.5, abs=0.05 if name == "distributed" else 1e-4)


def test_learnt_direction_is_the_likelihood_ratio():
    """Known covariance: S⁻¹ (m_in − m_out); a coordinate that never varies and never differs counts for nothing."""
    scale = torch.tensor([1.0, 3.0, 0.0], dtype=torch.float64)
    noise = torch.randn(2, 20_000, 3, generator=stream("noise"), dtype=torch.float64) * scale
    found = fisher_direction(noise[0] + torch.tensor([1.0, 9.0, 0.0]), noise[1])
    assert float(found[1] / found[0]) == pytest.approx(1.0, rel=0.05)
    assert float(found[2]) == 0


def test_worlds_differ_in_the_canary_alone():
    trained = RoundUpdates(updates=torch.arange(6.0).view(3, 2), frames=(1, 2, 3), reliability=torch.ones(3))
    other = trained.without_last()
    assert other.updates.tolist() == [[0, 1], [2, 3]]
    assert (other.frames, len(other.reliability)) == ((1, 2), 2)


def test_nothing_to_audit():
    with pytest.raises(ValueError, match="nothing to audit"):
        Aggregator(mechanism=GaussianMechanism())
    with pytest.raises(ValueError, match="central noise"):
        Aggregator(mechanism=SKELLAM, normalisation="appended")
