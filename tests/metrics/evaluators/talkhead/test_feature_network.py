"""Perceptual distance, frame and window features of one network, and the problem that it is fitted by."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from privtalk.metrics.evaluators.fitting.feature_fitting import (
    CELLS,
    CONTROLS,
    LABELS,
    SCALES,
    FeatureConfig,
    FeatureProblem,
    calibrate,
    detail,
    thumbnail,
)
from privtalk.metrics.evaluators.talkhead.blocks import initialised
from privtalk.metrics.evaluators.talkhead.feature_network import (
    DIM,
    PLANES,
    FeatureNetwork,
    TalkheadFrames,
    TalkheadPerceptual,
    TalkheadVideo,
    seen,
)
from tests.metrics.evaluators.problems import check_named_draws, losses, stream


@pytest.fixture(scope="module")
def network():
    return initialised(FeatureNetwork(), stream("weights")).eval().requires_grad_(False)


def pictures(count=4, size=64, seed=0):
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)
    return coarse.repeat(size // 8, 1).repeat(size // 8, 2)


def test_equal_frames_are_at_no_distance(network):
    found = TalkheadPerceptual(network)(pictures(), pictures())
    assert not found.whole.any()
    assert not found.map.any()


def test_more_damage_is_further(network):
    clean, distance = pictures(), TalkheadPerceptual(network)
    noise = np.random.default_rng(1).normal(size=clean.shape)
    near, far = (np.clip(clean + s * noise, 0, 255).astype(np.uint8) for s in (5, 50))
    assert (distance(near, clean).whole < distance(far, clean).whole).all()
    assert (distance(near, clean).whole > 0).all()


def test_distance_is_symmetric_and_its_map_has_the_frames_size(network):
    distance = TalkheadPerceptual(network)
    there, back = distance(pictures(seed=1), pictures(seed=2)), distance(pictures(seed=2), pictures(seed=1))
    np.testing.assert_allclose(there.whole, back.whole, rtol=1e-5)
    np.testing.assert_allclose(there.map, back.map, rtol=1e-4, atol=1e-6)
    assert there.map.shape == (4, 64, 64)
    assert distance(pictures(size=128), pictures(size=128, seed=3)).map.shape == (4, 128, 128)


def test_distance_is_lpips_with_uniform_weights(network):
    a, b = pictures(seed=1), pictures(seed=2)
    expected = 0
    for one, two in zip(network.layers(seen(a)), network.layers(seen(b)), strict=True):
        one, two = (maps / maps.norm(dim=1, keepdim=True) for maps in (one, two))
        expected = expected + ((one - two) ** 2).sum(1).mean((1, 2))
    np.testing.assert_allclose(TalkheadPerceptual(network)(a, b).whole, expected.numpy(), rtol=1e-4)


def test_damage_is_found_where_it_is(network):
    clean = pictures()
    spoilt = clean.copy()
    spoilt[:, :32, :32] = 255 - spoilt[:, :32, :32]
    found = TalkheadPerceptual(network)(spoilt, clean).map
    assert (found[:, 4:28, 4:28].mean((1, 2)) > 2 * found[:, 40:, 40:].mean((1, 2))).all()


def test_chunks_do_not_change_a_frames_features(network):
    many = np.concatenate([pictures(seed=k) for k in range(20)])
    found = TalkheadFrames(network)(many)
    assert found.shape == (80, DIM)
    np.testing.assert_allclose(found[64:], TalkheadFrames(network)(many[64:]), rtol=1e-4, atol=1e-4)
    alike = TalkheadPerceptual(network)(many, many[::-1])
    np.testing.assert_allclose(
        alike.whole[70:], TalkheadPerceptual(network)(many[70:], many[::-1][70:]).whole, rtol=1e-3, atol=1e-6
    )


@pytest.mark.parametrize("size", [128, 192])
def test_larger_frames_are_averaged_over_areas(network, size):
    factor = size // 64
    rng = np.random.default_rng(0)
    large = rng.integers(0, 256, (2, size, size, 3), np.uint8)
    means = large.reshape(2, 64, factor, 64, factor, 3).mean((2, 4))
    np.testing.assert_allclose(seen(large).permute(0, 2, 3, 1).numpy(), means, atol=1e-3)
    np.testing.assert_allclose(
        TalkheadFrames(network)(pictures(size=size)),
        TalkheadFrames(network)(pictures()),
        rtol=1e-3,
        atol=1e-4,
    )


def test_frames_of_the_networks_size_are_left_alone():
    assert torch.equal(seen(pictures()), torch.from_numpy(pictures()).permute(0, 3, 1, 2).float())


@pytest.mark.parametrize(("frames", "windows"), [(15, 0), (16, 1), (23, 1), (24, 2), (40, 4)])
def test_windows_of_sixteen_frames_begin_every_eight(network, frames, windows):
    found = TalkheadVideo(network)(pictures(frames))
    assert found.shape == (windows, 2 * PLANES)


def test_a_window_is_where_it_lies_and_how_fast_it_moves(network):
    video, shown = TalkheadVideo(network), pictures(32)
    planes = TalkheadFrames(network)(shown) @ network.planes.numpy().T
    found = video(shown)[1]
    np.testing.assert_allclose(found[:PLANES], planes[8:24].mean(0), rtol=1e-4, atol=1e-4)
    speed = np.sqrt((np.diff(planes[8:24], axis=0) ** 2).mean(0))
    np.testing.assert_allclose(found[PLANES:], speed, rtol=1e-3)
    still = video(np.repeat(shown[:1], 16, 0))
    np.testing.assert_allclose(still[0, PLANES:], 0, atol=1e-4)


def test_calibration_gives_zero_mean_unit_spread_and_unit_speed():
    network = initialised(FeatureNetwork(), stream("weights")).requires_grad_(False)
    portraits = np.concatenate([pictures(seed=k) for k in range(10)])
    clips = [pictures(20, seed=100 + k) for k in range(4)]
    calibrate(network, portraits, clips)
    found = TalkheadFrames(network)(portraits)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(found.std(0), 1, atol=1e-3)
    planes = network.planes.numpy()
    np.testing.assert_allclose(planes @ planes.T, np.eye(PLANES), atol=1e-4)
    moving = np.concatenate([np.diff(TalkheadFrames(network)(clip) @ planes.T, axis=0) for clip in clips])
    np.testing.assert_allclose(np.sqrt((moving**2).mean(0)), network.motion.numpy(), rtol=1e-3)
    variances = (np.concatenate([TalkheadFrames(network)(clip) for clip in clips]) @ planes.T).var(0)
    assert (np.diff(variances) <= 1e-3).all(), "principal directions come in order"
    first = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    calibrate(network, portraits, clips)
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(tensor.abs(), first[name].abs(), rtol=1e-3, atol=1e-3)


def test_a_thumbnail_is_the_mean_over_blocks():
    images = seen(pictures(2))
    expected = images.reshape(2, 3, 16, 4, 16, 4).mean((3, 5)) / 127.5 - 1
    torch.testing.assert_close(thumbnail(images), expected.flatten(1))


def test_detail_tells_scales_and_places():
    """Stripes two pixels apart in one corner are energy of the finest scale there."""
    flat = torch.full((1, 3, 64, 64), 100.0)
    fine = flat.clone()
    fine[:, :, :16, :16:2] += 60
    levels = detail(fine).view(SCALES, CELLS, CELLS)
    nothing = detail(flat).view(SCALES, CELLS, CELLS)
    torch.testing.assert_close(nothing, torch.full_like(nothing, np.log(1e-3)))
    assert levels[0, 0, 0] > levels[0, 3, 3] + 3
    assert levels[0, 0, 0] > levels[1, 0, 0]
    blurred = F.avg_pool2d(fine, 3, 1, 1)
    assert detail(blurred).view(SCALES, CELLS, CELLS)[0, 0, 0] < levels[0, 0, 0] - 1


def posed(count=12):
    """Pictures with the answers that their own mean colour gives."""
    rng = np.random.default_rng(0)
    frames = pictures(count)
    told = frames.mean((1, 2, 3))[:, None]
    masks = (frames[..., 0] // 29).clip(max=LABELS - 1).astype(np.uint8)
    landmarks = (32 + 10 * rng.random((count, 68, 2))).astype(np.float32)
    controls = (told * np.linspace(-1, 1, CONTROLS)).astype(np.float32)
    return frames, masks, landmarks, controls


def build(given):
    return FeatureProblem(*posed(), FeatureConfig(batch=8), given)


def test_draws_are_named():
    check_named_draws(build)


def test_a_few_steps_learn_what_is_shown():
    found = losses(build(stream), 25)
    assert np.mean(found[-4:]) < 0.8 * np.mean(found[:4])


def test_every_head_counts():
    whole = build(stream)
    with torch.no_grad():
        full = whole.loss(0).item()
        for name in ("masks", "controls", "landmarks", "thumbnail", "detail"):
            without = FeatureProblem(*posed(), FeatureConfig(batch=8, **{name: 0.0}), stream)
            assert without.loss(0).item() < full, name


def test_frames_that_were_just_compared_are_not_embedded_again(network, monkeypatch):
    passes, layers = [], FeatureNetwork.layers

    def counted(self, frames):
        passes.append(len(frames))
        return layers(self, frames)

    monkeypatch.setattr(FeatureNetwork, "layers", counted)
    made, true = pictures(16, seed=1), pictures(16, seed=2)
    TalkheadPerceptual(network)(made, true)
    compared = sum(passes)
    assert compared == 32
    found, windows = TalkheadFrames(network)(made), TalkheadVideo(network)(made)
    assert sum(passes) == compared
    TalkheadFrames(network)(true)
    assert sum(passes) == compared + 16
    afresh = TalkheadFrames(network)(made.copy())
    np.testing.assert_allclose(found, afresh, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(windows, TalkheadVideo(network)(made.copy()), rtol=1e-3, atol=1e-4)


def test_what_was_embedded_last_is_not_taken_for_other_frames(network):
    """Not for frames of the same shape, nor for those that come to lie at the same address."""
    expected = {seed: TalkheadFrames(network)(pictures(seed=seed)).copy() for seed in (1, 2)}
    assert not np.allclose(expected[1], expected[2], atol=0.01)
    for seed in (1, 2, 1, 1, 2):
        shown = pictures(seed=seed)
        np.testing.assert_array_equal(TalkheadFrames(network)(shown), expected[seed])
        del shown
