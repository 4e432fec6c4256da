"""The Fréchet distance against pytorch-fid and closed forms; its shares against the jackknife and repeated draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.frechet import Moments, clip_influence, frechet, frechet_distance, moments
from privtalk.metrics.spool import Spool


def spooled(clips):
    spool = Spool(clips[0].shape[1])
    for clip in clips:
        spool.append(clip)
    return spool


def world(seed, clips=30, rows=12, dim=6, shift=0.3, stretch=1.3):
    """True clips, each around a point of its own, and generated ones after them."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clips, 1, dim))
    truth = centres + 0.7 * rng.normal(size=(clips, rows, dim))
    generated = stretch * truth + shift + 0.2 * rng.normal(size=truth.shape)
    return list(generated), list(truth)


def random_moments(seed, dim=5):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(dim, 2 * dim))
    return Moments(rng.normal(size=dim), factor @ factor.T / (2 * dim))


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_is_the_textbook_formula(seed):
    first, second = random_moments(seed), random_moments(seed + 1)
    mean = first.mean - second.mean
    root = sqrtm(first.covariance @ second.covariance).real
    expected = mean @ mean + np.trace(first.covariance + second.covariance - 2 * root)
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6, abs=1e-8)


# pytorch-fid asks scipy for what newer ones warn of.
@pytest.mark.filterwarnings("ignore:The `disp` argument is deprecated:DeprecationWarning")
def test_is_pytorch_fids_on_the_same_features():
    from privtalk.core import torchvision_guard as torchvision_guard

    fid_score = pytest.importorskip("pytorch_fid.fid_score")
    generated, truth = world(3)
    x, y = np.concatenate(generated), np.concatenate(truth)
    expected = fid_score.calculate_frechet_distance(x.mean(0), np.cov(x.T), y.mean(0), np.cov(y.T))
    assert frechet(spooled(generated), spooled(truth)).value == pytest.approx(expected, rel=1e-5)


def test_equal_sets_are_at_distance_zero():
    _, truth = world(0)
    result = frechet(spooled(truth), spooled(truth))
    assert result.value == pytest.approx(0, abs=1e-9)
    assert result.shares == pytest.approx([0] * 30, abs=1e-6)


def test_moments_are_numpys():
    generated, _ = world(1)
    found, rows = moments(spooled(generated)), np.concatenate(generated).astype(np.float32)
    np.testing.assert_allclose(found.mean, rows.mean(0, dtype=np.float64), atol=1e-9)
    np.testing.assert_allclose(found.covariance, np.cov(rows.T.astype(np.float64)), atol=1e-9)


def test_the_mean_of_the_shares_is_the_distance():
    generated, truth = world(2)
    result = frechet(spooled(generated), spooled(truth))
    assert np.mean(result.shares) == pytest.approx(result.value, rel=1e-9)


def test_shares_are_the_jackknifes_to_first_order():
    generated, truth = world(4, clips=60)
    shares = np.array(frechet(spooled(generated), spooled(truth)).shares)
    whole = frechet(spooled(generated), spooled(truth)).value
    without = np.array(
        [
            frechet(spooled(generated[:k] + generated[k + 1 :]), spooled(truth[:k] + truth[k + 1 :])).value
            for k in range(60)
        ]
    )
    pseudo = 60 * whole - 59 * without
    assert np.corrcoef(shares, pseudo)[0, 1] > 0.99
    assert shares.std() == pytest.approx(pseudo.std(), rel=0.1)


def test_the_shares_spread_is_the_standard_error_over_fresh_worlds():
    values, errors = [], []
    for seed in range(150):
        generated, truth = world(seed, clips=40, dim=3)
        result = frechet(spooled(generated), spooled(truth))
        values.append(result.value)
        errors.append(np.std(result.shares, ddof=1) / np.sqrt(40))
    assert np.mean(errors) == pytest.approx(np.std(values, ddof=1), rel=0.2)


def test_differences_of_shares_cancel_what_rows_share():
    generated, truth = world(5)
    other = [clip + 0.01 for clip in generated]
    a, b = (np.array(frechet(spooled(made), spooled(truth)).shares) for made in (generated, other))
    assert (a - b).std() < 0.2 * a.std()


def test_clips_of_different_lengths_weigh_by_their_frames():
    generated, truth = world(6)
    generated[0], truth[0] = np.repeat(generated[0], 3, 0), np.repeat(truth[0], 3, 0)
    found = clip_influence(spooled(generated), moments(spooled(generated)), moments(spooled(truth)))
    assert found.mean() == pytest.approx(0, abs=1e-9)


def test_a_set_that_lies_in_a_plane_has_a_value():
    generated, truth = world(7)
    flat = [clip * np.array([1, 1, 1, 0, 0, 0]) for clip in generated]
    result = frechet(spooled(flat), spooled(truth))
    assert np.isfinite(result.shares).all()
    assert result.value > frechet(spooled(generated), spooled(truth)).value


def test_too_few_samples_for_a_covariance_have_no_value():
    generated, truth = world(8, clips=1, rows=6)
    with pytest.raises(Undefined, match="6 samples are too few for a covariance of 6 features"):
        frechet(spooled(generated), spooled(truth))


def test_unpaired_sets_are_refused():
    generated, truth = world(9)
    with pytest.raises(ValueError, match="30 generated and 29 true clips"):
        frechet(spooled(generated), spooled(truth[1:]))
