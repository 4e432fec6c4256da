"""The motion that rows make of speech: floors, ceilings and networks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from privtalk.bench.tasks.speech_3d.animation import animate, noise_of
from privtalk.bench.tasks.speech_3d.lessons import lesson_of, new_network, opened


@pytest.fixture
def made(cell_of, corpus):
    """The motion that a reference row gives a part of the corpus."""
    return lambda method, part="test", of=None: animate(cell_of(method), of or corpus, None, part)


@pytest.mark.parametrize("part", ["test", "strangers"])
def test_references_are_what_they_say(made, corpus, part):
    clips = corpus.parts[part]
    assert not made("held_template", part).codes.any()
    mean = made("mean_motion", part).codes
    assert mean == pytest.approx(
        np.broadcast_to(corpus.parts["train"].codes.mean((0, 1)), mean.shape), abs=1e-4
    )
    assert np.array_equal(made("linear_reconstruction", part).codes, clips.codes)
    assert made("linear_reconstruction", part).linear
    assert made("conditional_mean", part).codes == pytest.approx(clips.others.mean(1), abs=1e-6)


@pytest.mark.parametrize("part", ["test", "strangers"])
def test_the_other_sentence_is_true_motion_of_somebody_else(made, corpus, part):
    clips = corpus.parts[part]
    for codes, who in zip(made("other_sentence", part).codes, clips.people, strict=True):
        [owner] = {clips.people[k] for k in range(len(clips)) if np.array_equal(clips.codes[k], codes)}
        assert owner != who


def test_a_persons_own_next_clip_is_not_another_sentence_of_somebody_else(made, corpus):
    test = corpus.parts["test"]
    of = corpus._replace(parts={**corpus.parts, "test": replace(test, people=("a", "a", "b"))})
    assert np.array_equal(made("other_sentence", of=of).codes, test.codes[[2, 2, 0]])


def test_without_further_takes_there_is_no_conditional_mean(made, corpus):
    test = replace(corpus.parts["test"], others=corpus.parts["test"].others[:, :0])
    assert made("conditional_mean", of=corpus._replace(parts={**corpus.parts, "test": test})) is None


def test_rows_of_a_seed_start_from_the_same_noise_and_clips_and_takes_have_their_own(cell_of, corpus):
    noise = noise_of(cell_of("diffusiontalker"), corpus, "test", 0)
    assert torch.equal(noise, noise_of(cell_of("teacher", "steps=4"), corpus, "test", 0))
    assert not torch.equal(noise, noise_of(cell_of("teacher", seeds=(1,)), corpus, "test", 0))
    assert not torch.equal(noise, noise_of(cell_of("teacher"), corpus, "test", 1))
    assert not torch.equal(noise[0], noise[1])


def test_rows_that_draw_are_drawn_as_often_as_asked_and_others_once(cell_of, corpus):
    drawn = cell_of("teacher")
    found = animate(drawn, corpus, opened(drawn, corpus), "test")
    assert len(found.samples) + 1 == drawn.evaluation.samples
    assert all(not np.array_equal(found.codes, sample) for sample in found.samples)
    again = animate(drawn, corpus, opened(drawn, corpus), "test")
    assert np.array_equal(found.codes, again.codes)
    plain = cell_of("unitalker")
    assert animate(plain, corpus, opened(plain, corpus), "test").samples == ()


def test_a_network_that_predicts_the_mean_is_the_row_of_the_mean(cell_of, corpus, made):
    """Standardised zeros come back as the mean of the training motion."""
    cell = cell_of("unitalker")
    network = new_network(lesson_of(cell), corpus).eval().requires_grad_(False)
    network.leave.weight.zero_()
    network.leave.bias.zero_()
    found = animate(cell, corpus, network, "strangers").codes
    assert found == pytest.approx(made("mean_motion", "strangers").codes, abs=1e-6)
