from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import (
    NOSE_TIP,
    UPPER_FACE,
    Batch,
    hide_below_nose,
    rows_below_nose,
    upper_face,
)

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray]
STEP = torch.tensor([300, 600, 900])


def noise_like(batch: Batch, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch.latents.shape, generator=torch.Generator().manual_seed(seed))


def test_the_39_points_leave_out_chin_and_mouth() -> None:
    assert len(UPPER_FACE) == len(set(UPPER_FACE)) == 39
    assert not set(UPPER_FACE) & (set(range(4, 13)) | set(range(48, 68)))


def test_landmarks_span_minus_one_to_one() -> None:
    corners = np.zeros((1, 68, 2), np.float32)
    corners[:, 33] = 64
    points = upper_face(corners, 64).reshape(39, 2)
    assert points[0].tolist() == [-1, -1]
    assert points[NOSE_TIP].tolist() == [1, 1]


def test_masking_hides_the_mouth_and_nothing_above_the_nose_tip() -> None:
    points = torch.zeros(1, 78)  # nose tip at the middle row
    hidden = hide_below_nose(torch.ones(1, 3, 8, 8), points)
    assert hidden[0, :, :4].min() == 1
    assert hidden[0, :, 4:].abs().max() == 0
    assert rows_below_nose(points, 8)[0].tolist() == [False] * 4 + [True] * 4


def test_features_have_the_shapes_promised(backbone: Backbone, clip_arrays: Arrays) -> None:
    features = backbone.features(*clip_arrays, fps=25.0, masked=True)
    assert features.latents.shape == (6, *backbone.latent_shape)
    assert features.audio.shape == (6, backbone.config.audio.width)
    assert features.landmarks.shape == (6, 78)
    assert features.masked is not None
    assert not torch.equal(features.masked, features.latents)


def test_frames_of_another_size_are_refused(backbone: Backbone, clip_arrays: Arrays) -> None:
    frames, audio, landmarks = clip_arrays
    with pytest.raises(ValueError, match="16 x 16 pixels, the backbone takes 32 x 32"):
        backbone.features(frames[:, ::2, ::2], audio, landmarks, fps=25.0)


def test_encoding_in_portions_changes_nothing(backbone: Backbone) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    torch.testing.assert_close(
        backbone.encode(frames)[200:], backbone.encode(frames[200:]), atol=1e-5, rtol=1e-4
    )


def test_the_prediction_does_not_see_its_target(backbone: Backbone, batch: Batch) -> None:
    noisy = noise_like(batch)
    other = replace(batch, latents=batch.latents + 1)
    assert torch.equal(backbone.predict(noisy, STEP, batch), backbone.predict(noisy, STEP, other))


@pytest.mark.parametrize("condition", ["audio", "landmarks", "reference", "reference_landmarks", "masked"])
def test_every_condition_is_heard(backbone: Backbone, batch: Batch, condition: str) -> None:
    noisy = noise_like(batch)
    changed = replace(batch, **{condition: getattr(batch, condition) + 1})
    assert not torch.allclose(backbone.predict(noisy, STEP, batch), backbone.predict(noisy, STEP, changed))


def test_windows_do_not_mix(backbone: Backbone, batch: Batch) -> None:
    noise = noise_like(batch)
    whole = backbone.loss(batch, STEP, noise)
    alone = torch.cat([backbone.loss(batch[i : i + 1], STEP[i : i + 1], noise[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(whole, alone, atol=1e-5, rtol=1e-5)


def test_a_left_out_condition_is_ignored(batch: Batch, backbone: Backbone) -> None:
    deaf = Backbone(backbone.config.model_copy(update={"conditions": ("reference", "landmarks")})).freeze()
    noisy = noise_like(batch)
    assert torch.equal(
        deaf.predict(noisy, STEP, batch), deaf.predict(noisy, STEP, replace(batch, audio=batch.audio + 1))
    )


def test_sampling_is_repeatable_and_shared_noise_broadcasts(backbone: Backbone, batch: Batch) -> None:
    noise = noise_like(batch)
    assert torch.equal(backbone.generate(batch, noise, 3), backbone.generate(batch, noise, 3))
    shared = backbone.generate(batch, noise[:, :1], 3)
    assert torch.equal(shared, backbone.generate(batch, noise[:, :1].expand_as(noise), 3))


def test_reenact_ignores_what_the_inpaint_track_gets(backbone: Backbone, batch: Batch) -> None:
    noise = noise_like(batch)
    assert torch.equal(
        backbone.generate(batch, noise, 3), backbone.generate(replace(batch, masked=None), noise, 3)
    )


def test_inpaint_keeps_ground_truth_above_the_nose_tip(backbone: Backbone, batch: Batch) -> None:
    level = replace(batch, landmarks=torch.zeros_like(batch.landmarks))
    made = backbone.generate(level, noise_like(batch), 3, track="inpaint")
    half = made.shape[-2] // 2
    assert torch.equal(made[..., :half, :], batch.latents[..., :half, :])
    assert not torch.allclose(made[..., half:, :], batch.latents[..., half:, :])


def test_inpaint_without_masked_latents_is_refused(backbone: Backbone, batch: Batch) -> None:
    with pytest.raises(ValueError, match="masked=True"):
        backbone.generate(replace(batch, masked=None), noise_like(batch), 3, track="inpaint")


def test_progressive_uses_the_frame_just_made_as_reference(backbone: Backbone, batch: Batch) -> None:
    noise = noise_like(batch)
    made = backbone.generate(batch, noise, 3, progressive=True)

    def one(f: int, reference: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        piece = replace(
            batch,
            latents=batch.latents[:, f : f + 1],
            audio=batch.audio[:, f : f + 1],
            landmarks=batch.landmarks[:, f : f + 1],
            reference=reference,
            reference_landmarks=points,
            masked=None,
        )
        return backbone.generate(piece, noise[:, f : f + 1], 3)[:, 0]

    first = one(0, batch.reference, batch.reference_landmarks)
    torch.testing.assert_close(made[:, 0], first, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(made[:, 1], one(1, first, batch.landmarks[:, 0]), atol=1e-4, rtol=1e-4)


def test_identities_are_unit_vectors(backbone: Backbone, batch: Batch) -> None:
    torch.testing.assert_close(backbone.identity(batch.reference).norm(dim=1), torch.ones(3))


def test_batches_select_and_join(batch: Batch) -> None:
    joined = Batch.concatenate([batch[:1], batch[1:]])
    assert torch.equal(joined.latents, batch.latents)
    assert joined.masked is not None
    assert len(batch[torch.tensor([2, 0])]) == 2
