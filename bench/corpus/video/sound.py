"""The sound of a film: mono at 16 kHz, on the time line of its pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import SAMPLE_RATE
from privtalk.bench.corpus.video.media import VideoError, chosen, ranked, reading

Floats = NDArray[np.float32]

SILENCE = 1e-4
"""Peak under which sound counts as digital silence (-80 dB of full scale; 16-bit dither peaks at 6e-5)."""

DRIFT = 0.04
"""Seconds by which a sound's time stamp may leave the running count before the sound is put where it says."""

CANCELLED = 0.1
"""Share of the louder channel's power under which two channels' mean says that they cancel each other.

A voice in one channel only keeps .25 of it, unlike noise in the two keeps .5."""


class Sound(NamedTuple):
    """The sound that was read of the track that was taken."""

    samples: Floats
    """[S] mono, -1..1; sample 0 falls on the first picture."""
    seconds: float
    """Length that decoded, from its own beginning."""
    promised: float | None
    """Length that the header promises; None where it does not say."""
    notes: tuple[str, ...]


def start_of_sound(path: Path) -> float:
    """Time stamp (seconds, >= 0) at which the first track of a file begins; 0 where it does not say.

    A negative one is an encoder's padding, which decoders drop.
    """
    with reading(path) as container:
        for stream in ranked(container.streams.audio)[:1]:
            return max(0.0, float(stream.start_time * stream.time_base)) if stream.start_time else 0.0
    return 0.0


def read_sound(path: Path, start: float) -> Sound:
    """Sound whose sample 0 falls on time stamp `start` (seconds), of the best track that is not silent.

    Channels are averaged; a gap in the time stamps becomes silence. Raises where nothing decodes, where
    samples are not finite and where all is digital silence.
    """
    with reading(path) as container:
        order = [stream.index for stream in ranked(container.streams.audio)]
    if not order:
        raise VideoError("soundless: no audio stream")
    peaks = []
    for place, index in enumerate(order):
        sound, peak = _read(path, index, start, silent=order[:place])
        if peak >= SILENCE:
            return sound
        peaks.append((peak, len(sound.samples)))
    if not any(length for _, length in peaks):
        raise VideoError("soundless: the audio stream holds no sample that decodes")
    raise VideoError(f"soundless: digital silence (peak {max(peaks)[0]:.0e} of full scale)")


def _read(path: Path, index: int, start: float, silent: list[int]) -> tuple[Sound, float]:
    """The sound of one stream, and its peak; `silent`: streams that were tried before."""
    with reading(path) as container:
        stream, streams = container.streams[index], list(container.streams.audio)
        pieces = list(_placed(_resampled(container, stream), start))
        promised = float(stream.duration * stream.time_base) if stream.duration else None
        mute = [str(at) for at, other in enumerate(streams, 1) if other.index in silent]
        why = f"silent: {', '.join(mute)}" if mute else ""
        notes = chosen("sound", stream, streams, why)
    channels = _assemble(pieces)
    if not np.isfinite(channels).all():
        raise VideoError("the audio holds NaN or infinite samples")
    samples, note = mono(channels)
    seconds = (pieces[-1][0] + pieces[-1][1].shape[1] - pieces[0][0]) / SAMPLE_RATE if pieces else 0.0
    peak = float(np.abs(samples).max(initial=0))
    return Sound(np.clip(samples, -1, 1), seconds, promised, notes + note), peak


def mono(channels: Floats) -> tuple[Floats, tuple[str, ...]]:
    """The mean of channels [C, S], or the louder one where two cancel each other; and what to tell of it."""
    mean = channels.mean(axis=0, dtype=np.float32)
    power = np.square(channels, dtype=np.float64).sum(axis=1)
    if np.square(mean, dtype=np.float64).sum() >= CANCELLED * power.max():
        return mean, ()
    louder = int(power.argmax())
    return channels[louder], (f"channels in opposite phase, the {('left', 'right')[louder]} one is heard",)


def _resampled(container: Any, stream: Any) -> Iterator[Any]:
    """Frames of planar float32 at 16 kHz, mono or stereo."""
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


def _placed(frames: Iterator[Any], start: float) -> Iterator[tuple[int, Floats]]:
    """(first sample, samples [C, n]) of each frame on the time line that begins at `start`."""
    due: int | None = None
    for frame in frames:
        samples = np.asarray(frame.to_ndarray(), np.float32)
        stamp = None if frame.time is None else round((frame.time - start) * SAMPLE_RATE)
        if due is None:
            due = stamp or 0
        elif stamp is not None and abs(stamp - due) > DRIFT * SAMPLE_RATE:
            due = stamp
        yield due, samples
        due += samples.shape[1]


def _assemble(pieces: list[tuple[int, Floats]]) -> Floats:
    """[C, S]: the pieces on the line from sample 0; what lies before it is dropped."""
    end = max((first + samples.shape[1] for first, samples in pieces), default=0)
    sound = np.zeros((len(pieces[0][1]) if pieces else 1, max(0, end)), np.float32)
    for first, samples in pieces:
        kept = samples[:, max(0, -first) :]
        sound[:, max(0, first) : max(0, first) + kept.shape[1]] = kept
    return sound
