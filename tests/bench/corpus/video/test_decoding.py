from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from av.stream import Disposition
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.video.decoding import Probe, VideoError, check_whole, probe, read_frames
from privtalk.bench.corpus.video.sound import Sound, read_sound


def levels(count: int, height: int = 32, width: int = 48) -> list[np.ndarray]:
    """Frames that carry their number as a grey level."""
    return [np.full((height, width, 3), 10 + number, np.uint8) for number in range(count)]


def shown(path: Path, fps: float = 25) -> list[int]:
    """Numbers of the source frames that come out."""
    return [int(frame[0, 0, 0]) - 10 for frame in read_frames(path, fps)]


@pytest.mark.parametrize(
    "rate", [Fraction(10), Fraction(1350, 61), 24, 25, Fraction(30000, 1001), 30, 50, 60]
)
def test_output_frame_is_the_one_on_display_at_its_middle(tmp_path: Path, film: Any, rate: Fraction) -> None:
    count = 60
    path = film(tmp_path / "a.mkv", levels(count), rate=rate)
    # mkv rounds time stamps to milliseconds, hence times by that rule and no closed form.
    starts = np.round(np.arange(count) / float(rate), 3)
    middles = (np.arange(1000) + 0.5) / 25
    middles = middles[middles < starts[-1] + 1 / float(rate)]
    assert shown(path) == (np.searchsorted(starts, middles, side="right") - 1).tolist()


def test_same_rate_gives_every_frame_once_whatever_the_first_time_stamp(tmp_path: Path, film: Any) -> None:
    path = film(tmp_path / "a.mkv", levels(20), times=[3.21 + i / 25 for i in range(20)])
    assert shown(path) == list(range(20))


def test_variable_rate_follows_the_time_stamps(tmp_path: Path, film: Any) -> None:
    path = film(tmp_path / "a.mkv", levels(5), times=[0, 0.04, 0.2, 0.24, 0.4])
    assert shown(path) == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3, 4]


def test_repeated_frames_are_one_object(tmp_path: Path, film: Any) -> None:
    frames = list(read_frames(film(tmp_path / "a.mkv", levels(2), times=[0, 0.2]), 25))
    assert len({id(frame) for frame in frames}) == 2


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_rotation_is_that_of_opencv(tmp_path: Path, film: Any, rotation: int) -> None:
    picture = np.zeros((32, 48, 3), np.uint8)
    picture[:16, :16] = (250, 30, 30)
    path = film(tmp_path / "a.mp4", [picture] * 3, rotation=rotation, codec="mpeg4")
    ok, expected = cv2.VideoCapture(str(path)).read()
    assert ok
    frame = next(read_frames(path, 25))
    assert frame.shape == expected.shape
    assert np.abs(frame.astype(int) - expected[..., ::-1]).mean() < 3


def test_colours_survive_planar_yuv(tmp_path: Path, film: Any) -> None:
    picture = np.empty((32, 48, 3), np.uint8)
    picture[:] = (200, 60, 90)
    frame = next(read_frames(film(tmp_path / "a.mp4", [picture] * 3, codec="mpeg4"), 25))
    assert np.abs(frame.astype(int) - picture).max() <= 6


def test_wide_pixels_become_square(tmp_path: Path, film: Any) -> None:
    path = film(tmp_path / "a.mp4", levels(3), aspect=Fraction(2), codec="mpeg4")
    assert next(read_frames(path, 25)).shape == (32, 96, 3)


# Sound on the pictures' time line


@pytest.mark.parametrize(("picture_start", "sound_start"), [(0.0, 0.0), (0.4, 0.0), (0.0, 0.4)])
def test_flash_and_click_fall_together(
    tmp_path: Path, film: Any, picture_start: float, sound_start: float
) -> None:
    frames = levels(50)
    frames[30][:] = 255
    click = np.zeros((1, 32000))
    click[0, round((30.5 / 25 + picture_start - sound_start) * 16000)] = 0.9
    times = [picture_start + i / 25 for i in range(50)]
    path = film(tmp_path / "a.mkv", frames, times=times, sound=click, sound_start=sound_start)
    heard = read_sound(path, probe(path).start).samples
    flash = shown(path).index(245)
    assert flash == 30
    assert np.abs(heard).argmax() / 16000 * 25 == pytest.approx(flash + 0.5, abs=0.05)


