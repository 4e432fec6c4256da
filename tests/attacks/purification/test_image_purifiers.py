"""Purifiers without a network: independent implementations, limits, and what filters leave alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, uniform_filter
from torch import Tensor

from privtalk.attacks.purification import adverse_cleaner
from privtalk.attacks.purification.adverse_cleaner import AdverseCleaner, guided
from privtalk.attacks.purification.attacker import AttackedPortraits, ImagePurifier
from privtalk.attacks.purification.blur import SIGMA, Blur
from privtalk.attacks.purification.colour_depth import BITS, ColourDepth, reduced
from privtalk.attacks.purification.jpeg import JPEG50, JPEG75, compressed
from privtalk.attacks.purification.resizing import HalfSize, JPEGAndHalfSize, halved
from privtalk.attacks.purification.round_trip import RoundTrip
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.backbone import Backbone

FILTERS = [JPEG75, JPEG50, HalfSize, JPEGAndHalfSize, Blur, AdverseCleaner]
colours = st.integers(0, 255)


def even(colour: int, size: int = 16) -> Tensor:
    return torch.full((size, size, 3), colour, dtype=torch.uint8)


def difference(a: Tensor, b: Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


def chequered(size: int = 16) -> Tensor:
    place = torch.arange(size)
    return (
        (((place[:, None] + place) % 2 * 200 + 28)[..., None].expand(-1, -1, 3)).to(torch.uint8).contiguous()
    )


@pytest.mark.parametrize("cls", FILTERS)
@settings(max_examples=20)
@given(colour=colours)
def test_a_single_grey_stays(cls: type[ImagePurifier], colour: int) -> None:
    quantised = cls is JPEG50  # means are kept in steps of one level
    assert difference(cls().clean(even(colour)), even(colour)) <= int(quantised)


@pytest.mark.parametrize("cls", [HalfSize, JPEGAndHalfSize, Blur])
def test_the_finest_pattern_goes(cls: type[ImagePurifier]) -> None:
    kept = cls().clean(chequered()).float()[4:-4, 4:-4].std()
    assert kept < 0.15 * chequered().float().std()


@pytest.mark.parametrize("cls", [*FILTERS, ColourDepth])
def test_a_portrait_stays_that_portrait(cls: type[ImagePurifier], photos: Tensor) -> None:
    """Nearer to its own photo than others are, and not the photo itself."""
    for k, photo in enumerate(photos):
        error = [(cls().clean(photo).float() - other.float()).abs().mean() for other in photos]
        assert min(error) == error[k] > 0


@pytest.mark.parametrize("quality", [50, 75])
def test_jpeg_is_opencvs_at_equal_quality(quality: int, photos: Tensor) -> None:
    chroma = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    for photo in photos:
        _, data = cv2.imencode(".jpg", photo.numpy()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, *chroma])
        expected = torch.from_numpy(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1].copy())
        assert difference(compressed(photo, quality), expected) <= 1


def test_the_two_jpegs_are_those_of_their_names(photos: Tensor) -> None:
    photo = photos[0]
    assert torch.equal(JPEG75().clean(photo), compressed(photo, 75))
    assert torch.equal(JPEG50().clean(photo), compressed(photo, 50))
    error = [(compressed(photo, q).float() - photo.float()).square().mean() for q in (95, 75, 50)]
    assert error == sorted(error)


def test_the_chain_is_its_two_links(photos: Tensor) -> None:
    for photo in photos:
        assert torch.equal(JPEGAndHalfSize().clean(photo), halved(JPEG75().clean(photo)))
        assert torch.equal(HalfSize().clean(photo), halved(photo))


def test_what_half_the_pixels_can_hold_stays() -> None:
    place = torch.arange(32)
    wave = 128 + 60 * torch.cos(2 * torch.pi * (place + 0.5) / 32)
    photo = (wave[:, None] * 0.5 + wave * 0.5)[..., None].expand(-1, -1, 3).round().to(torch.uint8)
    assert difference(halved(photo.contiguous())[4:-4, 4:-4], photo[4:-4, 4:-4]) <= 2


def test_a_photo_of_one_pixel_is_halved_to_itself() -> None:
    assert torch.equal(halved(even(9, 1)), even(9, 1))


def test_the_blur_is_gaussian(photos: Tensor) -> None:
    """scipy's, away from the border, whose treatment differs, and with as narrow a kernel."""
    for photo in photos:
        expected = gaussian_filter(photo.numpy().astype(float), (SIGMA, SIGMA, 0), truncate=3 / SIGMA)
        found = Blur().clean(photo).numpy()
        assert np.abs(found - expected)[4:-4, 4:-4].max() < 2.5


