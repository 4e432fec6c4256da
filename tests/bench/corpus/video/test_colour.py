from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorPrimaries as Primaries
from av.video.reformatter import ColorTrc as Transfer

from privtalk.bench.corpus.video.colour import KNEE, PEAK, rolled_off
from privtalk.bench.corpus.video.decoding import VideoError, probe, read_frames

BT709_TO_BT2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
"""As BT.2087 prints it."""

BT709_TO_P3 = np.array([[0.8225, 0.1774, 0], [0.0332, 0.9669, 0], [0.0171, 0.0724, 0.9108]])

COLOURS = np.array(
    [
        [200, 60, 90],
        [180, 140, 120],
        [90, 60, 40],
        [20, 20, 20],
        [230, 230, 230],
        [60, 160, 90],
        [40, 60, 200],
    ]
)
"""SDR colours, skin among them, whose light stays under the knee."""


def pq(nits: np.ndarray) -> np.ndarray:
    """BT.2100's inverse EOTF."""
    power = (nits / 10000) ** (2610 / 16384)
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(nits: np.ndarray) -> np.ndarray:
    """BT.2100's inverse OOTF for a screen of 1000 cd/m2, then its OETF."""
    luminance = nits @ np.array([0.2627, 0.6780, 0.0593])
    scene = nits / 1000 * (luminance[..., None] / 1000) ** (1 / 1.2 - 1)
    bright = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), bright)


def write(
    path: Path,
    signal: np.ndarray,
    transfer: int,
    primaries: int = Primaries.BT709,
    matrix: int = 1,
    pixels: str = "yuv444p16le",
    codec: str = "ffv1",
    options: dict[str, str] | None = None,
) -> Path:
    """A film of one picture: a stripe of each colour [n, 3], 0..1."""
    picture = np.repeat(np.repeat(np.rint(65535 * signal)[None], 64, 0), 16, 1).astype(np.uint16)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width, stream.pix_fmt = *picture.shape[:2], pixels
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, primaries, matrix
        frame = av.VideoFrame.from_ndarray(picture, format="rgb48le")
        space = 9 if matrix == 9 else 1
        frame = frame.reformat(format=pixels, dst_colorspace=space, dst_color_range=1)
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def colours(path: Path) -> np.ndarray:
    """[n, 3] the colours of the stripes."""
    return next(read_frames(path, 25))[32, 8::16].astype(int)


def light(levels: np.ndarray) -> np.ndarray:
    return (levels / 255) ** 2.4


@pytest.mark.parametrize(("transfer", "encode"), [(Transfer.SMPTE2084, pq), (Transfer.ARIB_STD_B67, hlg)])
@pytest.mark.parametrize("primaries", [Primaries.BT2020, Primaries.UNSPECIFIED])
def test_hdr_comes_out_as_the_sdr_that_it_shows(
    tmp_path: Path, transfer: int, encode: Any, primaries: int
) -> None:
    signal = encode(203 * light(COLOURS) @ BT709_TO_BT2020.T)
    path = write(tmp_path / "a.mkv", signal, transfer, primaries, matrix=9)
    assert np.abs(colours(path) - COLOURS).max() <= 2


@pytest.mark.parametrize(
    ("primaries", "matrix"),
    [(Primaries.BT2020, BT709_TO_BT2020), (Primaries.SMPTE432, BT709_TO_P3)],
)
def test_wide_primaries_keep_their_colours(tmp_path: Path, primaries: int, matrix: np.ndarray) -> None:
    signal = (light(COLOURS) @ matrix.T) ** (1 / 2.4)
    assert np.abs(255 * signal - COLOURS).max() > 10
    path = write(tmp_path / "a.mkv", signal, Transfer.BT709, primaries)
    assert np.abs(colours(path) - COLOURS).max() <= 2


@pytest.mark.parametrize("transfer", [1, 2, 4, 5, 6, 7, 11, 12, 13, 14, 15])
def test_sdr_passes_as_it_is(tmp_path: Path, transfer: int) -> None:
    path = write(tmp_path / "a.mkv", COLOURS / 255, transfer)
    with av.open(str(path)) as container:
        plain = next(container.decode(video=0)).to_ndarray(format="rgb24")
    np.testing.assert_array_equal(next(read_frames(path, 25)), plain)
    assert np.abs(colours(path) - COLOURS).max() <= 1


