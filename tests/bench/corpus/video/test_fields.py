from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from privtalk.bench.corpus.video.decoding import probe, read_frames
from privtalk.bench.corpus.video.fields import deinterlaced

NTSC = Fraction(30000, 1001)


def moments(count: int) -> list[np.ndarray]:
    """A bright bar that moves to the right by 3 pixels a field."""
    pictures = []
    for number in range(count):
        picture = np.full((48, 160, 3), 40, np.uint8)
        picture[:, 20 + 3 * number : 50 + 3 * number] = 220
        pictures.append(picture)
    return pictures


def woven(pictures: Sequence[np.ndarray], first: int) -> list[np.ndarray]:
    """Two moments a frame: lines `first`, `first` + 2, ... of the earlier one, the others of the later one."""
    frames = []
    for early, late in zip(pictures[::2], pictures[1::2], strict=True):
        frame = late.copy()
        frame[first::2] = early[first::2]
        frames.append(frame)
    return frames


def marked(frames: Sequence[Any], mode: str) -> Iterator[Any]:
    """Frames that carry the mark of a field order."""
    graph = av.filter.Graph()
    like = frames[0]
    source = graph.add_buffer(
        width=like.width, height=like.height, format=like.format, time_base=like.time_base
    )
    graph.link_nodes(source, graph.add("setfield", mode), graph.add("buffersink")).configure()
    for frame in frames:
        graph.push(frame)
        yield graph.pull()


def write(
    path: Path, pictures: Sequence[np.ndarray], modes: Sequence[str], sine: Any, rate: Fraction = Fraction(25)
) -> Path:
    """A lossless film whose frames carry these marks."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=rate)
        stream.height, stream.width, stream.pix_fmt = *pictures[0].shape[:2], "yuv444p"
        voice: Any = container.add_stream("pcm_f32le", rate=16000)
        voice.layout = "mono"
        for number, (picture, mode) in enumerate(zip(pictures, modes, strict=True)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv444p")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(next(marked([frame], mode))))
        container.mux(stream.encode())
        block = av.AudioFrame.from_ndarray(sine(0.2).astype(np.float32), format="flt", layout="mono")
        block.sample_rate, block.pts = 16000, 0
        container.mux(voice.encode(block))
        container.mux(voice.encode())
    return path


def combing(frame: np.ndarray) -> float:
    """Mean difference between a line and its neighbours' mean: 0 for a picture of upright edges."""
    grey = frame.mean(-1)
    return float(np.abs(grey[1:-1] - (grey[:-2] + grey[2:]) / 2).mean())


@pytest.mark.parametrize(("mode", "first"), [("tff", 0), ("bff", 1)])
def test_interlaced_film_is_the_first_fields_moment_without_combs(
    tmp_path: Path, sine: Any, mode: str, first: int
) -> None:
    pictures = moments(20)
    frames = woven(pictures, first)
    assert combing(frames[5]) > 2
    path = write(tmp_path / "a.mkv", frames, [mode] * 10, sine)
    found = list(read_frames(path, 25))
    assert len(found) == 10
    # The deinterlacer has but one neighbour at either end of a film.
    for number in range(1, 9):
        assert combing(found[number]) < 0.7
        assert np.abs(found[number].astype(int) - pictures[2 * number]).mean() < 1.5
    assert probe(path).notes == ("interlaced, made progressive",)


def test_times_are_kept(tmp_path: Path, sine: Any) -> None:
    frames = woven(moments(40), 0)
    found = list(read_frames(write(tmp_path / "a.mkv", frames, ["tff"] * 20, sine, NTSC), 25))
    plain = list(read_frames(write(tmp_path / "b.mkv", frames, ["prog"] * 20, sine, NTSC), 25))
    assert len(found) == len(plain)
    for mine, woven_frame in zip(found[1:-1], plain[1:-1], strict=True):
        # The lines of the first field are those of the film.
        np.testing.assert_array_equal(mine[::2], woven_frame[::2])


@pytest.mark.parametrize("mode", ["tff", "prog"])
def test_frames_not_marked_are_untouched_wherever_they_stand(tmp_path: Path, sine: Any, mode: str) -> None:
    frames = woven(moments(24), 0)
    modes = ["prog"] * 4 + [mode] * 4 + ["prog"] * 4
    found = list(read_frames(write(tmp_path / "a.mkv", frames, modes, sine), 25))
    plain = list(read_frames(write(tmp_path / "b.mkv", frames, ["prog"] * 12, sine), 25))
    for number, (mine, theirs) in enumerate(zip(found, plain, strict=True)):
        assert (mine == theirs).all() == (modes[number] == "prog")
    assert probe(tmp_path / "a.mkv").notes == ()


def test_a_progressive_film_passes_as_the_same_objects() -> None:
    frames = [av.VideoFrame(16, 16, "yuv420p") for _ in range(3)]
    assert [id(frame) for frame in deinterlaced(frames)] == [id(frame) for frame in frames]


def test_colours_and_orientation_survive(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream: Any = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width, stream.pix_fmt = 48, 160, "yuv420p"
        # Interlaced coding: the encoder keeps the mark only then.
        stream.codec_context.flags |= 0x40000 | 0x20000000
        stream.codec_context.colorspace, stream.codec_context.color_primaries = 1, 1
        stream.codec_context.color_trc = 1
        stream.set_display_rotation(90, hflip=True)
        for number, picture in enumerate(woven(moments(12), 0)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(next(marked([frame], "tff"))))
        container.mux(stream.encode())
    with av.open(str(tmp_path / "a.mp4")) as container:
        raw = list(container.decode(video=0))
    assert all(frame.interlaced_frame for frame in raw)
    for before, after in zip(raw, deinterlaced(iter(raw)), strict=True):
        for name in ("colorspace", "color_range", "color_trc", "color_primaries", "time", "rotation"):
            assert getattr(after, name) == getattr(before, name), name
    assert next(read_frames(tmp_path / "a.mp4", 25)).shape == (160, 48, 3)
