"""PSNR against scikit-image, its region, and its limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio

from privtalk.metrics.psnr import CAP, psnr


def frames(seed, count=3, size=16):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_is_scikit_images_frame_by_frame():
    generated, truth = frames(0), frames(1)
    expected = np.mean([peak_signal_noise_ratio(t, g) for t, g in zip(truth, generated, strict=True)])
    assert psnr(generated, truth) == pytest.approx(expected, abs=1e-9)


def test_region_is_the_cropped_frame():
    generated, truth = frames(0), frames(1)
    region = np.zeros((3, 16, 16), bool)
    region[:, 3:9, 5:12] = True
    assert psnr(generated, truth, region) == pytest.approx(
        psnr(generated[:, 3:9, 5:12], truth[:, 3:9, 5:12]), abs=1e-9
    )


def test_whole_region_is_the_whole_frame():
    assert psnr(frames(0), frames(1), np.ones((3, 16, 16), bool)) == pytest.approx(psnr(frames(0), frames(1)))


@given(st.integers(1, 255))
def test_uniform_error_has_a_closed_form(error):
    truth = np.zeros((2, 8, 8, 3), np.uint8)
    assert psnr(np.full_like(truth, error), truth) == pytest.approx(20 * np.log10(255 / error), abs=1e-9)


def test_identical_frames_have_the_cap_and_nothing_else_reaches_it():
    truth = frames(0, size=64)
    close = truth.copy()
    close[:, 0, 0, 0] ^= 1
    assert psnr(truth, truth) == CAP
    assert 85 < psnr(close, truth) < CAP
