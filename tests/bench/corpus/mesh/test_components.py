"""Principal components against a singular value decomposition, and what codes mean."""

from __future__ import annotations

import numpy as np
import pytest

from privtalk.bench.corpus.mesh import components
from privtalk.bench.corpus.mesh.components import (
    codes_of_vertices,
    fit_components,
    quota,
    spread,
    squared_errors,
)


def displaced(frames: int = 80, points: int = 11, rank: int = 9) -> np.ndarray:
    rng = np.random.default_rng(3)
    sizes = 2.0 ** -np.arange(rank)
    return np.einsum(
        "tk,kvc->tvc", rng.normal(size=(frames, rank)) * sizes, rng.normal(size=(rank, points, 3))
    ).astype(np.float32)


@pytest.mark.parametrize("most", [1, 4, 9])
def test_reconstruction_is_that_of_the_singular_value_decomposition(most):
    moved = displaced()
    fitted = fit_components(moved, most)
    flat = moved.reshape(len(moved), -1).astype(np.float64)
    left, sizes, right = np.linalg.svd(flat, full_matrices=False)
    oracle = (left[:, :most] * sizes[:most]) @ right[:most]
    codes = codes_of_vertices(moved, fitted.displacements)
    ours = np.tensordot(codes, fitted.displacements, 1).reshape(len(moved), -1)
    np.testing.assert_allclose(ours, oracle, atol=2e-5)
    assert fitted.explained == pytest.approx(np.square(oracle).sum() / np.square(flat).sum(), abs=1e-6)
    error = squared_errors(moved, codes, fitted.displacements)
    assert error.sum() == pytest.approx(np.square(flat - oracle).sum(), abs=1e-6)


def test_codes_of_training_vary_by_one_and_are_none_at_rest():
    moved = displaced()
    fitted = fit_components(moved, 5)
    codes = codes_of_vertices(moved, fitted.displacements)
    np.testing.assert_allclose(codes.std(0), 1, atol=1e-4)
    assert not codes_of_vertices(np.zeros_like(moved[:1]), fitted.displacements).any()


def test_a_component_that_hardly_varies_is_not_blown_up():
    offset = np.ones((50, 4, 3), np.float32)
    offset[:, 0] += np.float32(1e-4) * np.arange(50, dtype=np.float32)[:, None]
    codes = codes_of_vertices(offset, fit_components(offset, 1).displacements)
    assert np.abs(codes).max() < 1.1 / components.STEADY


def test_there_are_no_more_components_than_the_motion_has():
    assert len(fit_components(displaced(rank=3), 64).displacements) == 3
    still = fit_components(np.zeros((4, 5, 3), np.float32), 64)
    assert (len(still.displacements), still.explained) == (0, 1.0)


def test_columns_are_taken_in_pieces_without_a_difference(monkeypatch):
    whole = fit_components(displaced(), 4).displacements
    monkeypatch.setattr(components, "COLUMNS", 7)
    np.testing.assert_allclose(fit_components(displaced(), 4).displacements, whole, atol=1e-5)


def test_frames_are_few_enough_and_spread_over_all_recordings():
    assert quota(200, 23370) == 2**29 // (12 * 23370) // 200
    assert quota(10**6, 10) == 1
    assert spread(100, 3).tolist() == [0, 50, 99]
