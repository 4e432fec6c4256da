"""Small videos written with PyAV, and the shared real clips and models where they lie beside the checkout."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

SHARED = Path(__file__).resolve().parents[4] / "shared"


def shared(relative: str) -> Path:
    """A file beside the checkout; the test is skipped, with the reason, where it is absent."""
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"needs ../shared/{relative} beside the checkout")
    return path


@pytest.fixture
def yunet() -> Path:
    return shared("models/yunet_n_dynamic.onnx")


@pytest.fixture
def pfld() -> Path:
    return shared("models/pfld68.onnx")


@pytest.fixture
def radio10() -> Path:
    return shared("real/radio10/hdtf_rd10_30fps.mp4")


def write_film(
    path: Path,
    frames: Sequence[np.ndarray],
    *,
    rate: Fraction | int = 25,
    times: Sequence[float] | None = None,
    sound: np.ndarray | None = None,
    sound_rate: int = 16000,
    sound_start: float = 0.0,
    gap: tuple[float, float] | None = None,
    codec: str = "ffv1",
    sound_codec: str = "pcm_f32le",
    rotation: int = 0,
    aspect: Fraction | None = None,
) -> Path:
    """Lossless video (RGB frames) and sound [channels, S]; `gap` leaves (start, length) seconds of it out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        pictures: Any = None
        if len(frames):
            pictures = container.add_stream(codec, rate=Fraction(rate))
            pictures.width, pictures.height = frames[0].shape[1], frames[0].shape[0]
            pictures.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
            if rotation:
                pictures.set_display_rotation(rotation)
            if aspect is not None:
                pictures.sample_aspect_ratio = aspect
        voice: Any = None
        if sound is not None:
            voice = container.add_stream(sound_codec, rate=sound_rate)
            voice.layout = "mono" if len(sound) == 1 else "stereo"
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.time_base = Fraction(1, 90000)
            frame.pts = round((number / rate if times is None else times[number]) * 90000)
            container.mux(pictures.encode(frame))
        if pictures is not None:
            container.mux(pictures.encode())
        if sound is not None:
            for start in range(0, sound.shape[1], 800):
                if gap and gap[0] <= start / sound_rate < sum(gap):
                    continue
                piece = np.ascontiguousarray(sound[:, start : start + 800].T.reshape(1, -1), np.float32)
                block = av.AudioFrame.from_ndarray(piece, format="flt", layout=voice.layout.name)
                block.sample_rate = sound_rate
                block.time_base = Fraction(1, sound_rate)
                block.pts = start + round(sound_start * sound_rate)
                container.mux(voice.encode(block))
            container.mux(voice.encode())
    return path


@pytest.fixture
def film() -> Any:
    return write_film


def tone(seconds: float, rate: int = 16000, hertz: float = 440.0, level: float = 0.5) -> np.ndarray:
    """[1, S] a sine."""
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate, dtype=np.float64)[None]


@pytest.fixture
def sine() -> Any:
    return tone


@pytest.fixture
def red_squares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A finder of red squares in place of both networks."""
    from privtalk.bench.corpus.prepared import prepare
    from privtalk.bench.corpus.video.ingest import Models
    from tests.bench.corpus.prepared.squares import Square

    found = Square()
    weights = tmp_path / "weights.onnx"
    weights.write_bytes(b"weights")
    monkeypatch.setattr(prepare, "find_weights", lambda role, path=None: path or weights)
    monkeypatch.setattr(prepare, "_models", lambda *_: Models(found.detect, found.locate))
    return found


def write_tracks(
    path: Path,
    *,
    pictures: Sequence[tuple[np.ndarray, Disposition]] = (
        (np.zeros((25, 32, 48, 3), np.uint8), Disposition.default),
    ),
    sounds: Sequence[tuple[np.ndarray, Disposition]] = (),
    subtitle: tuple[float, float] | None = None,
) -> Path:
    """Lossless tracks [T, H, W, 3] at 25 a second and [C, S] at 16 kHz with their marks; a subtitle (start, length)."""
    with av.open(str(path), "w") as container:
        streams: list[Any] = []
        for frames, flags in pictures:
            stream: Any = container.add_stream("ffv1", rate=25)
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt, stream.disposition = "bgr0", flags
            streams.append(stream)
        for sound, flags in sounds:
            stream = container.add_stream("pcm_f32le", rate=16000)
            stream.layout, stream.disposition = ("mono", "stereo")[len(sound) - 1], flags
            streams.append(stream)
        text: Any = container.add_mux_stream("subrip") if subtitle else None
        for stream, (frames, _) in zip(streams, pictures, strict=False):
            for number, picture in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream, (sound, _) in zip(streams[len(pictures) :], sounds, strict=True):
            for start in range(0, sound.shape[1], 800):
                piece = np.ascontiguousarray(sound[:, start : start + 800].T.reshape(1, -1), np.float32)
                block = av.AudioFrame.from_ndarray(piece, format="flt", layout=stream.layout.name)
                block.sample_rate, block.pts, block.time_base = 16000, start, Fraction(1, 16000)
                container.mux(stream.encode(block))
        for stream in streams:
            container.mux(stream.encode())
        if subtitle:
            packet = av.Packet(b"to be continued")
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = round(1000 * subtitle[0])
            packet.duration = round(1000 * subtitle[1])
            container.mux(packet)
    return path


@pytest.fixture
def tracks() -> Any:
    return write_tracks