def test_highlights_are_rolled_off_and_keep_their_hue(tmp_path: Path) -> None:
    nits = np.array([203, 400, 600, 1000, 4000])[:, None] * np.array([1, 0.7, 0.6])
    found = colours(write(tmp_path / "a.mkv", pq(nits), Transfer.SMPTE2084, Primaries.BT709))
    assert (np.diff(found[:4, 0]) > 0).all()
    assert found[3, 0] == found[4, 0] == 255
    assert np.ptp(light(found[:4, 1]) / light(found[:4, 0])) < 0.02


def test_the_curve_is_smooth_and_rises() -> None:
    grey = np.linspace(0, PEAK, 10001)
    bent = rolled_off(grey)
    np.testing.assert_array_equal(bent[grey <= KNEE], grey[grey <= KNEE])
    slope = np.diff(bent) / np.diff(grey)
    assert slope.min() > 0
    assert np.abs(np.diff(slope)).max() < 0.01
    assert bent[-1] == pytest.approx(1)


def test_hdr_is_said(tmp_path: Path, film: Any, sine: Any) -> None:
    from privtalk.bench.corpus.video import colour

    with av.open(str(write(tmp_path / "a.mkv", COLOURS / 255, Transfer.ARIB_STD_B67))) as container:
        assert colour.notes(next(container.decode(video=0))) == ("HDR (HLG), tone-mapped to SDR",)
    plain = film(tmp_path / "b.mkv", [np.zeros((32, 48, 3), np.uint8)] * 5, sound=sine(0.2))
    assert probe(plain).notes == ()


@pytest.mark.parametrize(
    ("transfer", "name"), [(8, "linear light"), (9, "logarithmic"), (10, "logarithmic"), (17, "SMPTE 428")]
)
def test_other_transfer_functions_are_refused_by_name(tmp_path: Path, transfer: int, name: str) -> None:
    path = write(tmp_path / "a.mkv", COLOURS / 255, transfer)
    with pytest.raises(VideoError, match=rf"transfer function \({name}\).*convert it to SDR"):
        colours(path)


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_unknown_matrices_are_refused_where_they_matter(tmp_path: Path, matrix: int) -> None:
    path = write(tmp_path / "a.mkv", COLOURS / 255, 1, matrix=matrix)
    with pytest.raises(VideoError, match=f"colour matrix .number {matrix}. is not known"):
        colours(path)
    plain = write(tmp_path / "b.mkv", COLOURS / 255, 1, matrix=matrix, pixels="gbrp16le")
    assert np.abs(colours(plain) - COLOURS).max() <= 1


def test_hdr_without_a_transfer_function_is_refused(tmp_path: Path) -> None:
    options = {"x265-params": "log-level=none:hdr10=1:max-cll=1000,400"}
    choices: dict[str, Any] = {"pixels": "yuv420p10le", "codec": "libx265", "options": options}
    signal = pq(203 * light(COLOURS) @ BT709_TO_BT2020.T)
    path = write(tmp_path / "a.mkv", signal, Transfer.UNSPECIFIED, Primaries.BT2020, 9, **choices)
    with pytest.raises(VideoError, match="HDR by its content light level, but it names no transfer function"):
        colours(path)
    named = write(tmp_path / "b.mkv", signal, Transfer.SMPTE2084, Primaries.BT2020, 9, **choices)
    assert np.abs(colours(named) - COLOURS).mean() < 8


@pytest.mark.parametrize("pixels", ["gray", "gray10le", "bgra", "yuva420p", "yuv422p10le"])
def test_other_pixels_are_read(tmp_path: Path, pixels: str) -> None:
    grey = np.repeat(np.array([[20], [128], [230]]), 3, 1)
    path = write(tmp_path / "a.mkv", grey / 255, 1, pixels=pixels)
    assert np.abs(colours(path) - grey).max() <= 2
