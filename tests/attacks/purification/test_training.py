"""Attackers who train: what they learn of a protection that is known, and that what they hold is what they use."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from privtalk.attacks.purification import other_model
from privtalk.attacks.purification.attacker import AttackedPortraits, PortraitAttacker
from privtalk.attacks.purification.learned_purifier import LearnedPurifier
from privtalk.attacks.purification.other_model import ADAPTER, FEDERATION, FederatedAdapter, PersonalAdapter
from privtalk.attacks.purification.realignment import Realignment, with_lora
from privtalk.attacks.purification.several_photos import SeveralPhotos
from privtalk.attacks.purification.training import (
    KINDS,
    SHARES,
    AttackerMeans,
    PhotoPairs,
    TrainedAttacker,
    batches,
    joined,
    make_pairs,
)
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.autoencoder import to_frames, to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.training import train
from privtalk.methods.protection.config import ProtectionConfig
from privtalk.methods.protection.registry import PROTECTIONS
from privtalk.methods.protection.victim import OwnedPortraits, PublicDrivers
from tests.attacks.purification.conftest import patterned
from tests.methods.protection.tiny_portraits import landmarks

STREAMS = [torch_stream(0, "attacker", k) for k in range(3)]


def error(found: Tensor, truth: Tensor) -> float:
    return float((found.float() - truth.float()).square().mean())


def seen(portraits: AttackedPortraits, photos: Tensor) -> AttackedPortraits:
    return replace(portraits, photos=photos)


# ---- the learned purifier


def smooth(count: int, name: str) -> Tensor:
    """uint8 photos [count, 32, 32, 3] without any grain."""
    coarse = torch.rand(count, 3, 5, 5, generator=torch_stream(8, name)) * 2 - 1
    return to_frames(F.interpolate(coarse, size=32, mode="bicubic")).contiguous()


@pytest.fixture(scope="module")
def patient(means: AttackerMeans) -> AttackerMeans:
    """Many pairs with one pattern, of photos that nobody is tested with."""
    clean = smooth(24, "training")
    return replace(means, steps=40, pairs=PhotoPairs(clean=clean, protected=patterned(clean)))


def test_a_purifier_learns_what_it_was_shown_to_take_away(
    patient: AttackerMeans, portraits: AttackedPortraits, backbone: Backbone
) -> None:
    """From photos that it never saw."""
    photos = smooth(3, "test")
    who = LearnedPurifier(LearnedPurifier.train(patient))
    found = who.purify(seen(portraits, patterned(photos)), backbone, STREAMS)
    assert error(found, photos) < 0.6 * error(patterned(photos), photos)


def test_a_purifier_that_is_shown_nothing_wrong_changes_little(
    patient: AttackerMeans, photos: Tensor, portraits: AttackedPortraits, backbone: Backbone
) -> None:
    clean = replace(patient, pairs=PhotoPairs(clean=photos, protected=photos))
    found = LearnedPurifier(LearnedPurifier.train(clean)).purify(portraits, backbone, STREAMS)
    assert error(found, photos) < error(patterned(photos), photos)


# ---- the encoder


def test_an_encoder_learns_to_read_protected_photos_as_clean_ones(
    patient: AttackerMeans, backbone: Backbone
) -> None:
    """Those that it was shown: to read others a random encoder would need more."""
    assert patient.pairs is not None
    clean, protected = patient.pairs.clean, patient.pairs.protected
    target, before = backbone.encode(clean), backbone.encode(protected)
    after = Realignment(Realignment.train(replace(patient, steps=60))).encode(backbone, protected)
    assert error(after, target) < 0.8 * error(before, target)


def test_a_lora_starts_as_the_encoder_itself_and_leaves_the_global_generator(
    photos: Tensor, backbone: Backbone
) -> None:
    state = torch.random.get_rng_state()
    model = with_lora(backbone.autoencoder, {}, torch_stream(0, "start"))
    assert torch.equal(model.encode(to_images(photos)), backbone.autoencoder.encode(to_images(photos)))
    again = with_lora(backbone.autoencoder, {}, torch_stream(0, "start"))
    parts = dict(again.named_parameters())
    assert all(torch.equal(part, parts[name]) for name, part in model.named_parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_only_the_lora_is_learned_and_the_way_from_pixels_has_it(means: AttackerMeans) -> None:
    learned = Realignment.train(means)
    assert all("lora_" in name for name in learned)
    assert {name.split(".")[0] for name in learned} == {"analysis", "encoder"}
    assert any(float(part.abs().max()) > 0 for name, part in learned.items() if "lora_B" in name)


@pytest.mark.parametrize("cls", [LearnedPurifier, Realignment])
def test_who_trains_on_pairs_says_so_where_there_are_none(
    cls: type[TrainedAttacker], means: AttackerMeans
) -> None:
    assert cls.pairs
    with pytest.raises(ValueError, match=f"{cls.name} is trained on pairs"):
        cls.train(replace(means, pairs=None))


# ---- other models


def test_a_federated_adapter_is_what_the_other_tasks_rounds_give(
    means: AttackerMeans, portraits: AttackedPortraits, backbone: Backbone
) -> None:
    stream = partial(means.stream, "federated_adapter")
    start = AdapterBank.initial(backbone.denoiser, ADAPTER, stream)
    *_, last = train("fedavg", backbone, start, means.shadows, FEDERATION, stream)
    with adapted(backbone.denoiser, last.bank(start)):
        expected = PortraitAttacker().animate(backbone, portraits)
    found = FederatedAdapter(FederatedAdapter.train(means)).animate(backbone, portraits)
    assert torch.equal(found, expected)
    assert not torch.equal(found, PortraitAttacker().animate(backbone, portraits))


def test_every_owner_is_animated_with_its_own_adapter(
    portraits: AttackedPortraits, backbone: Backbone
) -> None:
    start = AdapterBank.initial(backbone.denoiser, ADAPTER, partial(torch_stream, 0))
    theta = torch.randn(3, start.dim, generator=torch_stream(0, "adapters"))
    who = PersonalAdapter({"adapters": theta})
    found = who.animate(backbone, portraits)
    for k in range(3):
        with adapted(backbone.denoiser, start.unflatten(theta[k : k + 1])):
            alone = PortraitAttacker().animate(backbone, portraits[k : k + 1])
        assert (found[k : k + 1].int() - alone.int()).abs().max() <= 1
        assert torch.equal(who.animate(backbone, portraits[k : k + 1]), alone)


def test_a_personal_adapter_goes_on_from_the_federated_one(
    means: AttackerMeans, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts, sound = [], other_model.PrivateTraining.of

    def of(backbone: Backbone, start: AdapterBank, *rest: Any) -> other_model.PrivateTraining:
        starts.append(start.flatten())
        return sound(backbone, start, *rest)

    monkeypatch.setattr(other_model.PrivateTraining, "of", of)
    PersonalAdapter.train(means)
    assert torch.equal(starts[0], FederatedAdapter.train(means)["adapters"])


def test_a_personal_adapter_is_trained_on_its_owners_clip_alone(means: AttackerMeans) -> None:
    theta = PersonalAdapter.train(means)["adapters"]
    assert theta.shape[0] == 3
    assert not torch.allclose(theta[0], theta[1])
    others = replace(means, owners=(means.owners[0], means.owners[2], means.owners[1]))
    renumbered = tuple(replace(owner, index=k + 2) for k, owner in enumerate(others.owners))
    again = PersonalAdapter.train(replace(others, owners=renumbered))["adapters"]
    assert torch.allclose(again[0], theta[0], atol=1e-6)
    assert not torch.allclose(again[1], theta[1])


# ---- several photos


def test_of_several_photos_the_one_that_speaks_most_is_taken(
    portraits: AttackedPortraits, backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(portraits, photos=portraits.photos.flip(2), landmarks=portraits.landmarks + 1)
    moved = {False: torch.tensor([1.0, 0.2, 0.7]), True: torch.tensor([0.5, 0.9, 0.8])}
    monkeypatch.setattr(
        SeveralPhotos,
        "_moved",
        lambda self, option, network: moved[torch.equal(option.photos, other.photos)],
    )
    found = SeveralPhotos().prepared(replace(portraits, others=(other,)), backbone, STREAMS)
    for k, which in enumerate((portraits, other, other)):
        assert torch.equal(found.photos[k], which.photos[k])
        assert torch.equal(found.landmarks[k], which.landmarks[k])
    assert found.others == ()
    assert torch.equal(found.moved, portraits.moved)


def test_a_photo_speaks_as_far_as_the_speech_moves_its_mouth(
    portraits: AttackedPortraits, backbone: Backbone
) -> None:
    quiet = portraits.saying(portraits.audio[:, :1].expand_as(portraits.audio))
    assert SeveralPhotos()._moved(quiet, backbone).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert (SeveralPhotos()._moved(portraits, backbone) > 0).all()


# ---- pairs


@pytest.fixture(scope="module")
def people(photos: Tensor, backbone: Backbone) -> tuple[OwnedPortraits, PublicDrivers, Tensor]:
    draw = torch_stream(6, "people")
    many = torch.cat([photos, photos.flip(1)])
    portraits = OwnedPortraits(
        names=tuple(f"shadow-{k}" for k in range(6)), images=to_images(many), landmarks=landmarks(6, draw)
    )
    drivers = PublicDrivers(
        audio=torch.randn(5, backbone.config.audio.width, generator=draw),
        landmarks=landmarks(5, draw),
        faces=portraits.images[:2],
    )
    return portraits, drivers, many


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_keep_their_budgets_which_lie_around_the_supposed_one(
    kind: str, people: tuple[OwnedPortraits, PublicDrivers, Tensor], backbone: Backbone
) -> None:
    portraits, drivers, photos = people
    config, told = ProtectionConfig(iterations=2), []
    made = make_pairs(
        kind,
        backbone,
        portraits,
        photos,
        drivers,
        config,
        8.0,
        partial(torch_stream, 0),
        lambda done, total: told.append((done, total)),
    )
    assert len(made) == 6
    assert {part.numpy().tobytes() for part in made.clean} == {part.numpy().tobytes() for part in photos}
    largest = (made.protected.int() - made.clean.int()).abs().amax((1, 2, 3)).tolist()
    for k, levels in enumerate(round(share * 8) for share in SHARES):
        assert all(0 < value <= levels for value in largest[2 * k : 2 * k + 2])
    assert told == [(k, 6) for k in range(1, 7)]


def test_attackers_make_pairs_with_methods_that_there_are() -> None:
    assert set(KINDS) < set(PROTECTIONS)


def test_both_photos_of_a_pair_are_mirrored_or_none(photos: Tensor) -> None:
    pairs = PhotoPairs(clean=photos, protected=255 - photos)
    drawn = list(batches(pairs, 12, 4, torch_stream(0, "batches")))
    assert len(drawn) == 12
    assert all(torch.equal(clean, 255 - protected) for clean, protected in drawn)
    kinds = {any(torch.equal(clean[0], photo) for photo in photos) for clean, _ in drawn}
    assert kinds == {True, False}


def test_joined_pairs_stay_pairs(photos: Tensor) -> None:
    one, two = (PhotoPairs(clean=part, protected=255 - part) for part in (photos[:1], photos[1:]))
    both = joined([one, two])
    assert torch.equal(both.clean, photos)
    assert torch.equal(both.protected, 255 - photos)
