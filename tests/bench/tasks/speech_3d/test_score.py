"""Scores at their limits: the truth, and motion that is wrong in one way alone."""

from __future__ import annotations

import numpy as np
import pytest

from privtalk.bench.corpus.rendered.mesh_rig import CHANNELS
from privtalk.bench.tasks.speech_3d.animation import Animated, animate
from privtalk.bench.tasks.speech_3d.score import ONE_TAKE, reader_of, score, unit_of
from privtalk.metrics.mesh import MESH_METRICS, eve, lve, mve

ERRORS = ("lve", "eve", "mve", "fdd", "absolute_fdd")


@pytest.fixture
def scored(cell_of, corpus):
    spec = cell_of("teacher").corpus

    def find(codes, part="test", **fields):
        return score(spec, part, Animated(codes=codes.astype(np.float32), **fields))

    return find


@pytest.fixture
def truth(corpus):
    return corpus.parts["test"].codes


def test_the_truth_has_no_error_and_reads_as_the_truth_does(scored, truth):
    found = scored(truth)
    for name in ERRORS:
        assert found.columns[name] == [0.0] * len(truth)
    assert set(found.columns["closure"]) <= {1.0, None}
    assert found.columns["readability"] == found.truths["readability"]
    assert all(value < 0 for value in found.columns["eve_above_floor"])


def test_lengths_are_millimetres(scored, truth, corpus):
    wrong = truth.copy()
    wrong[..., CHANNELS.index("smile")] += 0.5
    found, rig, who = scored(wrong), corpus.rig, corpus.parts["test"].people[0]
    shown, true = (rig.vertices(codes[0], who) for codes in (wrong, truth))
    mm = rig.millimetres
    assert found.columns["lve"][0] == pytest.approx(lve(shown, true, rig.lips) * mm**2)
    assert found.columns["eve"][0] == pytest.approx(eve(shown, true, rig.eyes) * mm**2)
    assert found.columns["mve"][0] == pytest.approx(mve(shown, true) * mm)
    assert {unit_of(MESH_METRICS[name].unit, rig) for name in ("lve", "eve")} == {"mm²"}
    assert found.columns["lve"][0] > 0.1
    assert found.columns["eve"][0] < 1e-3


def test_a_fault_of_the_brows_leaves_the_lips_and_a_fault_of_the_jaw_leaves_the_eyes(scored, truth):
    brows, jaw = truth.copy(), truth.copy()
    brows[..., CHANNELS.index("inner_brow")] += 0.5
    jaw[..., CHANNELS.index("jaw")] += 0.3
    jaw[..., CHANNELS.index("open")] += 0.3
    jaw[..., [CHANNELS.index(name) for name in ("closing", "press")]] = 0
    upper, lower = scored(brows), scored(jaw)
    assert max(upper.columns["lve"]) < 1e-6 < min(upper.columns["eve"])
    assert upper.columns["readability"] == upper.truths["readability"]
    assert max(lower.columns["eve"]) < 0.05 * min(lower.columns["lve"])
    assert set(lower.columns["closure"]) <= {0.0, None}


def test_eve_above_its_floor_is_what_the_mean_of_takes_does_not_have(scored, corpus):
    found = scored(corpus.parts["test"].others.mean(1))
    assert found.columns["eve_above_floor"] == [0.0] * len(found.columns["eve"])
    assert min(found.columns["eve"]) > 0
    assert max(found.columns["lve"]) < 1e-6


def test_diversity_is_of_samples_and_the_truths_of_its_takes(scored, corpus, truth):
    others = corpus.parts["test"].others
    found = scored(others[:, 0], samples=(others[:, 1], others[:, 2]))
    assert found.columns["diversity"] == pytest.approx(found.truths["diversity"])
    rig, who = corpus.rig, corpus.parts["test"].people[0]
    a, b, c = (rig.vertices(others[0, k], who)[:, rig.upper].astype(float) for k in range(3))
    apart = [np.linalg.norm(x - y, axis=-1).mean() for x, y in ((a, b), (a, c), (b, c))]
    assert found.columns["diversity"][0] == pytest.approx(np.mean(apart) * rig.millimetres, rel=1e-5)
    assert scored(truth).columns["diversity"] == [0.0] * len(truth)
    assert scored(truth, samples=(truth, truth)).columns["diversity"] == [0.0] * len(truth)


def test_the_linear_ceiling_is_near_the_truth_and_not_the_truth(scored, truth):
    found = scored(truth, linear=True)
    nothing = scored(0 * truth)
    for name in ("lve", "mve"):
        assert 0 < np.mean(found.columns[name]) < 0.3 * np.mean(nothing.columns[name])


def test_what_was_not_made_has_no_scores_and_says_why(cell_of, corpus):
    found = score(cell_of("teacher").corpus, "test", None)
    assert set(found.columns) == set(MESH_METRICS)
    assert all(value is None for column in found.columns.values() for value in column)
    assert set(found.missing.values()) == {ONE_TAKE}


def test_the_reader_knows_true_lips_better_than_the_commonest_viseme(cell_of, corpus, scored, truth):
    assert reader_of(cell_of("teacher").corpus) is not None
    said = corpus.parts["test"].visemes
    commonest = np.bincount(said[said >= 0]).max() / (said >= 0).sum()
    found = scored(0 * truth)
    assert np.mean(found.truths["readability"]) > np.mean(found.columns["readability"])
    assert np.mean(found.truths["readability"]) > 0.8 * commonest


def test_every_part_is_scored_on_its_own_clips(scored, corpus, cell_of):
    strange = corpus.parts["strangers"].codes
    assert scored(strange, "strangers").columns["lve"] == [0.0] * len(strange)
    floor = animate(cell_of("held_template"), corpus, None, "strangers")
    assert min(scored(floor.codes, "strangers").columns["mve"]) > 0
