"""Who is animated, on a row's animations and embeddings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from privtalk.bench.tasks.speech_3d.animation import Animated
from privtalk.bench.tasks.speech_3d.leak import leaks
from privtalk.bench.tasks.speech_3d.lessons import opened


def test_true_motion_is_told_as_well_as_the_planted_strength(cell_of, corpus):
    cell, truth = cell_of("conditional_mean"), corpus.parts["test"].codes
    found = leaks(cell, corpus, None, Animated(codes=truth))
    assert set(found) == {"motion_identity"}
    attack = found["motion_identity"]
    assert attack.headline == "auc"
    assert attack.auc.value == attack.strength.estimate.value
    assert attack.measures["rank1"].chance == pytest.approx(1 / len(corpus.speakers))
    assert attack.controls


def test_a_row_that_shows_the_same_face_of_everybody_is_at_chance(cell_of, corpus):
    truth = corpus.parts["test"].codes
    same = np.broadcast_to(truth[:1], truth.shape).copy()
    attack = leaks(cell_of("mean_motion"), corpus, None, Animated(codes=same))["motion_identity"]
    assert attack.measures["rank1"].estimate.value <= 1 / len(set(corpus.parts["test"].people))


def test_people_who_move_in_a_way_of_their_own_are_named(cell_of, corpus):
    """A planted fault: what the attacker holds and what is shown carry each person's own offset."""
    rng = np.random.default_rng(0)
    habits = {who: 3 * rng.normal(size=corpus.scale.mean.shape) for who in corpus.speakers}

    def marked(part):
        clips = corpus.parts[part]
        return (clips.codes + np.stack([habits[who] for who in clips.people])[:, None]).astype(np.float32)

    parts = {part: replace(corpus.parts[part], codes=marked(part)) for part in ("train", "test")}
    known = corpus._replace(parts={**corpus.parts, **parts})
    found = leaks(cell_of("mean_motion"), known, None, Animated(codes=parts["test"].codes))
    assert found["motion_identity"].measures["rank1"].estimate.value == 1
    assert found["motion_identity"].strength.estimate.value == 1


@pytest.mark.parametrize(
    ("method", "attacks"),
    [
        ("teacher", {"motion_identity", "identity_embedding", "emotion_embedding"}),
        ("unitalker", {"motion_identity"}),
    ],
)
def test_embeddings_are_attacked_where_there_are_some(cell_of, corpus, method, attacks):
    cell = cell_of(method)
    truth = Animated(codes=corpus.parts["test"].codes)
    found = leaks(cell, corpus, opened(cell, corpus), truth)
    assert set(found) == attacks
    assert all(attack.strength is not None for attack in found.values())
