"""The alignment of a reference to a frame: limits of the spline, and what the denoiser then sees."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from scipy.interpolate import RBFInterpolator

from privtalk.methods.backbone.alignment import (
    LATTICE,
    SMOOTHING,
    ReferenceAligner,
    align,
    centres,
    rim,
    spline,
)
from privtalk.methods.backbone.autoencoder import CELL, Autoencoder
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.backbone.config import BackboneConfig

SIZE = 32


def points(n: int, seed: int = 0) -> torch.Tensor:
    """[n, 78] landmarks around the middle of the frame."""
    return torch.randn(n, 78, generator=torch.Generator().manual_seed(seed)) * 0.3


def smooth_images(n: int) -> torch.Tensor:
    coarse = torch.rand(n, 3, 6, 6, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=SIZE, mode="bicubic")


def test_landmarks_that_stay_leave_the_image_as_it_is() -> None:
    images, still = smooth_images(3), points(3)
    torch.testing.assert_close(align(images, still, still), images, atol=1e-4, rtol=0)


def test_the_spline_is_scipys_on_its_lattice() -> None:
    """scipy's thin-plate interpolator (r² log r, linear tail, the same smoothing) is an independent oracle."""
    start, end = points(1, 0).double(), points(1, 2).double()
    found = spline(start, end, LATTICE)[0]
    fixed = rim(start)
    anchors = torch.cat([start.view(-1, 2), fixed])
    moves = torch.cat([(end - start).view(-1, 2), torch.zeros_like(fixed)])
    oracle = RBFInterpolator(
        anchors.numpy(), moves.numpy(), kernel="thin_plate_spline", smoothing=SMOOTHING, degree=1
    )
    at = centres(LATTICE, start).reshape(-1, 2)
    expected = at + torch.from_numpy(oracle(at.numpy()))
    torch.testing.assert_close(found.reshape(-1, 2), expected, atol=1e-5, rtol=0)


def test_a_face_that_moves_is_carried_and_the_border_stays() -> None:
    face = centres(7, torch.zeros(())).reshape(1, -1) * 0.4
    moved = face.unflatten(-1, (-1, 2)) + torch.tensor([4 * 2 / SIZE, 0.0])
    images = smooth_images(1)
    carried = align(images, face, moved.flatten(1))
    middle = slice(SIZE // 2 - 3, SIZE // 2 + 3)
    shifted = images.roll(4, -1)
    assert (carried - shifted)[..., middle, middle].abs().mean() < 0.05
    assert (carried - images)[..., 0].abs().mean() < 0.05
    assert (carried - images)[..., middle, middle].abs().mean() > 0.1  # the check can fail


def test_frames_are_carried_one_by_one() -> None:
    images, start, end = smooth_images(3), points(3, 0), points(3, 1)
    alone = torch.cat([align(images[k : k + 1], start[k : k + 1], end[k : k + 1]) for k in range(3)])
    torch.testing.assert_close(align(images, start, end), alone)


def test_landmarks_that_coincide_do_no_harm() -> None:
    same = torch.zeros(1, 78)
    assert align(smooth_images(1), same, same + 0.1).isfinite().all()


def test_a_sketch_starts_as_the_linear_part_of_the_decoder() -> None:
    config = BackboneConfig(size=SIZE).autoencoder.model_copy(update={"latent_channels": 4})
    autoencoder = Autoencoder(config)
    autoencoder.latent_scale.uniform_(0.5, 2)
    autoencoder.latent_shift.uniform_(-1, 1)
    aligner = ReferenceAligner(4)
    aligner.start_from(autoencoder)
    latents = torch.randn(2, 4, 4, 4)
    raw = latents * autoencoder.latent_scale[:, None, None] + autoencoder.latent_shift[:, None, None]
    linear = autoencoder.synthesis(raw) + autoencoder.synthesis_mean.repeat(1, 4, 4)
    torch.testing.assert_close(torch.nn.functional.pixel_shuffle(aligner.sketch(latents), CELL), linear)


@pytest.mark.parametrize("left_out", ["reference", "landmarks"])
def test_without_a_reference_or_landmarks_nothing_is_aligned(
    backbone: Backbone, batch: Batch, left_out: str
) -> None:
    tiny = backbone.config
    kept = tuple(c for c in tiny.conditions if c != left_out)
    without = Backbone.initial(tiny.model_copy(update={"conditions": kept}), 0)
    assert without.aligner is None
    assert without.aligned(batch) is None
    assert backbone.aligned(batch) is not None


def test_what_is_aligned_once_serves_every_step(backbone: Backbone, batch: Batch) -> None:
    noisy, t = torch.randn_like(batch.latents), torch.full((len(batch),), 300)
    found = backbone.predict(noisy, t, batch, backbone.aligned(batch))
    assert torch.equal(found, backbone.predict(noisy, t, batch))
    other = backbone.aligned(replace(batch, reference=batch.reference + 1))
    assert not torch.allclose(found, backbone.predict(noisy, t, batch, other))
