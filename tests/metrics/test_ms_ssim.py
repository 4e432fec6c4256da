"""MS-SSIM against torchmetrics, scale by scale and as a whole, and its limits."""

import importlib
from functools import partial

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from privtalk.core import torchvision_guard as torchvision_guard  # before torchmetrics, which imports it
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.ms_ssim import WEIGHTS, halve, ms_ssim, smallest_side
from privtalk.metrics.ssim import ssim, ssim_map


@pytest.fixture(scope="module")
def theirs():
    return importlib.import_module("torchmetrics.functional.image")


def pair(count, height, width, noise=20, seed=0):
    rng = np.random.default_rng(seed)
    blurred = gaussian_filter(rng.normal(size=(count, height, width, 3)), (0, 3, 3, 0))
    truth = ((blurred - blurred.min()) / np.ptp(blurred) * 255).astype(np.uint8)
    return np.clip(truth + rng.normal(0, noise, truth.shape), 0, 255).astype(np.uint8), truth


def tensors(*clips):
    return [torch.tensor(clip).permute(0, 3, 1, 2).double() for clip in clips]


def oracle(theirs, generated, truth, scales):
    """Wang's definition put together from torchmetrics' SSIM maps; sides must halve evenly."""
    x, y = tensors(generated, truth)
    weights = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    value = 1.0
    for scale, weight in enumerate(weights):
        if scale:
            x, y = torch.nn.functional.avg_pool2d(x, 2), torch.nn.functional.avg_pool2d(y, 2)
        measure = partial(theirs.structural_similarity_index_measure, x, y, data_range=255.0)
        full, structure = measure(return_full_image=True)[1], measure(return_contrast_sensitivity=True)[1]
        last = scale == scales - 1
        mean = full[..., 5:-5, 5:-5].mean((1, 2, 3)) if last else structure
        value = value * mean.clamp(min=0) ** weight
    return float(value.mean())


@pytest.mark.parametrize("noise", [5, 60])
@pytest.mark.parametrize(("side", "scales"), [(176, 5), (48, 3), (64, 3), (44, 2)])
def test_is_put_together_from_torchmetrics_maps(theirs, side, scales, noise):
    generated, truth = pair(1 if scales == 5 else 2, side, side + 16, noise)
    assert ms_ssim(generated, truth, scales) == pytest.approx(
        oracle(theirs, generated, truth, scales), abs=2e-5
    )


@pytest.mark.parametrize("noise", [5, 60])
def test_is_close_to_torchmetrics_which_takes_the_coarsest_scale_over_the_border_too(theirs, noise):
    generated, truth = pair(1, 256, 256, noise)
    whole = theirs.multiscale_structural_similarity_index_measure(
        *tensors(generated, truth), data_range=255.0
    )
    assert ms_ssim(generated, truth) == pytest.approx(whole.item(), abs=1e-3)


def test_one_scale_is_ssim():
    generated, truth = pair(2, 32, 40)
    assert ms_ssim(generated, truth, 1) == pytest.approx(ssim(ssim_map(generated, truth)), abs=1e-6)


def test_frames_are_weighed_alike_and_channels_inside_each_scale():
    generated, truth = pair(9, 48, 48)
    single = [ms_ssim(generated[[t]], truth[[t]], 3) for t in range(9)]
    assert ms_ssim(generated, truth, 3) == pytest.approx(np.mean(single), abs=1e-6)


def test_negative_structure_counts_as_none():
    _, truth = pair(1, 64, 64)
    assert ms_ssim(255 - truth, truth, 3) == 0


@pytest.mark.parametrize(
    ("scales", "words"), [(5, "five scales need 161 px"), (3, "three scales need 41 px")]
)
def test_frames_below_the_coarsest_window_have_no_value(scales, words):
    side = smallest_side(scales)
    enough, small = np.zeros((1, side, side, 3), np.uint8), np.zeros((1, side + 9, side - 1, 3), np.uint8)
    assert ms_ssim(enough, enough, scales) == 1
    with pytest.raises(Undefined, match=words):
        ms_ssim(small, small, scales)


def test_halving_is_torchs_pooling_and_repeats_an_odd_edge():
    images = np.random.default_rng(0).normal(size=(2, 3, 7, 9)).astype(np.float32)
    padded = torch.nn.functional.pad(torch.tensor(images), (0, 1, 0, 1), mode="replicate")
    np.testing.assert_allclose(halve(images), torch.nn.functional.avg_pool2d(padded, 2), atol=1e-6)


def test_bad_arguments_are_named():
    frames = np.zeros((2, 48, 48, 3), np.uint8)
    with pytest.raises(ValueError, match="same shape"):
        ms_ssim(frames, frames[:1], 3)
    with pytest.raises(ValueError, match="weights for 1 to 5"):
        ms_ssim(frames, frames, 6)
