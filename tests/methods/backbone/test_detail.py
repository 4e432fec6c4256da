"""Weights of the loss by place."""

from __future__ import annotations

import torch

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch
from privtalk.methods.backbone.detail import EYES, detail_centres, detail_weights


def landmarks(eyes: float) -> torch.Tensor:
    """[1, 78] whose eyes lie at (-+.4, `eyes`), all else at the origin."""
    points = torch.zeros(1, 39, 2)
    for side, eye in zip((-0.4, 0.4), EYES, strict=True):
        points[:, list(eye)] = torch.tensor([side, eyes])
    return points.flatten(1)


def test_eyes_and_mouth_are_found() -> None:
    centres = detail_centres(landmarks(-0.3))[0]
    torch.testing.assert_close(centres, torch.tensor([[-0.4, -0.3], [0.4, -0.3], [0.0, 0.0]]))


def test_weights_have_mean_one_and_peak_at_details() -> None:
    weights = detail_weights(detail_centres(landmarks(-0.4)), 8, 3.0)[0]
    torch.testing.assert_close(weights.mean(), torch.tensor(1.0))
    assert weights[2, 2] > 1.5 > weights[7, 0]
    assert torch.equal(detail_weights(detail_centres(landmarks(-0.4)), 8, 0.0), torch.ones(1, 8, 8))


def test_a_backbone_without_extra_weight_weighs_all_alike(backbone: Backbone, batch: Batch) -> None:
    plain = Backbone.initial(backbone.config.model_copy(update={"detail": 0.0}), 0)
    assert plain.weights(batch.landmarks) is None
    found = backbone.weights(batch.landmarks)
    assert found is not None
    assert found.shape == (*batch.landmarks.shape[:2], *backbone.latent_shape[1:])
