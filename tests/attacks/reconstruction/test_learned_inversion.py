"""The regression on linear worlds with a known answer, and on messages that say nothing."""

import pytest
import torch

from privtalk.attacks.reconstruction.learned_inversion import (
    RIDGES,
    Encoder,
    Simulated,
    Simulation,
    best_ridge,
    invert,
    ridge,
    simulate,
)
from privtalk.attacks.reconstruction.prior import looks
from tests.attacks.reconstruction.toys import (
    BACKBONE,
    PUBLIC,
    RECIPE,
    START,
    TEMPLATE,
    adam,
    person,
    randn,
    stream,
)

DIM = TEMPLATE.dim
MATRIX = randn(FLAT := looks(PUBLIC)[0].numel(), DIM, name=("matrix",)) / FLAT**0.5
BASE = 3 * randn(DIM, name=("base",))
"""What every message shares."""


def linear_messages(people, noise, name, repeats=1):
    faces = looks(people).flatten(1).repeat(repeats, 1)
    return BASE + faces @ MATRIX + noise * randn(len(faces), DIM, name=(name,))


def linear_world(noise, repeats=3):
    return {0: Simulated.of(linear_messages(PUBLIC, noise, "simulated", repeats), TEMPLATE)}


STRANGERS = [person(i) for i in range(8)]


def unexplained(made):
    truth, mean = looks(STRANGERS), looks(PUBLIC).mean(0)
    return float((made - truth).square().sum() / (truth - mean).square().sum())


def test_strangers_of_a_linear_world_are_drawn():
    made = invert(linear_world(0.1), {0: linear_messages(STRANGERS, 0.1, "heard")}, PUBLIC)
    assert unexplained(made) < 0.1


def test_messages_that_say_nothing_give_the_prior_mean():
    world = {0: Simulated.of(BASE + randn(60, DIM, name=("nothing",)), TEMPLATE)}
    made = invert(world, {0: BASE + randn(8, DIM, name=("also",))}, PUBLIC)
    assert unexplained(made) == pytest.approx(1, abs=0.15)


def test_weight_and_clipping_change_nothing():
    world, heard = linear_world(0.1), linear_messages(STRANGERS, 0.1, "heard")
    made, weighted = (invert(world, {0: factor * heard}, PUBLIC) for factor in (1, 0.01))
    torch.testing.assert_close(made, weighted, atol=1e-3, rtol=1e-3)


def test_a_second_round_helps():
    noise = 8.0
    rounds = {
        r: Simulated.of(linear_messages(PUBLIC, noise, f"simulated {r}", 3), TEMPLATE) for r in range(4)
    }
    heard = {r: linear_messages(STRANGERS, noise, f"heard {r}") for r in range(4)}
    one = [unexplained(invert(rounds, {r: heard[r]}, PUBLIC)) for r in range(4)]
    assert unexplained(invert(rounds, heard, PUBLIC)) < 0.6 * min(one)


def test_a_round_that_was_not_simulated_is_refused():
    with pytest.raises(ValueError, match="simulate them all"):
        invert(linear_world(0.1), {1: linear_messages(STRANGERS, 0.1, "heard")}, PUBLIC)


def test_ridge_is_the_primal_solution():
    features, targets = randn(12, 5, name=("features",)), randn(12, 3, name=("targets",))
    kernel, strength = features @ features.T, 0.3
    damp = strength * kernel.diagonal().mean()
    primal = torch.linalg.solve(features.T @ features + damp * torch.eye(5), features.T @ targets)
    torch.testing.assert_close(features.T @ ridge(kernel, targets, strength), primal, atol=1e-4, rtol=1e-4)


def test_the_ridge_is_weak_where_all_is_told_and_strong_where_nothing_is():
    owner = torch.arange(60) % 20
    targets = looks(PUBLIC).flatten(1)[owner]
    targets = targets - targets.mean(0)
    told = targets / targets.norm(dim=1).mean()
    untold = randn(60, 500, name=("untold",))
    assert best_ridge(told @ told.T, targets, owner) == RIDGES[0]
    assert best_ridge(untold @ untold.T, targets, owner) >= 1.0


def test_features_have_unit_length_and_know_no_mean():
    updates = linear_messages(PUBLIC, 1.0, "any")
    features = Encoder.of(updates, (DIM - 100, 100))(updates)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(len(updates)))
    assert features.mean(0).norm() < 0.3


def test_simulated_messages_differ_by_repeat_and_come_again_by_name():
    twice = [
        simulate(BACKBONE, TEMPLATE, START, PUBLIC[:3], adam(), Simulation(repeats=2), stream)
        for _ in range(2)
    ]
    assert torch.equal(*twice)
    assert twice[0].shape == (6, DIM)
    assert not torch.equal(twice[0][:3], twice[0][3:])


def test_who_is_simulated_beside_does_not_matter():
    many = simulate(BACKBONE, TEMPLATE, START, PUBLIC[:3], RECIPE, Simulation(repeats=1), stream)
    few = simulate(BACKBONE, TEMPLATE, START, PUBLIC[:2], RECIPE, Simulation(repeats=1), stream)
    torch.testing.assert_close(many[:2], few, atol=1e-5, rtol=1e-3)
