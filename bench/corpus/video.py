"""Decoding of real video: RGB frames at a fixed rate and mono audio at 16 kHz on one time line.

Time 0 is the first frame's time stamp. Output frame j stands for the interval [j, j + 1) / fps and is the
source frame on display at its middle: frames are repeated or left out, never blended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import SAMPLE_RATE

Pixels = NDArray[np.uint8]

SILENCE = 1e-4
"""Peak under which sound counts as digital silence (-80 dB of full scale; 16-bit dither peaks at 6e-5)."""

DRIFT = 0.04
"""Seconds by which a sound's time stamp may leave the running count before the sound is put where it says."""


class VideoError(ValueError):
    """A video that cannot be used; the message is the reason."""


class Probe(NamedTuple):
    """What the header and the first frame say of a video."""

    start: float
    """Time stamp of the first frame, seconds."""
    pictures: float | None
    """Seconds of pictures that the header promises; None where it does not say."""
    longest: float | None
    """Seconds that the header promises of the longest stream; None where it does not say."""

    @property
    def duration(self) -> float | None:
        """Best guess of the length in seconds."""
        return self.pictures or self.longest


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
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


def _video_stream(container: Any) -> Any:
    """The first stream of moving pictures (cover art does not count)."""
    cover = av.stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise VideoError("no video stream")
    # Videos are decoded side by side, so each takes one thread: more would wait for each other.
    streams[0].thread_type = "NONE"
    return streams[0]


def probe(path: Path) -> Probe:
    """Read the header and the first frame; raises where there is no picture or no sound stream."""
    with _reading(path) as container:
        stream = _video_stream(container)
        if not container.streams.audio:
            raise VideoError("soundless: no audio stream")
        first = next(container.decode(stream), None)
        if first is None:
            raise VideoError("no frame that decodes")
        pictures = float(stream.duration * stream.time_base) if stream.duration else None
        longest = container.duration / av.time_base if container.duration else None
        return Probe(first.time or 0.0, pictures, longest)


# Frames


def read_frames(path: Path, fps: float) -> Iterator[Pixels]:
    """Frames [H, W, 3] at `fps`, upright; a repeated frame is the same object. Raises at damage."""
    with _reading(path) as container:
        stream = _video_stream(container)
        aspect = stream.sample_aspect_ratio or Fraction(1)
        yield from _resample(_timed(container.decode(stream), _period(stream)), fps, aspect)


class _Timed(NamedTuple):
    """A source frame, shown from `time` to `end` (seconds from the first frame)."""

    time: float
    end: float
    frame: Any


def _period(stream: Any) -> float:
    """Nominal seconds a frame."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return float(1 / rate)


def _timed(frames: Iterator[Any], period: float) -> Iterator[_Timed]:
    """Source frames with the time that each is shown; a missing or falling time stamp is counted instead."""
    start: float | None = None
    held: Any = None
    shown = 0.0
    for frame in frames:
        if frame.is_corrupt:
            raise VideoError(f"corrupt: a damaged frame at {shown:.2f} s")
        if held is not None and (frame.width, frame.height) != (held.width, held.height):
            raise VideoError(f"the picture changes its size at {shown:.2f} s; cut it there")
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
    pixels: Pixels = frame.to_ndarray(format="rgb24", width=width, height=frame.height, threads=1)
    # Only quarter turns exist in practice; the matrix turns against the clock, and so does rot90.
    return np.ascontiguousarray(np.rot90(pixels, round(frame.rotation / 90) % 4))


# Sound


def read_audio(path: Path, start: float) -> NDArray[np.float32]:
    """Mono sound [S] at 16 kHz, -1..1, whose sample 0 falls on time stamp `start` (seconds).

    Channels are averaged; a gap in the time stamps becomes silence. Raises where nothing decodes, where
    samples are not finite and where all is digital silence.
    """
    pieces: list[tuple[int, NDArray[np.float32]]] = []
    with _reading(path) as container:
        if not container.streams.audio:
            raise VideoError("soundless: no audio stream")
        pieces.extend(_placed(_resampled(container), start))
    sound = _assemble(pieces)
    if not len(sound):
        raise VideoError("soundless: the audio stream holds no sample that decodes")
    if not np.isfinite(sound).all():
        raise VideoError("the audio holds NaN or infinite samples")
    if (peak := float(np.abs(sound).max())) < SILENCE:
        raise VideoError(f"soundless: digital silence (peak {peak:.0e} of full scale)")
    return np.clip(sound, -1, 1)


def _resampled(container: Any) -> Iterator[Any]:
    """Frames of planar float32 at 16 kHz, mono or stereo."""
    stream = container.streams.audio[0]
    resampler: av.AudioResampler | None = None
    for frame in container.decode(stream):
        if resampler is None:
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=SAMPLE_RATE)
        try:
            yield from resampler.resample(frame)
        except ValueError as error:
            raise VideoError("the audio changes its format on the way; cut it there") from error
    if resampler is not None:
        yield from resampler.resample(None)


def _placed(frames: Iterator[Any], start: float) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """(first sample, mono samples) of each frame on the time line that begins at `start`."""
    due: int | None = None
    for frame in frames:
        samples = np.asarray(frame.to_ndarray(), np.float32).mean(axis=0, dtype=np.float32)
        stamp = None if frame.time is None else round((frame.time - start) * SAMPLE_RATE)
        if due is None:
            due = stamp or 0
        elif stamp is not None and abs(stamp - due) > DRIFT * SAMPLE_RATE:
            due = stamp
        yield due, samples
        due += len(samples)


def _assemble(pieces: list[tuple[int, NDArray[np.float32]]]) -> NDArray[np.float32]:
    """Lay the pieces on the line from sample 0; what lies before it is dropped."""
    end = max((first + len(samples) for first, samples in pieces), default=0)
    sound = np.zeros(max(0, end), np.float32)
    for first, samples in pieces:
        kept = samples[max(0, -first) :]
        sound[max(0, first) : max(0, first) + len(kept)] = kept
    return sound


def samples_of(frames: int, fps: float) -> int:
    """Samples that sound for `frames` frames.

    >>> samples_of(50, 25.0)
    32000
    """
    return math.floor(frames * SAMPLE_RATE / fps + 0.5)


def check_whole(header: Probe, pictures: float, sound: float) -> None:
    """Raise where clearly fewer seconds decode than the header promises: the file was cut, or is damaged."""
    promises = ((header.pictures, pictures), (header.longest, max(pictures, sound)))
    for promised, decoded in promises:
        if promised is not None and decoded < 0.9 * promised - 0.5:
            raise VideoError(
                f"cut short: {decoded:.1f} s decode of {promised:.1f} s that the header promises"
            )
