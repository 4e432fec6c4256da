"""Identity similarity: limits and what a template is for."""

import numpy as np
import pytest

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.identity import identity_similarity


def unit(seed, count=6, dim=8):
    points = np.random.default_rng(seed).normal(size=(count, dim))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_the_template_itself_is_perfect_and_its_opposite_worst():
    one = unit(0, 1)
    assert identity_similarity(np.repeat(one, 4, 0), one) == pytest.approx(1)
    assert identity_similarity(-one, one) == pytest.approx(-1)


def test_is_the_mean_cosine_to_the_mean_direction():
    made, true = unit(1), unit(2)
    template = true.mean(0) / np.linalg.norm(true.mean(0))
    assert identity_similarity(made, true) == pytest.approx(np.mean([x @ template for x in made]))


def test_does_not_depend_on_the_order_of_frames():
    made, true = unit(3), unit(4)
    assert identity_similarity(made[::-1], true) == pytest.approx(identity_similarity(made, true))


def test_a_template_that_cancels_has_no_value():
    with pytest.raises(Undefined, match="no template"):
        identity_similarity(unit(5), np.array([[1.0, *[0] * 7], [-1.0, *[0] * 7]]))
