"""Objectives against their closed forms, the descent against quadratics."""

import math

import pytest
import torch

from privtalk.attacks.reconstruction.dlg import dlg
from privtalk.attacks.reconstruction.inverting_gradients import inverting_gradients
from privtalk.attacks.reconstruction.matching import (
    Descent,
    Problem,
    cosine_distance,
    descend,
    squared_distance,
    total_variation,
)
from privtalk.core.seeds import torch_stream


def randn(*shape, name="draw"):
    return torch.randn(shape, generator=torch_stream(3, name))


TARGET = randn(3, 8, name="target")


def quadratic(unknowns):
    return squared_distance(unknowns[0], TARGET)


def test_objectives_by_definition():
    made, seen = randn(4, 9, name="made"), randn(4, 9, name="seen")
    torch.testing.assert_close(squared_distance(made, seen), ((made - seen) ** 2).sum(1))
    torch.testing.assert_close(cosine_distance(made, seen), 1 - torch.cosine_similarity(made, seen))
    torch.testing.assert_close(cosine_distance(7 * made, made), torch.zeros(4), atol=1e-6, rtol=0)


def test_total_variation_is_zero_for_flat_pictures_and_counts_one_step():
    flat = torch.ones(2, 3, 4, 4)
    assert total_variation(flat).tolist() == [0.0, 0.0]
    flat[1, :, :, 2:] += 1
    assert total_variation(flat)[1].item() == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "settings", [Descent(steps=400, lr=0.05), Descent(steps=400, lr=0.05, signed=True, decay=True)]
)
def test_the_minimum_of_a_quadratic_is_found(settings):
    found = descend([torch.zeros(3, 8)], quadratic, settings)
    torch.testing.assert_close(found.unknowns[0], TARGET, atol=0.02, rtol=0)
    assert found.history.shape == (401, 3)


def test_victims_do_not_influence_one_another():
    def objective(unknowns):
        return squared_distance(unknowns[0], TARGET[: len(unknowns[0])])

    together = descend([torch.zeros(3, 8)], objective, Descent(steps=20))
    alone = descend([torch.zeros(1, 8)], objective, Descent(steps=20))
    assert torch.equal(together.unknowns[0][:1], alone.unknowns[0])


def test_no_step_returns_the_start():
    found = descend([torch.zeros(3, 8)], quadratic, Descent(steps=0))
    assert torch.equal(found.unknowns[0], torch.zeros(3, 8))
    torch.testing.assert_close(found.loss, TARGET.square().sum(1))


def test_the_best_is_kept_and_not_the_last():
    found = descend([torch.zeros(3, 8)], quadratic, Descent(steps=30, lr=3.0))
    torch.testing.assert_close(found.loss, quadratic(found.unknowns))
    assert torch.equal(found.loss, found.history.min(0).values)


def test_an_average_forgets_the_noise_of_each_step():
    generator = torch_stream(3, "noise")

    def noisy(unknowns):
        return squared_distance(unknowns[0], TARGET + 3 * torch.randn(TARGET.shape, generator=generator))

    found = descend([torch.zeros(3, 8)], noisy, Descent(steps=1200, lr=0.05, keep="average"))
    assert (found.unknowns[0] - TARGET).abs().max() < 0.5


def test_unknowns_stay_in_their_box():
    box = (torch.tensor(-0.1), torch.tensor(0.2))
    found = descend([torch.zeros(3, 8)], quadratic, Descent(steps=50, bounds=(box,)))
    assert -0.1 <= found.unknowns[0].min() <= found.unknowns[0].max() <= 0.2


def test_a_victim_without_a_finite_loss_stays_where_it_is():
    def broken(unknowns):
        return quadratic(unknowns) * torch.tensor([1.0, math.nan, 1.0])

    found = descend([torch.zeros(3, 8)], broken, Descent(steps=50))
    assert torch.equal(found.unknowns[0][1], torch.zeros(8))
    assert found.loss[0] < TARGET[0].square().sum()


def test_the_callback_sees_every_step_and_the_picture():
    seen = []
    descend([torch.zeros(3, 8)], quadratic, Descent(steps=4), seen.append)
    assert [(s.step, s.steps) for s in seen] == [(i, 4) for i in range(5)]
    assert seen[0].picture.shape == (3, 8)
    assert not seen[-1].loss.requires_grad


def linear_problem():
    matrix = randn(8, 20, name="matrix")
    return Problem(lambda unknowns: unknowns[0].flatten(1) @ matrix, TARGET @ matrix)


def test_dlg_recovers_data_from_a_gradient_and_its_loss_is_relative():
    found = dlg(linear_problem(), [torch.zeros(3, 8)], Descent(steps=600, lr=0.05))
    torch.testing.assert_close(found.unknowns[0], TARGET, atol=0.05, rtol=0)
    assert found.history[0].tolist() == pytest.approx([1, 1, 1])


def test_inverting_gradients_recovers_the_direction_and_keeps_the_best_start():
    problem, settings = linear_problem(), Descent(steps=300, lr=0.05)
    starts = [[randn(3, 8, name=f"start {i}")] for i in range(3)]
    found = inverting_gradients(problem, starts, settings)
    assert torch.cosine_similarity(found.unknowns[0], TARGET).min() > 0.99
    alone = torch.stack([inverting_gradients(problem, [start], settings).loss for start in starts])
    torch.testing.assert_close(found.loss, alone.min(0).values)


def test_smoothness_flattens_the_picture():
    picture = randn(1, 3, 4, 4, name="picture")
    problem = Problem(lambda unknowns: unknowns[0].flatten(1), picture.flatten(1))
    rough, smooth = (
        inverting_gradients(problem, [[0.5 * picture]], Descent(steps=100, lr=0.05), smoothness=weight)
        for weight in (0.0, 10.0)
    )
    assert total_variation(smooth.unknowns[0]) < 0.5 * total_variation(rough.unknowns[0])


def test_nothing_to_do_is_refused():
    with pytest.raises(ValueError, match="needs a start"):
        inverting_gradients(linear_problem(), [])
    with pytest.raises(ValueError, match="rate above 0"):
        Descent(lr=0.0)
