"""Videos and strips can be read back by an independent decoder."""

from __future__ import annotations

import av
import numpy as np
import pytest
from PIL import Image

from privtalk.bench.media import VIEW_SIZE, enlarge, spread, write_strip, write_video


@pytest.fixture
def frames():
    """25 frames of a horizontally moving edge, 64 px."""
    columns = np.arange(64)[None, None, :] + 2 * np.arange(25)[:, None, None]
    grey = np.where(columns % 64 < 32, 40, 210).astype(np.uint8)
    return np.repeat(np.broadcast_to(grey[:, :, :], (25, 64, 64))[..., None], 3, axis=-1)


def test_video_has_its_frames_and_its_sound(tmp_path, frames):
    audio = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    write_video(tmp_path / "clip.mp4", frames, audio, 25.0, 16_000)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt, sound.codec_context.name) == (
            "h264",
            "yuv420p",
            "aac",
        )
        shown = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video)])
    assert shown.shape == (25, VIEW_SIZE, VIEW_SIZE, 3)
    assert np.abs(shown.astype(int) - enlarge(frames)).mean() < 4
    with av.open(str(tmp_path / "clip.mp4")) as container:
        samples = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert abs(len(samples) - 16_000) <= 2 * 1024
    middle = samples[4000:12_000]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * 16_000 / len(middle) == pytest.approx(440, abs=4)
    assert list(tmp_path.iterdir()) == [tmp_path / "clip.mp4"]


def test_sound_is_heard_when_the_frame_is_seen(tmp_path):
    """Three flashes with a click each; of a film whose sound comes late the mouth closes before its p is heard."""
    rate, fps, at = 16_000, 25, (0.52, 1.0, 1.48)
    audio, frames = np.zeros(2 * rate, np.float32), np.zeros((2 * fps, 64, 64, 3), np.uint8)
    for moment in at:
        audio[round(moment * rate) :][:400] = 0.8 * np.sin(2 * np.pi * 800 * np.arange(400) / rate)
        frames[round(moment * fps)] = 255
    write_video(tmp_path / "clip.mp4", frames, audio, fps, rate)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        seen = [float(f.time) for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 128]
    with av.open(str(tmp_path / "clip.mp4")) as container:
        sound = [(float(f.time), f.to_ndarray()[0]) for f in container.decode(audio=0)]
    times = np.concatenate([start + np.arange(len(samples)) / rate for start, samples in sound])
    loud = times[np.abs(np.concatenate([samples for _, samples in sound])) > 0.2]
    heard = loud[np.diff(loud, prepend=-1) > 0.1]
    assert seen == pytest.approx(at, abs=1e-3)
    assert heard == pytest.approx(at, abs=0.005)


def test_strip_shows_evenly_spaced_frames(tmp_path, frames):
    write_strip(tmp_path / "strip.png", frames, count=5)
    with Image.open(tmp_path / "strip.png") as image:
        strip = np.asarray(image)
    assert strip.shape == (VIEW_SIZE, 5 * VIEW_SIZE, 3)
    assert np.array_equal(strip[:, VIEW_SIZE : 2 * VIEW_SIZE], enlarge(frames[6:7])[0])


@pytest.mark.parametrize(("length", "count"), [(1, 4), (4, 4), (100, 8)])
def test_spread_keeps_both_ends(length, count):
    chosen = list(spread(length, count))
    assert chosen[0] == 0
    assert chosen[-1] == length - 1
    assert len(chosen) == min(length, count)


def test_large_frames_are_left_alone(frames):
    assert enlarge(frames, least=64) is frames
