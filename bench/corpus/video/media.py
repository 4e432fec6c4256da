"""Media files: how they are opened, and which of their tracks is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition


class VideoError(ValueError):
    """A video that cannot be used; the message is the reason."""


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """An open container; what the decoder raises inside becomes a `VideoError`."""
    try:
        if not path.stat().st_size:
            raise VideoError("empty file")
        with av.open(str(path)) as container:
            yield container
    except av.error.FFmpegError as error:
        raise VideoError(f"corrupt, or not a media file ({error.strerror})") from error
    except OSError as error:
        raise VideoError(f"cannot be read ({error.strerror})") from error


# Tracks

COVER = Disposition.attached_pic | Disposition.timed_thumbnails
"""Pictures that do not move: never the film."""

ALTERED = {Disposition.dub: "a dub", Disposition.hearing_impaired: "for the hard of hearing"}
"""Tracks of the film itself, but not as it was recorded."""

ASIDE = {
    Disposition.comment: "a commentary",
    Disposition.visual_impaired: "for the visually impaired",
    Disposition.descriptions: "a description",
    Disposition.clean_effects: "without speech",
    Disposition.non_diegetic: "not of the scene",
    Disposition.karaoke: "karaoke",
    Disposition.lyrics: "lyrics",
    Disposition.dependent: "a part of another",
    Disposition.still_image: "a still image",
}
"""Tracks of something else."""


def ranked(streams: Iterable[Any]) -> list[Any]:
    """Streams that can be decoded, best first: as recorded before altered ones and others; then original, default."""
    return sorted((s for s in streams if s.codec_context is not None), key=_rank)


def _rank(stream: Any) -> tuple[int, bool, bool, int]:
    flags = stream.disposition
    tier = 2 if any(flags & flag for flag in ASIDE) else int(any(flags & flag for flag in ALTERED))
    return tier, not flags & Disposition.original, not flags & Disposition.default, stream.index


def chosen(kind: str, stream: Any, streams: list[Any], why: str = "") -> tuple[str, ...]:
    """The notes on a choice, none where there was none; `why`: a reason besides its marks.

    >>> chosen("sound", None, [])
    ()
    """
    if stream is None:
        return ()
    marks = [text for flag, text in (ALTERED | ASIDE).items() if stream.disposition & flag]
    if len(streams) == 1:
        return (f"its only {kind} track is marked as {marks[0]}",) if marks else ()
    if stream.disposition & Disposition.default:
        marks.insert(0, "default")
    if stream.disposition & Disposition.original:
        marks.insert(0, "original")
    place = f"{kind} track {streams.index(stream) + 1} of {len(streams)}"
    return (f"{place} ({', '.join([*marks, *filter(None, [why])]) or 'the first'})",)


def picture_tracks(container: Any) -> list[Any]:
    """Streams of moving pictures in file order; cover art does not count."""
    return [stream for stream in container.streams.video if not stream.disposition & COVER]


def picture_track(container: Any) -> Any:
    """The stream of moving pictures that is taken."""
    streams = ranked(picture_tracks(container))
    if not streams:
        raise VideoError("no video stream")
    # Videos are decoded side by side, so each takes one thread: more would wait for each other.
    streams[0].thread_type = "NONE"
    return streams[0]
