from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from av.stream import Disposition

from privtalk.bench.corpus.video.decoding import VideoError, probe, read_frames
from privtalk.bench.corpus.video.media import picture_track, ranked

NONE = Disposition(0)


@pytest.mark.parametrize(
    ("flags", "levels", "notes"),
    [
        ([NONE, Disposition.default], [40, 200], ("picture track 2 of 2 (default)",)),
        ([NONE, NONE], [200, 40], ("picture track 1 of 2 (the first)",)),
        ([Disposition.comment, NONE], [40, 200], ("picture track 2 of 2 (the first)",)),
        ([Disposition.default], [200], ()),
    ],
)
def test_best_picture_track_is_taken_and_said(
    tmp_path: Path, tracks: Any, sine: Any, flags: list[Disposition], levels: list[int], notes: tuple[str]
) -> None:
    pictures = [
        (np.full((5, 32, 48, 3), level, np.uint8), flag) for flag, level in zip(flags, levels, strict=True)
    ]
    path = tracks(tmp_path / "a.mkv", pictures=pictures, sounds=[(sine(0.2), NONE)])
    assert next(read_frames(path, 25))[0, 0, 0] == 200
    assert probe(path).notes == notes


def stream(index: int, flags: Disposition, codec: str | None = "h264") -> Any:
    return SimpleNamespace(index=index, disposition=flags, codec_context=codec)


def test_pictures_that_do_not_move_are_no_film() -> None:
    covers = [stream(0, Disposition.attached_pic), stream(1, Disposition.timed_thumbnails)]
    film = stream(2, Disposition.dependent)
    container = SimpleNamespace(streams=SimpleNamespace(video=[*covers, film]))
    assert picture_track(container) is film
    container.streams.video.remove(film)
    with pytest.raises(VideoError, match="no video stream"):
        picture_track(container)


def test_streams_are_ranked_by_what_they_are_then_by_their_place() -> None:
    flags = [
        Disposition.dependent | Disposition.default,
        Disposition.dub | Disposition.default,
        NONE,
        Disposition.default,
        Disposition.default,
        Disposition.original,
        Disposition.captions,
    ]
    streams = [stream(index, flag) for index, flag in enumerate(flags)]
    unknown = stream(9, Disposition.original, codec=None)
    assert [s.index for s in ranked([unknown, *reversed(streams)])] == [5, 3, 4, 2, 6, 1, 0]
