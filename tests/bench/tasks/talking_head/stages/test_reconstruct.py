"""Galleries are laid out as their caption says, and likenesses are those of the metrics."""

from typing import get_args

import numpy as np
import torch
from PIL import Image

from privtalk.attacks.reconstruction.catalogue import ATTACKS
from privtalk.attacks.reconstruction.gallery import Gallery
from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.bench.corpus.spec import EMBEDDED
from privtalk.bench.tasks.talking_head.settings import Reconstruction
from privtalk.bench.tasks.talking_head.stages import reconstruct
from privtalk.bench.tasks.talking_head.stages.reconstruct import (
    COMPARED,
    likeness,
    picture,
    write_gallery,
)
from privtalk.bench.tasks.talking_head.stages.score import evaluators
from privtalk.metrics import ClipPair, Reading, score_clip


def plain(value, victims=2, side=64):
    return torch.full((victims, side, side, 3), value, dtype=torch.uint8)


GALLERY = Gallery(
    clients=(3, 8),
    victim=plain(10),
    prior=plain(20)[0],
    reconstruction={"x": plain(30)},
    wrong_client={"x": plain(40)},
)


def test_columns_are_victim_prior_reconstruction_wrong_client():
    made = picture(GALLERY, "x")
    assert made.shape == (4, 128, 64, 3)
    assert [int(column[0, 0, 0]) for column in made] == [10, 20, 30, 40]


def test_a_gallery_is_a_picture_an_attack(tmp_path):
    found = write_gallery(tmp_path, tmp_path / "artifacts" / "c", GALLERY)
    assert found == {"gallery/x": "artifacts/c/gallery/x.png"}
    with Image.open(tmp_path / found["gallery/x"]) as image:
        width, height = image.size
    assert width * 128 == height * 256
    assert write_gallery(tmp_path, tmp_path, None) == {}


def test_likeness_is_the_metrics():
    clip = film(character(0, "clients", 0), "test", 0, 3, 64)
    truth, landmarks = clip.frames, clip.landmarks
    made = np.random.default_rng(0).integers(0, 255, truth.shape, dtype=np.uint8)
    found = likeness([clip], EMBEDDED)(truth, made)
    using = evaluators(EMBEDDED)
    pair = ClipPair(
        Reading(made, landmarks, using, audio=clip.audio), Reading(truth, landmarks, using, audio=clip.audio)
    )
    scores = score_clip(pair).scores
    assert found["lpips[talkhead]"] == scores["lpips[talkhead]"]
    assert found["identity[talkhead]"] == scores["identity[talkhead]"]
    assert "lpips[alex]" not in found or scores["lpips[alex]"] is not None


def test_the_same_frames_are_measured_once(monkeypatch):
    asked = []
    monkeypatch.setattr(reconstruct, "_value", lambda name, pair: float(asked.append(name) or len(asked)))
    clip = film(character(0, "clients", 0), "test", 0, 3, 64)
    measure = likeness([clip], EMBEDDED)
    once = measure(clip.frames, 0 * clip.frames)
    assert measure(clip.frames, 0 * clip.frames) == once
    assert len(asked) == len(COMPARED)
    assert measure(clip.frames, clip.frames) != once


def test_a_suite_may_name_every_attack_there_is():
    assert set(get_args(Reconstruction)) == set(ATTACKS)
