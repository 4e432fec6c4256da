"""Who is animated: separable people are named, noise is at chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from privtalk.attacks.identity import animation

PEOPLE, SHOWN, CLIPS = 20, 8, 3


def motion(rng, habits, who, strength):
    noise = rng.normal(size=(len(who), 30, habits.shape[1]))
    return strength * habits[who][:, None] + noise


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    habits = rng.normal(size=(PEOPLE, 6))
    who = np.repeat(np.arange(PEOPLE), CLIPS)
    own = np.repeat(np.arange(SHOWN), 2)
    return rng, habits, who, own


def outcome(world, strength, shown_strength=None):
    rng, habits, who, own = world
    known = animation.motion_features(motion(rng, habits, who, strength))
    shown = animation.motion_features(
        motion(rng, habits, own, strength if shown_strength is None else shown_strength)
    )
    scores = animation.likelihoods(known, who, shown, PEOPLE)
    return animation.judged(animation.MOTION, scores, own, torch.Generator().manual_seed(0))


def test_people_who_move_alike_every_time_are_named(world):
    found = outcome(world, 3.0)
    assert found.measures["rank1"].estimate.value == 1.0
    assert found.measures["rank1"].chance == 1 / PEOPLE
    assert found.evaluation is not None
    assert found.evaluation.auc.value > 0.99
    assert found.valid


def test_an_animation_that_shows_nobody_is_at_chance(world):
    found = outcome(world, 3.0, shown_strength=0.0)
    assert found.measures["rank1"].estimate.low <= 1 / PEOPLE
    assert found.evaluation is not None
    assert found.evaluation.auc.low <= 0.5 <= found.evaluation.auc.high
    assert found.valid


def test_the_wrong_person_is_a_control_with_the_power_to_fail(world):
    _, _, _, own = world
    scores = np.zeros((len(own), PEOPLE))
    scores[:, :SHOWN] = 5.0  # everybody who is shown at all is likelier than a stranger
    found = animation.judged(animation.MOTION, scores, own, torch.Generator().manual_seed(0))
    assert not found.controls["wrong person"].passed
    assert not found.valid


def test_likelihoods_are_those_of_normals_with_one_covariance(world):
    rng, habits, who, own = world
    known, shown = habits[who] + 0.1 * rng.normal(size=(len(who), 6)), habits[own]
    found = animation.likelihoods(known, who, shown, PEOPLE)
    centre, spread = known.mean(0), known.std(0) + 1e-9
    x, y = (known - centre) / spread, (shown - centre) / spread
    means = np.stack([x[who == p].mean(0) for p in range(PEOPLE)])
    residual = x - means[who]
    within = residual.T @ residual / len(x)
    within = 0.9 * within + 0.1 * np.eye(6) * np.trace(within) / 6
    apart = y[:, None] - means[None]
    expected = -0.5 * np.einsum("npi,ij,npj->np", apart, np.linalg.inv(within), apart)
    assert found == pytest.approx(expected, rel=1e-8)


def test_without_strangers_only_the_rank_is_told(world):
    _, _, _, own = world
    found = animation.judged(animation.MOTION, np.eye(SHOWN)[own], own, torch.Generator().manual_seed(0))
    assert found.evaluation is None
    assert found.measures["rank1"].estimate.value == 1.0
