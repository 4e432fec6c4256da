"""The public people of a prepared corpus: who trains, who validates, and on which frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.prepared.recorded import digest, identities
from privtalk.bench.corpus.prepared.store import save_identity
from privtalk.bench.pretraining.recorded_pool import LONGEST, open_pool, two_windows
from privtalk.core.errors import UserError

PEOPLE = tuple(f"person-{k}" for k in range(9))


def filmed(name: str, number: int, frames: int = 40) -> Clip:
    rng = np.random.default_rng([sum(map(ord, name)), number])
    return Clip(
        frames=rng.integers(0, 256, (frames, 64, 64, 3), np.uint8),
        audio=(0.1 * rng.standard_normal(frames * 640)).astype(np.float32),
        fps=25.0,
        landmarks=(16 + 32 * rng.random((frames, 68, 2))).astype(np.float32),
        identity=name,
        utterance=f"u{number}",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root: Path = tmp_path_factory.mktemp("prepared")
    for k, name in enumerate(PEOPLE):
        save_identity(root / name, [filmed(name, n) for n in range(1 + k % 2)])
    return root


def told(*_: object) -> None:
    pass


def test_nobody_trains_and_validates(folder):
    pool = open_pool(folder, 64, PEOPLE)
    assert not set(pool.trained) & set(pool.held_back)
    assert set(pool.trained) | set(pool.held_back) == set(PEOPLE)
    assert len(pool.held_back) == 1
    assert open_pool(folder, 64, PEOPLE[::-1]) == pool


def test_clips_are_those_of_the_people_who_train_and_of_nobody_else(folder):
    pool = open_pool(folder, 64, PEOPLE[:5], held_back=("person-8",))
    clips = list(pool.training_clips(1, told))
    assert [clip.identity for clip in clips] == [
        n for k, n in enumerate(PEOPLE[:5]) for _ in range(1 + k % 2)
    ]
    np.testing.assert_array_equal(clips[0].frames, filmed("person-0", 0).frames)
    assert {clip.identity for clip in pool.validation_clips(1, told)} == {"person-8"}


def test_clips_are_brought_to_the_size(folder):
    pool = open_pool(folder, 32, PEOPLE)
    clip = next(pool.training_clips(1, told))
    assert clip.frames.shape == (40, 32, 32, 3)
    (name, *_) = pool.trained
    whole = next(open_pool(folder, 64, pool.trained, pool.held_back).training_clips(1, told))
    assert whole.identity == name
    np.testing.assert_allclose(clip.landmarks, whole.landmarks / 2, rtol=1e-6)


@pytest.mark.parametrize("name", PEOPLE[:2])
def test_portrait_and_speech_share_no_frame(folder, name):
    first, second = two_windows(identities(folder)[name])
    assert first.frames <= LONGEST
    assert first.file != second.file or first.start + first.frames <= second.start


def test_the_manifest_names_everybody(folder):
    pool = open_pool(folder, 64, PEOPLE)
    said = pool.provenance()
    assert said["people"] == list(pool.trained)
    assert said["held_back"] == list(pool.held_back)
    assert said["corpus"] == digest(identities(folder))


@pytest.mark.parametrize(
    ("public", "held_back", "fault"),
    [
        (("person-0",), (), "needs 2"),
        (("nobody", "person-0"), (), "nobody"),
        (("person-0", "person-1"), ("person-0", "person-1"), "needs 2"),
    ],
)
def test_a_mistake_is_told_in_a_line(folder, public, held_back, fault):
    with pytest.raises(UserError, match=fault) as error:
        open_pool(folder, 64, public, held_back)
    assert "\n" not in str(error.value)


def test_who_validates_needs_enough_footage(folder, tmp_path):
    save_identity(tmp_path / "short", [filmed("short", 0, frames=20)])
    save_identity(tmp_path / "long", [filmed("long", 0)])
    with pytest.raises(UserError, match="short has less than 24 frames"):
        open_pool(tmp_path, 64, ("long",), ("short",))
