"""Decoding of real video: RGB frames at a fixed rate, and what the header promises of pictures and sound.

Time 0 is the first frame's time stamp. Output frame j stands for the interval [j, j + 1) / fps and is the
source frame on display at its middle: frames are repeated or left out, never blended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import SAMPLE_RATE
from privtalk.bench.corpus.video import colour
from privtalk.bench.corpus.video.fields import deinterlaced
from privtalk.bench.corpus.video.media import (
    VideoError,
    chosen,
    picture_track,
    picture_tracks,
    reading,
)
from privtalk.bench.corpus.video.orientation import orientation_of
from privtalk.bench.corpus.video.sound import Sound

Pixels = NDArray[np.uint8]

__all__ = ["Probe", "VideoError", "check_whole", "probe", "read_frames", "samples_of", "upright"]


class Probe(NamedTuple):
    """The facts that the header and the first frame tell of a video."""

    start: float
    """Time stamp of the first frame, seconds."""
    pictures: float | None
    """Seconds of pictures that the header promises; None where it does not say."""
    longest: float | None
    """Seconds that the header promises of the longest stream, used or not; None where it does not say."""
    notes: tuple[str, ...] = ()
    """The notes for the user about it."""

    @property
    def duration(self) -> float | None:
        """Best guess of the length in seconds."""
        return self.pictures or self.longest


def probe(path: Path, silent: bool = False) -> Probe:
    """Read the header and the first frame; raises where there is no picture, or no sound stream unless `silent`."""
    with reading(path) as container:
        stream = picture_track(container)
        if not silent and not container.streams.audio:
            raise VideoError("soundless: no audio stream")
        first = next(container.decode(stream), None)
        if first is None:
            raise VideoError("no frame that decodes")
        pictures = float(stream.duration * stream.time_base) if stream.duration else None
        longest = container.duration / av.time_base if container.duration else None
        notes = chosen("picture", stream, picture_tracks(container)) + colour.notes(first)
        if first.interlaced_frame:
            notes += ("interlaced, made progressive",)
        return Probe(first.time or 0.0, pictures, longest, notes)


# Frames


def read_frames(path: Path, fps: float) -> Iterator[Pixels]:
    """Frames [H, W, 3] at `fps`, upright; a repeated frame is the same object. Raises at damage."""
    with reading(path) as container:
        stream = picture_track(container)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        frames = deinterlaced(_alike(container.decode(stream)))
        yield from _resample(_timed(frames, _period(stream)), fps, aspect)


class _Timed(NamedTuple):
    """A source frame, shown from `time` to `end` (seconds from the first frame)."""

    time: float
    end: float
    frame: Any


def _period(stream: Any) -> float:
    """Nominal seconds a frame."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return float(1 / rate)


def _alike(frames: Iterator[Any]) -> Iterator[Any]:
    """Frames, raising at one that is damaged or does not look as the first one."""
    first: tuple[Any, ...] | None = None
    start = 0.0
    for frame in frames:
        start = (frame.time or 0.0) if first is None else start
        at = f"{(frame.time or 0.0) - start:.2f} s"
        if frame.is_corrupt:
            raise VideoError(f"corrupt: a damaged frame at {at}")
        look = (frame.width, frame.height, orientation_of(frame))
        if look != (first or look):
            raise VideoError(f"the picture changes its size or orientation at {at}; cut it there")
        first = look
        yield frame


def _timed(frames: Iterator[Any], period: float) -> Iterator[_Timed]:
    """Source frames with the time that each is shown; a missing or falling time stamp is counted instead."""
    start: float | None = None
    held: Any = None
    shown = 0.0
    for frame in frames:
        if held is None:
            start = frame.time
        else:
            time = shown + period if frame.time is None or start is None else frame.time - start
            time = time if time > shown else shown + period
            yield _Timed(shown, time, held)
            shown = time
        held = frame
    if held is not None:
        yield _Timed(shown, shown + period, held)


def _resample(frames: Iterator[_Timed], fps: float, aspect: Fraction) -> Iterator[Pixels]:
    """For each j the frame on display at (j + 0.5) / fps."""
    done = 0
    for _, end, frame in frames:
        pixels: Pixels | None = None
        while (done + 0.5) / fps < end:
            pixels = upright(frame, aspect) if pixels is None else pixels
            yield pixels
            done += 1


def upright(frame: Any, aspect: Fraction = Fraction(1)) -> Pixels:
    """A decoded frame as RGB [H, W, 3], turned upright; `aspect` is a pixel's width over its height."""
    width = max(1, round(frame.width * aspect))
    return orientation_of(frame)(colour.rgb(frame, width))


# Lengths


def samples_of(frames: int, fps: float) -> int:
    """Samples that sound for `frames` frames.

    >>> samples_of(50, 25.0)
    32000
    """
    return math.floor(frames * SAMPLE_RATE / fps + 0.5)


def check_whole(path: Path, header: Probe, pictures: float, sound: Sound) -> None:
    """Raise where clearly fewer seconds decode than the header promises: the file was cut, or is damaged.

    The longest stream may be one that is not decoded, such as subtitles; then all that can be read counts.
    """
    _compare(header.pictures, pictures)
    _compare(sound.promised, sound.seconds)
    if _lacks(header.longest, max(pictures, len(sound.samples) / SAMPLE_RATE)):
        _compare(header.longest, _reach(path))


def _lacks(promised: float | None, found: float) -> bool:
    return promised is not None and found < 0.9 * promised - 0.5


def _compare(promised: float | None, found: float) -> None:
    if _lacks(promised, found):
        raise VideoError(f"cut short: {found:.1f} s decode of {promised:.1f} s that the header promises")


def _reach(path: Path) -> float:
    """Seconds from the beginning to the end of the last packet of any stream."""
    with reading(path) as container:
        ends = [
            float((packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in container.demux()
            if packet.pts is not None
        ]
        return max(ends, default=0.0) - (container.start_time or 0) / av.time_base