@given(values=st.lists(colours, min_size=1, max_size=20), bits=st.integers(1, 8))
def test_fewer_colours_are_the_nearest_of_so_many(values: list[int], bits: int) -> None:
    photo = torch.tensor(values, dtype=torch.uint8)
    found = reduced(photo, bits)
    palette = np.linspace(0, 255, 2**bits)
    nearest = np.abs(np.array(values)[:, None] - palette).min(1)
    np.testing.assert_array_less(np.abs(found.numpy() - photo.numpy().astype(float)), nearest + 0.51)
    assert torch.equal(reduced(found, bits), found)
    assert set(found.tolist()) <= set(palette.round().astype(int).tolist())


def test_colour_depth_has_sixteen_levels_seventeen_apart() -> None:
    assert BITS == 4
    every = torch.arange(256, dtype=torch.uint8).view(16, 16, 1).expand(-1, -1, 3)
    found = ColourDepth().clean(every)
    assert found.unique().tolist() == list(range(0, 256, 17))
    assert difference(found, every) == 8


# ---- the guided filter


def picture(seed: int, size: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, (size, size, 3)).astype(np.float32)


def box(values: np.ndarray, radius: int) -> np.ndarray:
    return uniform_filter(values.astype(float), (2 * radius + 1, 2 * radius + 1, 1), mode="reflect")


@pytest.mark.parametrize("radius", [1, 3])
def test_a_guide_of_one_colour_leaves_two_box_means(radius: int) -> None:
    source, flat = picture(0), np.full((16, 16, 3), 90, np.float32)
    expected = box(box(source, radius), radius)
    np.testing.assert_allclose(guided(flat, source, radius, 16.0), expected, atol=0.2)


def test_what_guides_itself_without_smoothing_stays_and_with_much_is_two_box_means() -> None:
    source = picture(0)
    np.testing.assert_allclose(guided(source, source, 1, 1e-3), source, atol=0.1)
    np.testing.assert_allclose(guided(source, source, 1, 1e9), box(box(source, 1), 1), atol=0.2)


def test_the_guided_filter_is_the_least_squares_line_of_every_window() -> None:
    """He et al. 2010, equations 5 to 8, by ridge regression in each window, in double precision."""
    guide, source, smoothing, size = picture(0, 9), picture(1, 9), 500.0, 9
    slopes, offsets = np.zeros((size, size, 3)), np.zeros((size, size, 3))
    for y in range(size):
        for x in range(size):
            rows, columns = (np.clip([p - 1, p, p + 1], 0, size - 1) for p in (y, x))
            for c in range(3):
                i, p = (a[np.ix_(rows, columns)][..., c].ravel().astype(float) for a in (guide, source))
                slopes[y, x, c] = ((i * p).mean() - i.mean() * p.mean()) / (i.var() + smoothing)
                offsets[y, x, c] = p.mean() - slopes[y, x, c] * i.mean()
    expected = box(slopes, 1) * guide + box(offsets, 1)
    np.testing.assert_allclose(guided(guide, source, 1, smoothing), expected, atol=0.05)


def bilateral(values: np.ndarray, colour: float, space: float) -> np.ndarray:
    """Tomasi and Manduchi 1998, of a pixel and its four neighbours; colours' distance is the sum over channels."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="reflect")
    total, weights = np.zeros_like(values), np.zeros(values.shape[:2])
    for dy, dx in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0)):
        near = padded[1 + dy : len(values) + 1 + dy, 1 + dx : values.shape[1] + 1 + dx]
        apart = np.abs(near - values).sum(-1)
        weight = np.exp(-(dy**2 + dx**2) / (2 * space**2) - apart**2 / (2 * colour**2))
        total, weights = total + weight[..., None] * near, weights + weight
    return total / weights[..., None]


@pytest.mark.parametrize("times", [1, 3, adverse_cleaner.BILATERAL])
def test_the_cleaner_begins_with_so_many_bilateral_filters(
    times: int, photos: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adverse_cleaner, "GUIDED", 0)
    monkeypatch.setattr(adverse_cleaner, "BILATERAL", times)
    expected = photos[0].numpy().astype(float)
    for _ in range(times):
        expected = bilateral(expected, adverse_cleaner.COLOUR, adverse_cleaner.SPACE)
    found = AdverseCleaner().clean(photos[0]).numpy()
    assert np.abs(found - expected).max() < 1


def test_the_cleaner_removes_small_noise_and_keeps_an_edge() -> None:
    step = torch.full((32, 32, 3), 60.0)
    step[:, 16:] = 200
    noise = 4 * torch.randn(step.shape, generator=torch.Generator().manual_seed(0))
    found = AdverseCleaner().clean((step + noise).round().to(torch.uint8)).float()
    assert (found - step)[:, 2:14].std() < 0.2 * noise[:, 2:14].std()
    assert ((found - step).abs()[:, 14:18] < 20).all()


# ---- the victim's autoencoder


def test_the_round_trip_is_the_autoencoders(portraits: AttackedPortraits, backbone: Backbone) -> None:
    coder = backbone.autoencoder
    with torch.no_grad():
        expected = to_frames(coder.decode(coder.encode(to_images(portraits.photos))))
    assert difference(RoundTrip().purify(portraits, backbone, []), expected) <= 1
