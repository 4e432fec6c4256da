from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from av.stream import Disposition

from privtalk.bench.corpus.video.sound import VideoError, mono, read_sound

NONE = Disposition(0)
BLACK = [np.zeros((32, 48, 3), np.uint8)] * 25


def heard(path: Path) -> np.ndarray:
    return read_sound(path, 0.0).samples


def pitch(path: Path) -> int:
    """The loudest tone, hertz."""
    return int(np.abs(np.fft.rfft(heard(path), 16000)).argmax())


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_sound_keeps_pitch_level_and_length(tmp_path: Path, film: Any, sine: Any, rate: int) -> None:
    sound = np.repeat(sine(1.0, rate, 440.0, 0.8), 2, axis=0)
    found = heard(film(tmp_path / "a.mkv", BLACK, sound=sound, sound_rate=rate))
    assert found.dtype == np.float32
    assert abs(len(found) - 16000) <= 16
    assert np.abs(np.fft.rfft(found, 16000)).argmax() == 440
    # Two equal channels average to themselves: the usual down-mix would give 1.13 here.
    assert np.abs(found[2000:-2000]).max() == pytest.approx(0.8, abs=0.02)


def test_hole_in_the_time_stamps_is_silence(tmp_path: Path, film: Any, sine: Any) -> None:
    found = heard(film(tmp_path / "a.mkv", BLACK, sound=sine(2.0), gap=(0.5, 0.5)))
    assert abs(len(found) - 32000) <= 16
    assert np.abs(found[8100:15900]).max() == 0
    assert np.abs(found[:7900]).max() > 0.4
    assert np.abs(found[16100:]).max() > 0.4


def test_nan_sound_is_refused(tmp_path: Path, film: Any, sine: Any) -> None:
    sound = sine(1.0)
    sound[0, 9000] = np.nan
    with pytest.raises(VideoError, match="NaN"):
        heard(film(tmp_path / "a.mkv", BLACK, sound=sound))


# Channels


@pytest.mark.parametrize(("left", "right", "side"), [(0.5, -0.5, "left"), (0.4, -0.5, "right")])
def test_channels_in_opposite_phase_do_not_cancel(
    tmp_path: Path, film: Any, sine: Any, left: float, right: float, side: str
) -> None:
    sound = np.concatenate([sine(1.0, level=left), sine(1.0, level=right)])
    found = read_sound(film(tmp_path / "a.mkv", BLACK, sound=sound), 0.0)
    assert np.abs(found.samples).max() == pytest.approx(0.5, abs=0.01)
    assert found.notes == (f"channels in opposite phase, the {side} one is heard",)


def test_channels_that_differ_are_averaged() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, (2, 16000)).astype(np.float32)
    one = noise * [[1], [0]]
    for channels in (noise, one.astype(np.float32), noise[:1]):
        samples, notes = mono(channels)
        assert notes == ()
        np.testing.assert_array_equal(samples, channels.mean(axis=0, dtype=np.float32))


def test_noise_does_not_hide_that_a_voice_cancels(sine: Any) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 16000))
    samples, notes = mono((np.concatenate([sine(1.0), -sine(1.0)]) + noise).astype(np.float32))
    assert notes
    assert np.corrcoef(samples, sine(1.0)[0])[0, 1] > 0.9


def test_centre_of_surround_sound_is_heard(tmp_path: Path, film: Any, sine: Any) -> None:
    import av

    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("pcm_f32le", rate=16000)
        stream.layout = "5.1"
        sound = np.zeros((6, 16000), np.float32)
        sound[2] = sine(1.0)[0]
        block = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound.T.reshape(1, -1)), format="flt", layout="5.1"
        )
        block.sample_rate, block.pts = 16000, 0
        container.mux(stream.encode(block))
        container.mux(stream.encode())
    assert pitch(path) == 440
    assert np.abs(heard(path)).max() == pytest.approx(0.5 / np.sqrt(2), abs=0.01)


# Tracks


@pytest.mark.parametrize(
    ("flags", "pitches", "note"),
    [
        ([NONE, Disposition.default], [300, 440], "sound track 2 of 2 (default)"),
        ([NONE, NONE], [440, 300], "sound track 1 of 2 (the first)"),
        ([NONE, NONE], [0, 440], "sound track 2 of 2 (silent: 1)"),
        ([Disposition.default, NONE], [0, 440], "sound track 2 of 2 (silent: 1)"),
        ([NONE, NONE, NONE], [0, 0, 440], "sound track 3 of 3 (silent: 1, 2)"),
        ([Disposition.comment, NONE], [300, 440], "sound track 2 of 2 (the first)"),
        ([Disposition.visual_impaired | Disposition.default, NONE], [300, 440], "sound track 2 of 2"),
        ([Disposition.hearing_impaired, NONE], [300, 440], "sound track 2 of 2"),
        ([Disposition.default | Disposition.dub, Disposition.original], [300, 440], "2 of 2 (original)"),
        ([Disposition.default, Disposition.original], [300, 440], "sound track 2 of 2 (original)"),
    ],
)
def test_best_sound_track_is_taken_and_said(
    tmp_path: Path, tracks: Any, sine: Any, flags: list[Disposition], pitches: list[int], note: str
) -> None:
    sounds = [(sine(1.0, hertz=hertz), flag) for flag, hertz in zip(flags, pitches, strict=True)]
    path = tracks(tmp_path / "a.mkv", sounds=sounds)
    assert pitch(path) == 440
    (said,) = read_sound(path, 0.0).notes
    assert note in said


def test_only_track_needs_no_word_unless_it_is_a_dub(tmp_path: Path, tracks: Any, sine: Any) -> None:
    path = tracks(tmp_path / "a.mkv", sounds=[(sine(1.0), Disposition.default)])
    assert read_sound(path, 0.0).notes == ()
    dub = tracks(tmp_path / "b.mkv", sounds=[(sine(1.0), Disposition.dub)])
    assert read_sound(dub, 0.0).notes == ("its only sound track is marked as a dub",)


def test_all_tracks_silent_is_refused(tmp_path: Path, tracks: Any, sine: Any) -> None:
    path = tracks(tmp_path / "a.mkv", sounds=[(0 * sine(1.0), NONE), (1e-5 * sine(1.0), NONE)])
    with pytest.raises(VideoError, match="soundless: digital silence"):
        read_sound(path, 0.0)
