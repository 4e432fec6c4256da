"""SSIM against scikit-image, at several sizes and kinds of frames."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.ssim import ssim, ssim_map


def smooth(seed, count, height, width):
    noise = np.random.default_rng(seed).normal(size=(count, height, width, 3))
    blurred = gaussian_filter(noise, (0, 3, 3, 0))
    return ((blurred - blurred.min()) / np.ptp(blurred) * 255).astype(np.uint8)


def oracle(generated, truth):
    """[(mean, map)] by scikit-image."""
    settings = {
        "gaussian_weights": True,
        "use_sample_covariance": False,
        "data_range": 255,
        "channel_axis": -1,
    }
    both = zip(truth, generated, strict=True)
    return [structural_similarity(t, g, full=True, **settings) for t, g in both]


@pytest.mark.parametrize("shape", [(2, 64, 64), (5, 32, 48), (2, 11, 11), (2, 128, 128)], ids=str)
@pytest.mark.parametrize("noise", [2, 40])
def test_is_scikit_images(shape, noise):
    truth = smooth(0, *shape)
    added = np.random.default_rng(1).normal(0, noise, truth.shape)
    generated = np.clip(truth + added, 0, 255).astype(np.uint8)
    expected = oracle(generated, truth)
    similarity = ssim_map(generated, truth)
    np.testing.assert_allclose(similarity, [full.mean(-1) for _, full in expected], atol=2e-4)
    assert ssim(similarity) == pytest.approx(np.mean([mean for mean, _ in expected]), abs=2e-5)


@pytest.mark.parametrize("level", [0, 7, 255])
def test_flat_frames_lose_no_digits(level):
    """Variances are exactly zero: where E[x²] - E[x]² cancels badly, it shows here."""
    truth = np.full((2, 32, 32, 3), level, np.uint8)
    generated = np.full_like(truth, 255 - level)
    expected = np.mean([mean for mean, _ in oracle(generated, truth)])
    assert ssim(ssim_map(generated, truth)) == pytest.approx(expected, abs=1e-5)


def test_identity_and_symmetry():
    a, b = smooth(0, 2, 32, 32), smooth(1, 2, 32, 32)
    assert ssim(ssim_map(a, a)) == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(ssim_map(a, b), ssim_map(b, a), atol=1e-6)
    assert ssim(ssim_map(a, 255 - a)) < 0


def test_region_is_the_mean_of_the_map_over_it():
    similarity = ssim_map(smooth(0, 2, 32, 32), smooth(1, 2, 32, 32))
    region = np.zeros(similarity.shape, bool)
    region[0, 4:9, 4:9], region[1, 0:3, 0:20] = True, True
    expected = (similarity[0, 4:9, 4:9].mean() + similarity[1, 0:3, 0:20].mean()) / 2
    assert ssim(similarity, region) == pytest.approx(expected, abs=1e-6)


def test_frames_below_the_window_have_no_value():
    tiny = np.zeros((1, 10, 64, 3), np.uint8)
    with pytest.raises(Undefined, match="11 px"):
        ssim_map(tiny, tiny)
