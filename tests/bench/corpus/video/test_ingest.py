"""One film through `convert`, with a red square for a face and a dark bar in it for a mouth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.video.decoding import VideoError
from privtalk.bench.corpus.video.faces import Face
from privtalk.bench.corpus.video.ingest import Models, PrepareOptions, VideoSource, convert

SHAPE = np.stack([np.arange(68) % 10 / 9, np.arange(68) // 10 / 6], -1)
"""68 points over a unit square, eyes and mouth corners where a face has them."""
SHAPE[36:42], SHAPE[42:48], SHAPE[48], SHAPE[54] = (0.25, 0.3), (0.75, 0.3), (0.3, 0.8), (0.7, 0.8)

EMPTY = np.full((96, 128, 3), 90, np.uint8)


def red(picture: np.ndarray) -> list[Face]:
    """The red square, if there is one."""
    rows, columns = np.nonzero((picture[..., 0] > 180) & (picture[..., 1] < 80))
    if not len(rows):
        return []
    corner = np.array([columns.min(), rows.min()], float)
    return [Face(np.array([*corner, *(np.array([columns.max() + 1, rows.max() + 1]) - corner)]), 0.9)]


def tone(seconds: float) -> np.ndarray:
    return 0.5 * np.sin(0.2 * np.arange(round(16000 * seconds)))[None]


def talking(count: int, left: int = 40) -> list[np.ndarray]:
    """A face whose mouth opens and closes several times a second."""
    frames = []
    for number in range(count):
        frame = EMPTY.copy()
        frame[30:70, left : left + 40] = (220, 30, 30)
        half = 1 + (0, 3, 1, 4, 2)[number % 5]
        frame[40:44, left + 6 : left + 14] = frame[40:44, left + 26 : left + 34] = (60, 0, 0)
        frame[60 - half : 60 + half, left + 10 : left + 30] = (60, 0, 0)
        frames.append(frame)
    return frames


@pytest.fixture
def converted(tmp_path: Path, film: Any, sine: Any) -> Any:
    """Clips and notes of a film of these frames."""

    def run(frames: Sequence[np.ndarray], **choices: Any) -> tuple[list[Clip], list[str]]:
        choices = {"sound": sine(len(frames) / 25)} | choices
        path = film(tmp_path / "a.mkv", frames, **choices)
        notes: list[str] = []
        models = Models(red, lambda _, box: box[:2] + SHAPE * box[2:])
        clips = list(
            convert(VideoSource(path, "ann", "a"), PrepareOptions(), models, lambda _: None, notes.append)
        )
        return clips, notes

    return run


def test_a_film_kept_whole_has_no_note(converted: Any) -> None:
    clips, notes = converted(talking(75))
    assert ([clip.length for clip in clips], notes) == ([75], [])


def test_what_is_left_out_is_said(converted: Any, sine: Any) -> None:
    frames = [EMPTY] * 40 + talking(75) + [np.full_like(EMPTY, 255)] * 5 + talking(60, left=80)
    clips, notes = converted(frames, sound=sine(len(frames) / 25))
    assert [clip.length for clip in clips] == [75]
    assert notes == ["3.0 of 7.2 s kept (2.4 s of other shots or faces, 1.8 s without a face)"]


def test_sound_that_ends_early_is_said(converted: Any, sine: Any) -> None:
    clips, notes = converted(talking(150), sound=sine(4.0))
    assert sum(clip.length for clip in clips) == 100
    assert notes == ["4.0 of 6.0 s kept (2.0 s past the sound's end)"]


def test_silent_segments_are_said(converted: Any, sine: Any) -> None:
    sound = sine(6.0)
    sound[:, : 3 * 16000] = 0
    clips, notes = converted(talking(150), sound=sound)
    assert [clip.utterance for clip in clips] == ["a-000075"]
    assert notes == ["3.0 of 6.0 s kept (3.0 s silent or left over)"]


def test_a_film_without_a_face_is_refused(converted: Any) -> None:
    with pytest.raises(VideoError, match="faceless: no face in 75 frames"):
        converted([EMPTY] * 75)


def test_a_photograph_with_a_voice_is_refused(converted: Any) -> None:
    with pytest.raises(VideoError, match="the picture does not move: a photograph, or a frozen film"):
        converted(talking(1) * 75)


def test_frozen_segments_are_left_out_and_said(converted: Any) -> None:
    clips, notes = converted([*talking(75), *talking(1) * 75])
    assert [clip.utterance for clip in clips] == ["a-000000"]
    assert notes == ["3.0 of 6.0 s kept (3.0 s in which the picture does not move)"]


@pytest.mark.parametrize("rate", [1, 2, 4, 5, 8])
def test_a_film_of_few_pictures_a_second_is_refused(converted: Any, rate: int) -> None:
    frames = talking(3 * rate + 1)
    with pytest.raises(VideoError, match=rf"too slow: {rate} different pictures a second|does not move"):
        converted(frames, rate=rate, sound=tone(3.0))


def test_repeats_do_not_make_a_slow_film_fast(converted: Any) -> None:
    frames = [frame for frame in talking(15) for _ in range(5)]
    with pytest.raises(VideoError, match="too slow: 5 different pictures a second, at least 10 are needed"):
        converted(frames)


@pytest.mark.parametrize("rate", [10, 12, 15, 30, 60])
def test_films_of_ten_and_more_are_taken(converted: Any, rate: int) -> None:
    clips, _ = converted(talking(3 * rate), rate=rate, sound=tone(3.0))
    assert [clip.length for clip in clips] == [75]


def test_a_face_that_is_hardly_seen_is_refused(converted: Any) -> None:
    frames = talking(75)
    for number, frame in enumerate(frames):
        if number % 6:
            # Grey, so that the detector loses it; each hole is shorter than a face may go unseen.
            frame[..., 1:] = np.maximum(frame[..., 1:], 120)
    with pytest.raises(VideoError, match="seen in fewer than half of the pictures"):
        converted(frames)
