"""The contract of every attacker of portraits, and the animation of one who changes nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from privtalk.attacks.purification import reanimation
from privtalk.attacks.purification.attacker import TOGETHER, AttackedPortraits, PortraitAttacker
from privtalk.attacks.purification.registry import ATTACKERS, find_attacker
from privtalk.core.errors import UserError
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

each = pytest.mark.parametrize("cls", ATTACKERS.values(), ids=ATTACKERS)
LEAVES_THE_PHOTO = {
    "direct",
    "other_sampler",
    "audio_guidance",
    "several_photos",
    "realignment",
    "federated_adapter",
    "personal_adapter",
}
RANDOM = {"diffpure", "gridpure", "reanimation"}
ROUNDING = 4
"""Colours of a photo's 3,072 that may differ when others are attacked with it; measured: one."""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reanimation, "ITERATIONS", 2)


Learned = Callable[[type[PortraitAttacker]], PortraitAttacker]


def generators(which: slice = slice(None), seed: int = 0) -> list[torch.Generator]:
    return [torch_stream(seed, "attacker", k) for k in range(3)[which]]


@each
def test_it_is_found_by_its_name_and_says_what_it_does(cls: type[PortraitAttacker]) -> None:
    assert find_attacker(cls.name) is cls
    assert cls.about
    assert Path(inspect.getfile(cls)).is_file()


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"unknown attacker 'diffpur' \(did you mean diffpure\?\)"):
        find_attacker("diffpur")


@each
def test_it_makes_photos_that_are_its_generators_alone(
    cls: type[PortraitAttacker], learned: Learned, portraits: AttackedPortraits, backbone: Backbone
) -> None:
    who = learned(cls)
    before, state = portraits.photos.clone(), torch.random.get_rng_state()
    made = who.purify(portraits, backbone, generators())
    assert made.dtype == torch.uint8
    assert made.shape == before.shape
    assert torch.equal(made, before) == (cls.name in LEAVES_THE_PHOTO)
    assert torch.equal(who.purify(portraits, backbone, generators()), made)
    assert torch.equal(portraits.photos, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    other = who.purify(portraits, backbone, generators(seed=1))
    assert torch.equal(other, made) == (cls.name not in RANDOM)
    alone = who.purify(portraits[1:2], backbone, generators(slice(1, 2)))
    assert int((alone != made[1:2]).sum()) <= ROUNDING


@each
def test_it_makes_films_of_each_portrait_by_itself(
    cls: type[PortraitAttacker], learned: Learned, portraits: AttackedPortraits, backbone: Backbone
) -> None:
    who = learned(cls)
    made = who.animate(backbone, portraits)
    assert made.dtype == torch.uint8
    assert made.shape == (3, 4, 32, 32, 3)
    assert int((who.animate(backbone, portraits[1:2]) != made[1:2]).sum()) <= ROUNDING
    louder = who.animate(backbone, portraits.saying(portraits.audio.flip(1)))
    assert not torch.equal(louder, made)


@each
def test_few_frames_are_animated_as_they_are_among_all(
    cls: type[PortraitAttacker], learned: Learned, portraits: AttackedPortraits, backbone: Backbone
) -> None:
    """Whatever an attacker takes from the speech it takes from all of it: figures are read at few frames."""
    who = learned(cls)
    prepared = who.prepared(portraits, backbone, generators())
    at = torch.tensor([[0, 2], [1, 3], [2, 3]])
    whole, few = who.animate(backbone, prepared), who.animate(backbone, prepared.at(at))
    assert (whole[torch.arange(3)[:, None], at].int() - few.int()).abs().max() <= 1
    alone = who.animate(backbone, prepared.at(at[:, :1]))
    assert (alone.int() - few[:, :1].int()).abs().max() <= 1


@each
def test_it_leaves_no_trace_in_the_victim(
    cls: type[PortraitAttacker], learned: Learned, portraits: AttackedPortraits, backbone: Backbone
) -> None:
    who = learned(cls)
    before = {name: t.clone() for name, t in backbone.state_dict().items()}
    who.animate(backbone, who.prepared(portraits, backbone, generators())[:1])
    assert [name for name, t in backbone.state_dict().items() if not torch.equal(t, before[name])] == []
    assert not any(p.requires_grad or p.grad is not None for p in backbone.parameters())
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in backbone.modules())


def test_the_direct_film_is_what_the_backbone_makes_of_the_photo(
    portraits: AttackedPortraits, backbone: Backbone
) -> None:
    reference = backbone.encode(portraits.photos)
    batch = Batch(
        latents=reference[:, None].expand(-1, 4, -1, -1, -1),
        audio=portraits.audio,
        landmarks=portraits.moved,
        reference=reference,
        reference_landmarks=portraits.landmarks,
    )
    expected = backbone.decode(backbone.generate(batch, portraits.noise, portraits.steps))
    assert torch.equal(PortraitAttacker().animate(backbone, portraits), expected)


def test_many_portraits_are_animated_in_portions_and_in_order(
    portraits: AttackedPortraits, backbone: Backbone
) -> None:
    count = TOGETHER // 4
    index = torch.arange(count + 2) % 3
    many = replace(portraits[index], steps=1)  # type: ignore[index]
    found = PortraitAttacker().animate(backbone, many)
    expected = PortraitAttacker().animate(backbone, replace(portraits, steps=1))[index]
    assert len(found) == count + 2
    assert (found.int() - expected.int()).abs().max() <= 1


def test_portraits_are_cut_together_and_words_replace_words_alone(portraits: AttackedPortraits) -> None:
    names = [f.name for f in fields(AttackedPortraits)]
    part, said = portraits[1:], portraits.saying(portraits.audio + 1)
    assert (len(portraits), len(part)) == (3, 2)
    for name in names:
        whole: Tensor | float | tuple[AttackedPortraits, ...] = getattr(portraits, name)
        if isinstance(whole, Tensor):
            assert torch.equal(getattr(part, name), whole[1:])
            assert torch.equal(getattr(said, name), whole) == (name not in ("audio", "quiet"))
        else:
            assert getattr(part, name) == getattr(said, name) == whole
