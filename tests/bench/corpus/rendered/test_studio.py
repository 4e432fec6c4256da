"""People in the studio: a sitting changes the light and what is around a person, and nothing of the person."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from privtalk.bench.corpus.clip import MASK_LABELS
from privtalk.bench.corpus.performance import ARTICULATORS
from privtalk.bench.corpus.rendered import studio
from privtalk.bench.corpus.rendered.embedded import character
from privtalk.bench.corpus.rendered.look import Look, sample_look
from privtalk.bench.corpus.rendered.motion import GAZE_LIMITS, POSE_LIMITS
from privtalk.bench.corpus.rendered.palette import WEIGHTS
from privtalk.bench.corpus.rendered.studio import FILE, Sittings, files, load, missing, posed, redressed
from privtalk.bench.execution import Succeeded, execute

TOLD = {"light", "camera", "backdrop", "backdrop_name", "backdrop_seed", "clothing", "neckline"}
"""What a sitting changes."""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRIVTALK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def sittings(role="public", first=0, people=2, **how):
    return Sittings(role=role, first=first, people=people, size=32, sittings=2, frames=3, **how)


def made(*wanted):
    outcomes = list(execute(missing(wanted), workers=1))
    assert all(isinstance(outcome, Succeeded) for outcome in outcomes), outcomes
    return load(wanted)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(8))
def test_a_sitting_changes_what_is_told_and_nothing_of_the_person(seed):
    own = sample_look(rng(seed), "public")
    other = redressed(own, rng(100 + seed))
    changed = {field.name for field in fields(Look) if getattr(own, field.name) != getattr(other, field.name)}
    assert changed <= TOLD
    assert {"light", "camera", "backdrop", "clothing"} <= changed
    assert other.shape == own.shape


def test_attributes_of_the_person_stay():
    own = sample_look(rng(1), "public")
    names = set(own.attributes()) - {"background", "light", "camera"}
    for seed in range(20):
        found = redressed(own, rng(seed)).attributes()
        assert {name: found[name] for name in names} == {name: own.attributes()[name] for name in names}


def test_light_and_camera_are_those_of_the_broader_world():
    own = sample_look(rng(1), "public")
    found = [redressed(own, rng(seed)).attributes() for seed in range(300)]
    for attribute, table in (("light", "light"), ("camera", "camera"), ("background", "background")):
        assert {one[attribute] for one in found} == set(WEIGHTS["broad"][table])


def test_poses_stay_within_the_limits_of_motion_and_mouths_within_those_of_speech():
    found = posed(rng(), 2000)
    assert (np.abs(found.pose) <= np.array(POSE_LIMITS) + 1e-6).all()
    assert (np.abs(found.pose).max(0) > 0.95 * np.array(POSE_LIMITS)).all()
    assert (np.abs(found.gaze) <= np.array(GAZE_LIMITS) + 1e-6).all()
    low = np.array([-1 if name == "width" else 0 for name in ARTICULATORS])
    assert (found.articulators >= low).all()
    assert (found.articulators <= 1).all()
    jaw, press = (found.articulators[:, ARTICULATORS.index(name)] for name in ("jaw", "press"))
    assert 0.15 < np.median(jaw) < 0.3
    assert jaw[press > 0.5].max() <= 0.2
    assert 0.05 < (found.blink > 0).mean() < 0.25
    assert (np.abs(found.brows) <= 1).all()
    for name in ("articulators", "pose", "blink", "brows", "gaze", "visemes"):
        assert getattr(found, name).dtype == np.float32


def test_a_file_holds_people_times_sittings_times_frames():
    found = made(sittings())
    assert len(found) == 2 * 2 * 3
    assert found.frames.shape == (12, 32, 32, 3)
    assert found.landmarks.shape == (12, 68, 2)
    assert found.masks.shape == (12, 32, 32)
    assert found.masks.max() < len(MASK_LABELS)
    assert found.controls.shape == (12, 14)
    assert found.person.tolist() == [0] * 6 + [1] * 6
    assert found.sitting.tolist() == [0, 0, 0, 1, 1, 1] * 2
    inside = (found.landmarks > 0) & (found.landmarks < 32)
    assert inside.mean() > 0.95


def test_frames_are_those_of_their_controls():
    """The mouth that the controls open is open in the landmarks."""
    found = made(Sittings(role="public", first=0, people=4, size=32, sittings=2, frames=12))
    jaw = found.controls[:, ARTICULATORS.index("jaw")]
    opening = np.linalg.norm(found.landmarks[:, 66] - found.landmarks[:, 62], axis=1)
    assert np.corrcoef(jaw, opening)[0, 1] > 0.8


def test_people_are_numbered_across_files():
    found = made(sittings(first=0), sittings(first=2, people=3))
    assert found.person.tolist() == np.repeat(np.arange(5), 6).tolist()
    assert found.sitting.tolist() == [0, 0, 0, 1, 1, 1] * 5


def test_numbers_begin_at_zero_wherever_the_people_do():
    assert made(sittings(first=7)).person.tolist() == [0] * 6 + [1] * 6


def test_the_same_person_keeps_a_number_and_others_of_the_same_index_do_not():
    longer = replace(sittings(), sittings=3)
    found = made(sittings(), sittings("heldout"), longer, sittings(made_up=True), sittings(seed=1))
    numbers = [0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 0, 1, 1, 1, 4, 4, 5, 5, 6, 6, 7, 7]
    assert found.person.tolist() == np.repeat(numbers, 3).tolist()
    assert found.sitting.tolist() == np.repeat([0, 1] * 4 + [0, 1, 2] * 2 + [0, 1] * 4, 3).tolist()


def test_roles_are_other_people():
    looks = {
        role: [character(0, role, index).look for index in range(6)]
        for role in ("public", "clients", "heldout")
    }
    shapes = [tuple(look.shape.values()) for own in looks.values() for look in own]
    assert len(set(shapes)) == 18
    public, heldout = made(sittings()), made(sittings("heldout"))
    assert not any(np.array_equal(a, b) for a in public.frames for b in heldout.frames)


def test_made_up_looks_are_of_the_broader_world_and_no_ones():
    """Under the sittings of the real person, with looks of their own."""
    real, up = made(sittings()), made(sittings(made_up=True))
    np.testing.assert_array_equal(real.controls, up.controls)
    assert not np.array_equal(real.frames, up.frames)
    broad = [
        sample_look(character(0, "public", index).stream("studio", "look"), "broad") for index in range(60)
    ]
    hair = {look.attributes()["hair"] for look in broad}
    assert hair > {character(0, "public", index).look.attributes()["hair"] for index in range(60)}
    shapes = {tuple(look.shape.values()) for look in broad}
    assert not shapes & {tuple(character(0, "public", index).look.shape.values()) for index in range(60)}


def test_a_file_is_made_once_and_again_where_it_is_damaged():
    file = sittings("heldout", first=3, people=1)
    first = made(file)
    assert missing([file]) == []
    content = file.path.read_bytes()
    file.path.write_bytes(content[:-1])
    assert [task.key for task in missing([file])] == [f"studio-{file.name}"]
    again = made(file)
    assert file.path.read_bytes() == content
    np.testing.assert_array_equal(first.frames, again.frames)


def test_a_persons_frames_do_not_depend_on_the_file():
    alone, together = made(sittings(first=1, people=1)), made(sittings())
    for name in ("frames", "landmarks", "masks", "controls"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(together, name)[6:])


def test_people_are_dealt_to_files():
    found = files("heldout", FILE + 10, start=100, sittings=2)
    assert [(file.first, file.people) for file in found] == [(100, FILE), (100 + FILE, 10)]
    assert len({file.path for file in found}) == 2
    assert all(file.role == "heldout" and file.sittings == 2 for file in found)


def test_what_determines_the_frames_is_in_the_path():
    one = sittings()
    changes = ({"seed": 1}, {"size": 64}, {"role": "heldout"}, {"first": 2}, {"people": 3}, {"sittings": 3})
    changes += ({"frames": 2}, {"made_up": True})
    paths = {replace(one, **change).path for change in changes} | {one.path}
    assert len(paths) == len(changes) + 1


def test_sittings_of_one_person_differ_in_light():
    found = made(sittings())
    behind = found.masks == MASK_LABELS.index("background")
    colour = [found.frames[k][behind[k]].mean(0) for k in (0, 3)]
    assert np.abs(colour[0] - colour[1]).max() > 5


def test_the_module_says_which_version_made_a_file(monkeypatch):
    before = sittings().path
    monkeypatch.setattr(studio, "VERSION", studio.VERSION + 1)
    assert sittings().path != before
