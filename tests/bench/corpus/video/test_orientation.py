from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.video.decoding import read_frames
from privtalk.bench.corpus.video.orientation import VideoError, orientation

EIGHT = [
    *((a, 0, 0, d) for a, d in product((1, -1), repeat=2)),
    *((0, b, c, 0) for b, c in product((1, -1), repeat=2)),
]
"""Matrices (a, b, c, d) that map x, y to a x + c y, b x + d y: all ways to lay a picture on a screen."""


def mapped(picture: np.ndarray, matrix: tuple[float, ...]) -> np.ndarray:
    """Every pixel put where the matrix sends it, one by one."""
    a, b, c, d = np.sign(matrix).astype(int)
    height, width = picture.shape[:2]
    y, x = np.mgrid[:height, :width]
    column, row = a * x + c * y, b * x + d * y
    column, row = column - column.min(), row - row.min()
    laid = np.empty((row.max() + 1, column.max() + 1, 3), picture.dtype)
    laid[row, column] = picture
    return laid


@pytest.mark.parametrize("matrix", EIGHT)
def test_every_pixel_lands_where_the_matrix_sends_it(matrix: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (5, 7, 3), np.uint8)
    laid = orientation(*matrix)(picture)
    np.testing.assert_array_equal(laid, mapped(picture, matrix))
    assert laid.flags.c_contiguous


@pytest.fixture
def laid(tmp_path: Path) -> Any:
    """First frame of a film [32, 48] with a display matrix, whose quarters differ in colour."""

    def film(matrix: tuple[float, ...], aspect: int = 1) -> tuple[np.ndarray, np.ndarray]:
        picture = np.zeros((32, 48, 3), np.uint8)
        picture[:16, :24], picture[:16, 24:], picture[16:, :24] = (220, 40, 40), (40, 200, 40), (40, 40, 220)
        path = tmp_path / "a.mp4"
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 48, 32, "yuv420p", 4_000_000
            stream.sample_aspect_ratio = Fraction(aspect)
            a, b, c, d = (round(value * 65536) for value in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
            for number in range(3):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return next(read_frames(path, 25)), picture

    return film


@pytest.mark.parametrize("matrix", EIGHT)
@pytest.mark.parametrize("aspect", [1, 2])
def test_film_is_shown_as_its_matrix_says(laid: Any, matrix: tuple[int, ...], aspect: int) -> None:
    shown, picture = laid(matrix, aspect)
    # Pixels are widened as they lie in the file, before they are turned.
    expected = mapped(np.repeat(picture, aspect, axis=1), matrix)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).mean() < 6


@pytest.mark.parametrize("degrees", [10, 45, 100, -30])
def test_a_turn_that_is_no_quarter_is_refused_by_name(laid: Any, degrees: int) -> None:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    with pytest.raises(VideoError, match=f"turned by {-degrees} degrees, which is no quarter turn"):
        laid((cosine, sine, -sine, cosine))


def test_a_sheared_picture_is_refused() -> None:
    with pytest.raises(VideoError, match="no quarter turn"):
        orientation(1, 0, 1, 0)


def test_a_matrix_without_extent_is_passed_over() -> None:
    assert orientation(0, 0, 0, 0) == orientation(1, 0, 0, 1)


@given(st.sampled_from(EIGHT), st.floats(0.1, 10), st.floats(0.1, 10), st.floats(-0.9, 0.9))
def test_scale_and_a_rounding_error_change_nothing(
    matrix: tuple[int, ...], wide: float, high: float, degrees: float
) -> None:
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    rows = np.array(matrix, float).reshape(2, 2) * [[wide], [high]] @ rotation
    assert orientation(*rows.ravel()) == orientation(*matrix)
