"""The draws of a protection: equal for all methods of a seed, and each portrait's own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from privtalk.methods.protection.config import timestep_range
from privtalk.methods.protection.method import ProtectionDraw, mean_square
from privtalk.methods.protection.victim import PublicDrivers
from tests.methods.protection.tiny_portraits import MakeSetting


def rows_of(rows: torch.Tensor, among: torch.Tensor) -> bool:
    return all((row == among).all(-1).any() for row in rows.flatten(0, -2))


def names_that_differ(a: ProtectionDraw, b: ProtectionDraw) -> set[str]:
    return {name for name in ProtectionDraw.__slots__ if not torch.equal(getattr(a, name), getattr(b, name))}


@pytest.mark.parametrize("voices", [1, 2, 5])
def test_draws_are_of_public_people_at_the_timesteps_of_the_config(
    voices: int, setting: MakeSetting, drivers: PublicDrivers
) -> None:
    given = setting(timesteps="matched")
    allowed = set(timestep_range(given.config, given.victim.backbone.diffusion).tolist())
    for _ in range(20):
        draw = given.draw(voices)
        assert draw.audio.shape == (3, voices, drivers.audio.shape[1])
        assert draw.noise.shape == (3, 1, 4, 4, 4)
        assert draw.landmarks.shape == (3, 1, 78)
        assert rows_of(draw.audio, drivers.audio)
        assert rows_of(draw.landmarks, drivers.landmarks)
        assert set(draw.t.tolist()) <= allowed


def test_all_timesteps_and_all_voices_are_drawn(setting: MakeSetting, drivers: PublicDrivers) -> None:
    given = setting()
    draws = [given.draw() for _ in range(60)]
    assert len({float(row[0]) for d in draws for row in d.audio[:, 0]}) == len(drivers.audio)
    assert len({float(row[0]) for d in draws for row in d.landmarks[:, 0]}) == len(drivers.landmarks)
    assert {int(t) for d in draws for t in d.t} == {499, 999}


def test_a_portraits_draws_do_not_depend_on_the_others(setting: MakeSetting) -> None:
    together, alone = setting(), setting(which=slice(1, 2))
    assert torch.equal(together.start()[1:2], alone.start())
    for _ in range(3):
        a, b = together.draw(2), alone.draw(2)
        assert all(torch.equal(getattr(a, n)[1:2], getattr(b, n)) for n in ProtectionDraw.__slots__)
    assert not torch.equal(setting().draw().noise[0], setting().draw().noise[1])


def test_draws_differ_from_iteration_to_iteration_and_from_seed_to_seed(setting: MakeSetting) -> None:
    given = setting(timesteps="uniform")
    everything = set(ProtectionDraw.__slots__)
    first = given.draw()
    assert names_that_differ(first, given.draw()) == everything
    assert names_that_differ(first, setting(1, timesteps="uniform").draw()) == everything
    assert names_that_differ(first, setting(timesteps="uniform").draw()) == set()


def test_still_changes_the_landmarks_and_no_other_draw(setting: MakeSetting) -> None:
    still, public = setting(movement="still"), setting(movement="public")
    for _ in range(3):
        a, b = still.draw(), public.draw()
        assert names_that_differ(a, b) == {"landmarks"}
        assert torch.equal(a.landmarks[:, 0], still.portraits.landmarks)


def test_the_target_is_the_first_public_face(setting: MakeSetting, drivers: PublicDrivers) -> None:
    assert torch.equal(setting().target_face(), drivers.faces[:1])
    turned = setting(drivers=replace(drivers, faces=drivers.faces.flip(0)))
    assert torch.equal(turned.target_face(), drivers.faces[1:])


def test_portraits_are_cut_together(setting: MakeSetting) -> None:
    whole = setting().portraits
    part = whole[1:]
    assert (len(whole), len(part)) == (3, 2)
    assert part.names == whole.names[1:]
    assert torch.equal(part.images, whole.images[1:])
    assert torch.equal(part.landmarks, whole.landmarks[1:])


def test_mean_square_is_each_ones() -> None:
    values = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(mean_square(values), torch.stack([v.norm() ** 2 / 10 for v in values]))
