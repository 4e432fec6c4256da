"""Similarity by distance: limits, the published threshold, and what is refused."""

import numpy as np
import pytest

from privtalk.metrics import ClipPair, Reading, score_clip
from privtalk.metrics.evaluators.bundle import Given
from privtalk.metrics.identity_distance import EVERY, SAME, distance_similarity
from tests.metrics.toys import face, talking

DRAWN = np.random.default_rng(0)
TEMPLATE = DRAWN.normal(size=(1, 128))


def at(distance, count=3):
    """Descriptors at a distance from the template, in drawn directions."""
    away = DRAWN.normal(size=(count, 128))
    return TEMPLATE + distance * away / np.linalg.norm(away, axis=1, keepdims=True)


@pytest.mark.parametrize(("distance", "expected"), [(0.0, 1.0), (0.3, 0.5), (SAME, 0.0), (1.2, -1.0)])
def test_one_for_equal_faces_and_nothing_at_the_published_threshold(distance, expected):
    assert distance_similarity(at(distance), TEMPLATE) == pytest.approx(expected, abs=1e-9)


def test_falls_with_the_distance_and_moves_with_nothing_else():
    values = [distance_similarity(at(d), TEMPLATE) for d in (0.1, 0.2, 0.4, 0.8)]
    assert values == sorted(values, reverse=True)
    shift = DRAWN.normal(size=128)
    assert distance_similarity(at(0.2) + shift, TEMPLATE + shift) == pytest.approx(values[1])


def test_the_template_is_the_mean_of_the_true_descriptors():
    true = at(0.5, 40)
    assert distance_similarity(true.mean(0, keepdims=True), true) == pytest.approx(1)


@pytest.mark.parametrize(
    ("generated", "truth", "said"),
    [
        (np.zeros((2, 4)), np.zeros((2, 5)), "one network must make both"),
        (np.full((2, 4), np.nan), np.zeros((2, 4)), "finite"),
        (np.zeros((0, 4)), np.zeros((2, 4)), r"\[T, D\]"),
    ],
)
def test_other_arrays_are_refused(generated, truth, said):
    with pytest.raises(ValueError, match=said):
        distance_similarity(generated, truth)


def test_the_metric_reads_every_fifth_frame_and_is_missing_without_a_true_face():
    read = []

    class Brightness:
        """A recogniser that sees brightness."""

        def __call__(self, frames, landmarks):
            read.append(len(frames))
            return np.repeat(frames.mean((1, 2, 3), dtype=np.float64)[:, None] / 255, 128, 1)

    class Onlooker:
        """A reader of points that tells whether there is a face."""

        def __init__(self, shown):
            self.shown = shown

        def __call__(self, frames, landmarks):
            return landmarks.astype(np.float64)

        def shows_face(self, frames, landmarks):
            return self.shown

    def scored(shown):
        using = Given({("identity", "dlib"): Brightness(), ("landmarks", "dlib"): Onlooker(shown)})
        made, true = (Reading(talking(seed), face(), using) for seed in (1, 1))
        return score_clip(ClipPair(made, true))

    found = scored(True)
    assert set(read) == {-(-len(talking()) // EVERY)}
    assert found.scores["identity[dlib]"] == found.truth["identity[dlib]"] < 1
    lost = scored(False)
    assert lost.scores["identity[dlib]"] is None
    assert lost.missing["identity[dlib]"] == "the true frames show no face"
