"""Silencer's second stage: within the budget where it says so, and the mouth as the first stage left it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.method import Setting, mean_square
from privtalk.methods.protection.mouth import mouth_map
from privtalk.methods.protection.perturbation import LEVEL
from privtalk.methods.protection.silencer import Silencer
from privtalk.methods.protection.silencer_latent import SilencerLatent, SilencerLatentProjected
from tests.methods.protection.tiny_portraits import MakeSetting


def changed(
    setting: MakeSetting, cls: type[SilencerLatent | SilencerLatentProjected], **options: Any
) -> float:
    """Levels by which a portrait is changed the most, before rounding."""
    given = setting()
    made = cls(cls.Options(**options)).protect(given)
    return float((made - given.portraits.images).abs().max()) / LEVEL


@pytest.mark.parametrize("rate", [0.01, 10.0])
def test_projected_portraits_keep_the_budget_before_rounding(rate: float, setting: MakeSetting) -> None:
    assert changed(setting, SilencerLatentProjected, rate=rate) <= 8 * (1 + 1e-5)
    assert changed(setting, SilencerLatent, rate=rate) > 20


@pytest.mark.parametrize("cls", [SilencerLatent, SilencerLatentProjected])
def test_the_middle_of_the_mouth_stays_as_stage_one_left_it(
    cls: type[SilencerLatent | SilencerLatentProjected], setting: MakeSetting
) -> None:
    given = setting()
    moved = (cls().protect(given) - Silencer().protect(setting())).abs()
    where = mouth_map(given.portraits.landmarks, 32).expand_as(moved)
    assert moved[where > 0.97].max() < 0.1 * moved[where < 0.03].max()


@pytest.mark.parametrize("start", ["stage I", "clean"])
def test_without_iterations_it_is_the_autoencoders_round_trip_of_where_it_starts(
    start: str, setting: MakeSetting, backbone: Backbone
) -> None:
    given = setting(iterations=0)
    method = SilencerLatent(SilencerLatent.Options.model_validate({"start": start}))
    first, clean = Silencer().protect(setting(iterations=0)), given.portraits.images
    coder, away = backbone.autoencoder, 1 - mouth_map(given.portraits.landmarks, 32)
    back = coder.decode(coder.encode(first if start == "stage I" else clean))
    torch.testing.assert_close(method.protect(given), away * back + (1 - away) * first, atol=1e-5, rtol=0)


def test_latents_descend_on_the_nullifying_loss_and_on_the_distance_from_stage_one(
    setting: MakeSetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is replaced by one that is known: how far a portrait is from grey."""
    monkeypatch.setattr(Silencer, "loss", lambda self, setting, images: mean_square(images))
    first = Silencer().protect(setting())
    none, bare, near = (
        SilencerLatent(SilencerLatent.Options(second=second, weight=weight, rate=0.1)).protect(setting())
        for second, weight in ((0.1, 0.0), (4.0, 0.0), (4.0, 1e6))
    )
    assert (mean_square(bare) < 0.9 * mean_square(none)).all()
    assert (mean_square(near - first) < mean_square(none - first)).all()
    assert (mean_square(near - first) < mean_square(bare - first)).all()


def test_the_mouth_is_free_in_the_first_half_and_held_in_the_second(
    setting: MakeSetting, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, shown = setting(), []
    held = mouth_map(given.portraits.landmarks, 32).expand_as(given.portraits.images) > 0.97
    first, loss = Silencer().protect(setting()), Silencer.loss

    def seen(self: Silencer, setting: Setting, images: Tensor) -> Tensor:
        shown.append(images.detach())
        return loss(self, setting, images)

    monkeypatch.setattr(Silencer, "loss", seen)
    SilencerLatent().protect(given)
    moved = [float((images - first)[held].abs().max()) for images in shown[2:]]  # after stage I's two
    assert max(moved[2:]) < 0.1 < min(moved[:2])


@pytest.mark.parametrize("second", [0.5, 2.0])
def test_it_takes_its_multiple_of_the_first_stages_iterations(second: float, setting: MakeSetting) -> None:
    told: list[tuple[int, int]] = []
    given = replace(setting(iterations=2), tell=lambda done, total: told.append((done, total)))
    SilencerLatent(SilencerLatent.Options(second=second)).protect(given)
    total = round(2 * second)
    assert told == [(1, 2), (2, 2), *((k + 1, total) for k in range(total))]