# Refusals


def test_soundless_is_refused(tmp_path: Path, film: Any) -> None:
    with pytest.raises(VideoError, match="soundless: no audio stream"):
        probe(film(tmp_path / "a.mkv", levels(5)))
    silent = film(tmp_path / "b.mkv", levels(25), sound=np.zeros((1, 16000)))
    with pytest.raises(VideoError, match="soundless: digital silence"):
        read_sound(silent, 0.0)


def test_sound_alone_is_refused(tmp_path: Path, film: Any, sine: Any) -> None:
    with pytest.raises(VideoError, match="no video stream"):
        probe(film(tmp_path / "a.mkv", [], sound=sine(1.0)))


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty file"), (b"not a film" * 99, "corrupt, or not a media")]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(VideoError, match=reason):
        probe(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="cannot be read"):
        probe(tmp_path / "a.mp4")


def judge(path: Path, header: Probe | None = None) -> None:
    """`check_whole` of a file, by the header that it had before."""
    header = header or probe(path)
    check_whole(path, header, len(shown(path)) / 25, read_sound(path, header.start))


@pytest.mark.parametrize("subtitle", [None, (10.0, 2.0)])
def test_cut_file_is_refused(tmp_path: Path, tracks: Any, sine: Any, subtitle: Any) -> None:
    pictures = np.stack(levels(100))
    path = tracks(
        tmp_path / "a.mkv",
        pictures=[(pictures, Disposition.default)],
        sounds=[(sine(4.0), Disposition.default)],
        subtitle=subtitle,
    )
    judge(path)
    whole, header = path.read_bytes(), probe(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(VideoError, match="cut short"):
        judge(path, header)


def test_track_that_is_not_used_may_outlast_the_film(tmp_path: Path, tracks: Any, sine: Any) -> None:
    path = tracks(
        tmp_path / "a.mkv",
        sounds=[(sine(1.0), Disposition.default), (sine(30.0), Disposition.comment)],
        subtitle=(60.0, 2.0),
    )
    header = probe(path)
    assert header.longest == pytest.approx(62)
    judge(path)


def test_sound_that_lacks_what_its_header_promises_is_a_cut(tmp_path: Path, film: Any, sine: Any) -> None:
    path = film(tmp_path / "a.mp4", levels(25), sound=sine(20.0), codec="mpeg4", sound_codec="aac")
    header, sound = probe(path), read_sound(path, 0.0)
    assert sound.promised == pytest.approx(20, abs=0.1)
    assert sound.seconds == pytest.approx(20, abs=0.1)
    check_whole(path, header, 1.0, sound)
    with pytest.raises(VideoError, match=r"cut short: 10\.0 s decode of 20"):
        check_whole(path, header, 1.0, sound._replace(seconds=10.0))


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_damaged_frame_is_refused(tmp_path: Path, film: Any, place: float) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (64, 96, 3), np.uint8)
    path = film(tmp_path / "a.mp4", [np.roll(noise, step, 1) for step in range(40)], codec="mpeg4")
    assert len(shown(path)) == 40
    data = bytearray(path.read_bytes())
    middle = round(len(data) * place)
    data[middle : middle + 3000] = rng.integers(0, 255, 3000, np.uint8).tobytes()
    path.write_bytes(data)
    with pytest.raises(VideoError, match="corrupt"):
        shown(path)


@given(st.floats(1, 1000), st.floats(1, 1000))
def test_only_a_clear_lack_is_a_cut(promised: float, decoded: float) -> None:
    header, sound = Probe(0.0, promised, None), Sound(np.zeros(0, np.float32), 0.0, None, ())
    nowhere = Path("not read: the header does not speak of the longest track")
    if decoded >= promised - 0.5:
        check_whole(nowhere, header, decoded, sound)
    if decoded < 0.9 * promised - 0.51:
        with pytest.raises(VideoError):
            check_whole(nowhere, header, decoded, sound)
    check_whole(nowhere, Probe(0.0, None, None), decoded, sound)
