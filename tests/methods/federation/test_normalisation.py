"""Can one client move what is released by more than the claimed sensitivity? Searched for, with and without noise."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.methods.federated.isfa import reliability
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.normalisation import appended_scale, carried, sensitivity, step
from privtalk.methods.federation.rounds import Federation, play_round
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.privacy.mechanisms.clipping import clip_factors
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism
from privtalk.methods.registry import build

CLIP, SHARE, EXPECTED = 1.5, 0.5, 8.0
"""C, β / C and the public q N ω̄."""


def cohort(draw_seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clipped and weighted updates [K, 5] and ISFA's weights [K]: of every length, of every reliability."""
    generator = torch.Generator().manual_seed(draw_seed)
    length = 10 ** (4 * torch.rand(count, 1, generator=generator) - 2)
    common = torch.randn(1, 5, generator=generator)
    updates = length * (torch.randn(count, 5, generator=generator) + 2 * common)
    score = torch.rand(count, generator=generator, dtype=torch.float64)
    size = torch.rand(count, generator=generator, dtype=torch.float64).clamp(min=0.01)
    weights = size * reliability(score, 8 * float(torch.rand(1, generator=generator)))
    return updates * (weights * clip_factors(updates, CLIP)).float()[:, None], weights


def furthest(normalisation, *, count: int, seed: int) -> float:
    """How far removing one client, the best for the purpose, moves what noise would be added to."""
    vectors, weights = cohort(seed, count)
    scale = appended_scale(CLIP, SHARE)
    sent = carried(vectors, weights, normalisation, scale).double()
    keep = ~torch.eye(count, dtype=torch.bool)
    return max(float((sent.sum(0) - sent[rest].sum(0)).norm()) for rest in keep)


@given(seed=st.integers(0, 2**31), count=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("normalisation", ["public", "appended"])
def test_no_client_moves_the_sum_by_more_than_the_sensitivity(normalisation, seed, count):
    claimed = sensitivity(CLIP, normalisation, appended_scale(CLIP, SHARE))
    assert furthest(normalisation, count=count, seed=seed) <= claimed * (1 + 1e-6)


def test_the_claim_is_tight():
    """The search comes close to it, so it would notice a claim that is too low by a tenth."""
    for normalisation in ("public", "appended"):
        claimed = sensitivity(CLIP, normalisation, appended_scale(CLIP, SHARE))
        found = max(furthest(normalisation, count=8, seed=seed) for seed in range(300))
        assert found > 0.9 * claimed


def released(normalisation, vectors, weights) -> torch.Tensor:
    """The step, scaled to the sum that the public denominator would have made it of."""
    scale = appended_scale(CLIP, SHARE)
    total = carried(vectors, weights, normalisation, scale).double().sum(0)
    return EXPECTED * step(total, normalisation, EXPECTED, scale)


def worst_move(normalisation) -> float:
    moves = []
    for seed in range(200):
        vectors, weights = cohort(seed, 1 + seed % 6)
        whole = released(normalisation, vectors, weights)
        moves += [
            float((whole - released(normalisation, vectors[rest], weights[rest])).norm())
            for rest in ~torch.eye(len(weights), dtype=torch.bool)
        ]
    return max(moves)


def test_self_normalised_weights_break_the_sensitivity():
    """A client that is alone in its cohort moves the published step by q N ω̄ times what is claimed."""
    assert worst_move("public") <= CLIP * (1 + 1e-6)
    assert worst_move("cohort") > 4 * CLIP


def test_without_noise_all_agree_on_equal_weights():
    """Limit: where everybody weighs 1 and the cohort is as large as expected, the three are one."""
    vectors = torch.randn(8, 5, generator=torch.Generator().manual_seed(3))
    weights = torch.ones(8, dtype=torch.float64)
    steps = [released(kind, vectors, weights) for kind in ("public", "appended", "cohort")]
    torch.testing.assert_close(steps[0], steps[1])
    torch.testing.assert_close(steps[0], steps[2])


def test_an_empty_cohort_moves_nothing():
    nothing = torch.zeros(0, 5), torch.zeros(0, dtype=torch.float64)
    for kind in ("public", "appended", "cohort"):
        assert released(kind, *nothing).tolist() == [0.0] * 5


def test_a_negative_noisy_weight_does_not_turn_the_step_around():
    total = torch.tensor([1.0, -2.0, -0.7], dtype=torch.float64)
    assert step(total, "appended", EXPECTED, 0.5).tolist() == [1 / 2, -2 / 2]


@pytest.fixture
def federation(backbone, template, clients: tuple[ClientData, ...], config, stream) -> Federation:
    method = build("privfedtalk", {"gamma": 3.0})
    return Federation(
        backbone=backbone, template=template, clients=clients, config=config, method=method, stream=stream
    )


def test_a_round_of_published_weights_is_the_weighted_mean(federation: Federation):
    """Oracle: Σ w_k Δ_k with w_k = ω_k / Σ ω, from the messages and the log."""
    from privtalk.methods.federation.transcript import Keep

    config = federation.config.model_copy(update={"normalisation": "cohort"})
    run = replace(federation, config=config, keep=Keep(messages=True))
    after = play_round(run, TrainingState.start(run.template))
    sent, log = after.transcript.messages[0].double(), after.transcript.log[0]
    weights = torch.tensor(log.weights, dtype=torch.float64)
    expected = sent[:, :-1].sum(0) / weights.sum()
    moved = after.adapters[0].double() - TrainingState.start(run.template).adapters[0]
    torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-7)
    assert log.up_bytes == log.down_bytes + 4 * len(log.cohort)


def test_the_noise_of_an_appended_weight_has_the_joint_sensitivity(federation: Federation):
    config = federation.config.model_copy(update={"normalisation": "appended", "rate": 1e-9})
    mechanism = GaussianMechanism(clip=3.0, noise_multiplier=2.0)
    run = replace(federation, config=config, mechanism=mechanism)
    scale = appended_scale(3.0, config.appended_share)
    after = play_round(run, TrainingState.start(run.template))
    moved = after.adapters[0].double() - TrainingState.start(run.template).adapters[0]
    joint = replace(mechanism, clip=math.hypot(3.0, scale))
    noise = joint.noise(run.template.dim + 1, run.stream("round", 0, "privacy"))
    expected = step(noise, "appended", run.denominator, scale)
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def test_the_published_sum_of_weights_is_released_without_noise(federation: Federation):
    """Oracle: (Σ vectors + N(0, (zC)²)) / Σ ω with the exact Σ ω of the log."""
    from privtalk.methods.federation.transcript import Keep

    config = federation.config.model_copy(update={"normalisation": "cohort"})
    mechanism = GaussianMechanism(clip=3.0, noise_multiplier=2.0)
    run = replace(federation, config=config, mechanism=mechanism, keep=Keep(messages=True))
    after = play_round(run, TrainingState.start(run.template))
    sent, log = after.transcript.messages[0].double(), after.transcript.log[0]
    noise = mechanism.noise(sent.shape[1], run.stream("round", 0, "privacy"))
    expected = (sent.sum(0) + noise)[:-1] / sum(log.weights)
    moved = after.adapters[0].double() - TrainingState.start(run.template).adapters[0]
    torch.testing.assert_close(moved, expected, rtol=1e-5, atol=1e-6)
