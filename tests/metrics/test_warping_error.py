"""Warping error: SciPy's interpolation, planted motion, and clips that must rank as they do."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from privtalk.bench.corpus.rendered.embedded import character, film
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.warping_error import flow, true_motion, visible, warp, warping_error


def texture(size=96, seed=0):
    """[H, W, 3] uint8, smooth."""
    blurred = gaussian_filter(np.random.default_rng(seed).normal(size=(size, size, 3)), (2, 2, 0))
    return ((blurred - blurred.min()) / np.ptp(blurred) * 255).astype(np.uint8)


def panning(dx, dy, count=4, size=64):
    """A window that moves over a texture by (-dx, -dy) a frame, so that what it shows moves by (dx, dy)."""
    whole = texture()
    return np.stack([whole[16 - t * dy :, 16 - t * dx :][:size, :size] for t in range(count)])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_warp_is_scipys(channels):
    rng = np.random.default_rng(0)
    image = rng.uniform(size=(12, 17, channels)).astype(np.float32)
    moves = rng.uniform(-4, 4, (12, 17, 2)).astype(np.float32)
    rows, columns = np.mgrid[:12, :17]
    at = [rows + moves[..., 1], columns + moves[..., 0]]
    expected = [map_coordinates(plane, at, order=1, mode="nearest") for plane in np.moveaxis(image, -1, 0)]
    # OpenCV rounds places to 1/32 pixel.
    np.testing.assert_allclose(warp(image, moves), np.moveaxis(expected, 0, -1), atol=2 / 32)
    whole = np.round(moves)
    at = [rows + whole[..., 1], columns + whole[..., 0]]
    expected = [map_coordinates(plane, at, order=1, mode="nearest") for plane in np.moveaxis(image, -1, 0)]
    np.testing.assert_allclose(warp(image, whole), np.moveaxis(expected, 0, -1), atol=1e-6)


@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (0, -1), (-3, 2)])
def test_planted_motion_is_found_and_leaves_no_error(dx, dy):
    frames = panning(dx, dy)
    motion = true_motion(frames)
    inner = motion.flows[:, 12:-12, 12:-12]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1, 2)), (dx, dy), atol=0.1)
    exact = np.full((3, 64, 64, 2), (dx, dy), np.float32)
    inside = visible(exact, -exact)
    assert inside.sum() == 3 * (64 - abs(dx)) * (64 - abs(dy))
    assert warping_error(frames, exact, inside) < 1e-10
    assert warping_error(frames, *motion) < 0.1 * warping_error(frames, 0 * exact, inside)


def test_occluded_pixels_do_not_count():
    frames = panning(0, 0, 2)
    frames[1, 20:30, 20:30] = 255 - frames[1, 20:30, 20:30]
    still = np.zeros((1, 64, 64, 2), np.float32)
    mask = np.ones((1, 64, 64), bool)
    assert warping_error(frames, still, mask) > 1e-3
    mask[:, 20:30, 20:30] = False
    assert warping_error(frames, still, mask) == 0


def test_flows_that_contradict_each_other_mark_what_is_hidden():
    forward = np.zeros((1, 16, 16, 2), np.float32)
    backward = forward.copy()
    backward[0, 4:8, 4:8, 0] = 3
    assert (~visible(forward, backward)).sum() == 16
    assert not visible(forward, backward)[0, 4:8, 4:8].any()


@pytest.mark.parametrize(
    ("motion", "gap", "seen"), [(0, 0.6, True), (0, 0.9, False), (10, 0.9, True), (10, 2, False)]
)
def test_fast_motion_may_contradict_itself_by_more(motion, gap, seen):
    """Ruder's bound: .36 and .81 px² against .5; .81 and 4 px² against .5 and a hundredth of some 180 px²."""
    forward = np.zeros((1, 40, 40, 2), np.float32)
    backward = forward.copy()
    forward[..., 0], backward[..., 0] = motion, gap - motion
    assert visible(forward, backward)[0, 20, 20] == seen


def test_is_the_definition_pair_by_pair():
    frames = np.random.default_rng(0).integers(0, 256, (4, 8, 9, 3), dtype=np.uint8)
    mask = np.random.default_rng(1).random((3, 8, 9)) < 0.5
    unit = frames / 255
    expected = [(((unit[t + 1] - unit[t]) ** 2).mean(-1) * mask[t]).sum() / mask[t].sum() for t in range(3)]
    assert warping_error(frames, np.zeros((3, 8, 9, 2), np.float32), mask) == pytest.approx(
        np.mean(expected), abs=1e-7
    )


@pytest.mark.parametrize("person", [0, 1, 2])
def test_a_true_clip_beats_a_frozen_and_a_shuffled_one(person):
    frames = film(character(0, "heldout", person), "train", 0, 16, 64).frames
    motion = true_motion(frames)
    assert motion.mask.mean() > 0.8
    order = np.random.default_rng(0).permutation(len(frames))
    true, frozen, shuffled = (
        warping_error(clip, *motion)
        for clip in (frames, np.repeat(frames[:1], len(frames), 0), frames[order])
    )
    assert true < 0.85 * frozen
    assert true < 0.5 * shuffled


def test_what_cannot_be_scored_is_named():
    frames = panning(0, 0, 2)
    still = np.zeros((1, 64, 64, 2), np.float32)
    with pytest.raises(Undefined, match="one frame"):
        flow(frames[:1])
    with pytest.raises(Undefined, match="one frame"):
        warping_error(frames[:1], still[:0], np.ones((0, 64, 64), bool))
    with pytest.raises(Undefined, match="no pixel stays visible"):
        warping_error(frames, still, np.zeros((1, 64, 64), bool))
    with pytest.raises(ValueError, match=r"must be \[1, 64, 64, 2\] and \[1, 64, 64\]"):
        warping_error(frames, np.repeat(still, 2, 0), np.ones((1, 64, 64), bool))
