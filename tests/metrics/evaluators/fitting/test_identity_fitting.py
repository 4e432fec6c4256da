"""Verification against scikit-learn, ArcFace's margin by its definition, and an embedder that learns tints."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.metrics.evaluators.crops.face_crop import FACE
from privtalk.metrics.evaluators.fitting.identity_fitting import (
    IdentityConfig,
    IdentityProblem,
    area,
    equal_error,
    verification,
    with_margin,
)
from privtalk.metrics.evaluators.talkhead.identity_network import DIM, IdentityNetwork
from tests.metrics.evaluators.problems import check_named_draws, losses, stream

scores = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@given(scores, scores)
@settings(deadline=None)
def test_area_is_scikit_learns(positive, negative):
    metrics = pytest.importorskip("sklearn.metrics")
    truth = [1] * len(positive) + [0] * len(negative)
    expected = metrics.roc_auc_score(truth, positive + negative)
    assert area(np.array(positive), np.array(negative)) == pytest.approx(expected)


def test_equal_error_is_that_of_two_normal_samples():
    """Two unit normals d apart: the threshold in the middle errs in Φ(-d/2) of either."""
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(2, 1, 20_000), rng.normal(0, 1, 30_000)
    assert equal_error(positive, negative) == pytest.approx(0.1587, abs=0.005)


@given(scores, scores)
def test_equal_error_is_where_the_two_errors_are_closest(positive, negative):
    positive, negative = np.array(positive), np.array(negative)
    rates = [
        ((positive < t).mean(), (negative >= t).mean())
        for t in np.unique(np.concatenate([positive, negative]))
    ]
    closest = min(abs(a - b) for a, b in rates)
    found = equal_error(positive, negative)
    assert any(
        found == pytest.approx((a + b) / 2)
        for a, b in rates
        if abs(a - b) == pytest.approx(closest, abs=1e-12)
    )


def test_the_limits_of_equal_error():
    apart = np.arange(5.0)
    assert equal_error(apart + 10, apart) == 0
    assert equal_error(apart, apart + 10) == pytest.approx(1, abs=0.21)
    assert equal_error(np.ones(4), np.ones(7)) == 0.5


@given(st.floats(-0.99, 0.99), st.floats(0, 1))
def test_the_margin_is_added_to_the_angle_of_the_own_class_alone(cosine, margin):
    row = torch.tensor([[cosine, 0.3, -0.2], [0.1, cosine, 0.9]], dtype=torch.float64)
    found = with_margin(row, torch.tensor([0, 1]), margin)
    expected = np.cos(min(np.arccos(cosine) + margin, np.pi))
    assert [found[0, 0].item(), found[1, 1].item()] == pytest.approx([expected] * 2, abs=1e-6)
    kept = torch.tensor([[False, True, True], [True, False, True]])
    assert torch.equal(found[kept], row[kept])


def test_no_margin_changes_nothing():
    cosines = torch.rand(5, 4, generator=stream("a")) * 1.8 - 0.9
    torch.testing.assert_close(with_margin(cosines, torch.tensor([0, 1, 2, 3, 0]), 0.0), cosines)


def test_a_margin_makes_a_right_answer_harder():
    cosines, own = torch.tensor([[0.9, 0.1]]), torch.tensor([0])
    loss = [
        torch.nn.functional.cross_entropy(16 * with_margin(cosines, own, margin), own)
        for margin in (0, 0.3, 0.6)
    ]
    assert loss[0] < loss[1] < loss[2]


def test_pairs_of_one_sitting_are_not_genuine():
    """Two people, two sittings of two frames: a sitting's frames are alike whoever sits."""
    person = np.repeat([0, 1], 4)
    sitting = np.tile(np.repeat([0, 1], 2), 2)
    angle = np.array([0, 0.01, 0.6, 0.61, 2, 2.01, 2.7, 2.71])
    found = verification(np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32), person, sitting)
    assert found.pairs == 8
    apart = [angle[place + a] - angle[place + b] for place in (0, 4) for a in (0, 1) for b in (2, 3)]
    genuine = np.cos(apart)
    impostor = np.cos(angle[:4, None] - angle[4:]).ravel()
    assert found.genuine == pytest.approx(genuine.mean(), abs=1e-5)
    assert found.impostor == pytest.approx(impostor.mean(), abs=1e-5)
    assert found.auc == area(genuine, impostor) == 1


def tinted(people=4, each=6):
    """Crops of people who are a tint, under noise."""
    rng = np.random.default_rng(0)
    tints = rng.uniform(40, 215, (people, 1, 1, 1, 3))
    crops = tints + rng.normal(0, 8, (people, each, FACE.rows + 6, FACE.columns + 6, 3))
    return np.clip(crops, 0, 255).astype(np.uint8).reshape(-1, *crops.shape[2:]), np.repeat(
        np.arange(people), each
    )


def build(given):
    return IdentityProblem(*tinted(), IdentityConfig(batch=12, ramp=20), given)


def test_draws_are_named():
    check_named_draws(build)


def test_a_few_steps_tell_people_apart():
    """Of batches that are drawn later, so that no batch is easier than another."""
    problem = build(stream)
    before = held_out(problem)
    losses(problem, 30, rate=1e-3)
    assert held_out(problem) < 0.6 * before


@torch.no_grad()
def held_out(problem):
    return np.mean([problem.loss(step).item() for step in range(1000, 1006)])


def test_the_margin_grows_from_nothing():
    problem = build(stream)
    flat = IdentityProblem(*tinted(), IdentityConfig(batch=12, margin=0), stream)
    with torch.no_grad():
        assert problem.loss(0).item() == flat.loss(0).item()
        assert problem.loss(10).item() > flat.loss(10).item()


def test_embeddings_are_unit_vectors():
    shown = 255 * torch.rand(3, 3, FACE.rows, FACE.columns, generator=stream("b"))
    found = IdentityNetwork()(shown)
    assert found.shape == (3, DIM)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
