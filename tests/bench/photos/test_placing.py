from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.video.crop import extract
from privtalk.bench.corpus.video.faces import Face
from privtalk.bench.photos.placing import PlacedFace, brought_back, place_face
from privtalk.core.errors import UserError

PHOTO = np.random.default_rng(0).integers(0, 256, (200, 240, 3), dtype=np.uint8)
BOX = Face(np.array([80.0, 60.0, 60.0, 70.0]), 0.9)


def points(unit: float) -> np.ndarray:
    """68 points of a face whose eyes are `unit` pixels apart, seen from the front."""
    found = np.tile([110.0, 90.0], (68, 1))
    found[36:42] = (110 - unit / 2, 90)
    found[42:48] = (110 + unit / 2, 90)
    found[48:68] = (110, 90 + unit)
    return found


def placed(unit: float = 25.0, size: int = 32, faces: int = 1) -> PlacedFace:
    return place_face(Path("a.png"), PHOTO, size, lambda p: [BOX] * faces, lambda p, box: points(unit))


def test_the_face_is_cut_as_videos_are() -> None:
    face = placed()
    assert face.side == pytest.approx(3.6 * 25)
    assert (face.pixels == extract(PHOTO, face.centre, face.side, 32)).all()
    # landmarks move with the cut: the distance of the eyes in the crop's pixels
    apart = face.landmarks[42:48].mean(0) - face.landmarks[36:42].mean(0)
    assert np.linalg.norm(apart) == pytest.approx(25 * 32 / face.side)


@pytest.mark.parametrize(("faces", "said"), [(0, "no face is found"), (2, "2 faces are found")])
def test_no_face_and_several_are_refused(faces: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        placed(faces=faces)


def test_a_face_too_small_is_refused() -> None:
    with pytest.raises(UserError, match="too small"):
        placed(unit=5.0)


@given(st.integers(1, 32), st.integers(0, 2**31 - 1))
def test_no_colour_moves_beyond_the_budget_and_nothing_outside_the_face(budget: int, seed: int) -> None:
    face = placed()
    change = np.random.default_rng(seed).integers(-40, 41, (32, 32, 3)).astype(np.float64)
    made = brought_back(PHOTO, change, face, budget).astype(int)
    apart = np.abs(made - PHOTO)
    assert apart.max() <= budget
    left, top = np.round(face.centre - face.side / 2).astype(int)
    right, bottom = np.round(face.centre + face.side / 2).astype(int)
    apart[max(top, 0) : bottom, max(left, 0) : right] = 0
    assert apart.max() == 0


def test_a_change_without_a_pattern_comes_back_as_it_was() -> None:
    face = placed()
    flat = np.full_like(PHOTO, 100)
    made = brought_back(flat, np.full((32, 32, 3), 5.0), face, 8)
    inner = extract(made, face.centre, 0.9 * face.side, 16)
    assert (inner == 105).all()


def test_what_an_attacker_cuts_from_the_photo_has_the_change() -> None:
    face = placed()
    flat = np.full_like(PHOTO, 100)
    wave = 20 * np.sin(np.arange(32) / 4)[:, None, None] * np.ones((1, 32, 3))
    again = extract(brought_back(flat, wave, face, None), face.centre, face.side, 32).astype(float) - 100
    assert np.corrcoef(again.ravel(), wave.ravel())[0, 1] > 0.98
    assert np.abs(again - wave)[2:-2, 2:-2].max() < 4
