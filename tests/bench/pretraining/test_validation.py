"""A backbone's validation: rows of each person's second clip, means over people, and a gain over the portrait."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.bench.pretraining.validation import KEPT, pairs, rows, told_in_step, validate
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given
from privtalk.metrics.psnr import psnr
from tests.metrics.toys import knows_the_opening

ROWS = ("autoencoder", "static", "zero_shot")
FRAMES = 16


@pytest.fixture(scope="module")
def clips():
    """Three clips of each of two people."""
    return [film(character(0, "heldout", who), "test", k, FRAMES, 32) for who in (0, 1) for k in range(3)]


@pytest.fixture(scope="module")
def backbone():
    return Backbone.tiny()


@pytest.fixture(scope="module")
def found(backbone, clips):
    return validate(
        backbone, clips, partial(torch_stream, 0), Given({("mouth", TALKHEAD): knows_the_opening})
    )


def test_a_person_is_known_by_the_first_clip_and_speaks_the_second(clips):
    assert [(a.utterance, b.utterance) for a, b in pairs(clips)] == [
        (clips[0].utterance, clips[1].utterance),
        (clips[3].utterance, clips[4].utterance),
    ]


def test_rows_and_metrics_are_named_and_a_still_portrait_has_no_sync(found):
    expected = {f"{row}/{metric}" for row in ("truth", *ROWS) for metric in KEPT}
    expected = {name for name in expected if "[" not in name}  # no such network is given
    assert set(found) == (expected - {"static/mouth_sync"}) | {"gain/psnr", "synchrony/auc"}
    assert found["truth/psnr"] == found["truth/psnr_mouth"] == 100
    assert found["truth/ssim"] == found["truth/mouth_sync"] == pytest.approx(1)


def test_values_are_means_over_people(found, clips):
    static = [
        psnr(np.repeat(first.frames[:1], FRAMES, 0), second.frames)
        for first, second in ((clips[0], clips[1]), (clips[3], clips[4]))
    ]
    assert found["static/psnr"] == pytest.approx(np.mean(static))
    assert found["gain/psnr"] == pytest.approx(found["zero_shot/psnr"] - found["static/psnr"])


def test_what_is_shown_has_the_frames_of_the_spoken_clip(backbone, clips):
    shown = rows(backbone, clips[0], clips[1], torch_stream(0, "a"))
    assert set(shown) == {"truth", *ROWS}
    assert all(
        frames.shape == clips[1].frames.shape and frames.dtype == np.uint8 for frames in shown.values()
    )
    np.testing.assert_array_equal(shown["static"][7], clips[0].frames[0])
    again = rows(backbone, clips[0], clips[1], torch_stream(0, "a"))
    np.testing.assert_array_equal(shown["zero_shot"], again["zero_shot"])


def test_sets_are_scored_where_a_network_is_given(backbone, clips):
    def features(frames):
        return frames.reshape(len(frames), -1)[:, :8].astype(np.float32)

    given = Given({("mouth", TALKHEAD): knows_the_opening, ("frames", TALKHEAD): features})
    found = validate(backbone, clips, partial(torch_stream, 0), given)
    assert found["truth/fid[talkhead]"] == pytest.approx(0, abs=1e-3)
    assert found["zero_shot/fid[talkhead]"] > 1


def test_lips_and_speech_in_step_are_told_and_strangers_are_not(backbone, clips):
    """Speech that is embedded as the lips are is told at once; with every embedding alike it is chance."""
    apart = torch.eye(FRAMES)

    class Telling:
        features = backbone.features
        lips = staticmethod(lambda latents, landmarks: apart)
        speech = staticmethod(lambda audio: apart)

    assert told_in_step(Telling(), clips[0]) == 1
    Telling.speech = staticmethod(lambda audio: torch.ones_like(apart))
    assert told_in_step(Telling(), clips[0]) == 0.5
