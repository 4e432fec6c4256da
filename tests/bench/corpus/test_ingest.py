"""One film through `convert`, with a red square for a face and a dark bar in it for a mouth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.faces import Face
from privtalk.bench.corpus.ingest import Models, PrepareOptions, Source, convert
from privtalk.bench.corpus.video import VideoError

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


def talking(count: int, left: int = 40) -> list[np.ndarray]:
    """A face whose mouth opens and closes several times a second."""
    frames = []
    for number in range(count):
        frame = EMPTY.copy()
        frame[30:70, left : left + 40] = (220, 30, 30)
        half = 1 + round(4 * abs(np.sin(number * 0.7)))
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
            convert(Source(path, "ann", "a"), PrepareOptions(), models, lambda _: None, notes.append)
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
