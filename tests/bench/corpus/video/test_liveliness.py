"""Faces that speak against photographs of them; real ones where the shared clips are."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from privtalk.bench.corpus.video.liveliness import fault, moves, repeats

SIDE = 128


def portrait(mouth: float = 0.0, contrast: float = 1.0) -> np.ndarray:
    """A face [128, 128, 3] of soft blobs; `mouth`: how far it is open, 0..1."""
    picture = np.full((SIDE, SIDE, 3), (150, 140, 120), np.float32)
    cv2.ellipse(picture, (64, 70), (36, 46), 0, 0, 360, (215, 170, 150), -1)
    for x in (50, 78):
        cv2.ellipse(picture, (x, 58), (6, 4), 0, 0, 360, (40, 30, 30), -1)
    cv2.line(picture, (64, 62), (62, 76), (170, 120, 110), 2)
    cv2.ellipse(picture, (64, 94), (14, 1 + round(7 * mouth)), 0, 0, 360, (120, 40, 50), -1)
    picture = 90 + contrast * (cv2.GaussianBlur(picture, (0, 0), 1) - 90)
    return np.clip(picture, 0, 255).astype(np.uint8)


def speaking(count: int, contrast: float = 1.0) -> np.ndarray:
    return np.stack([portrait(abs(np.sin(0.6 * t)), contrast) for t in range(count)])


def still(count: int) -> np.ndarray:
    return np.stack([portrait()] * count)


def zoomed(pictures: np.ndarray) -> np.ndarray:
    """A slow pan and zoom, as films are made of photographs, which the crop does not follow exactly."""
    frames = []
    for number, picture in enumerate(pictures):
        scale, shift = 1 + 0.06 * number / len(pictures), 3 * np.sin(number / 9)
        matrix = np.array([[scale, 0, 64 - 64 * scale + shift], [0, scale, 64 - 64 * scale]])
        frames.append(cv2.warpAffine(picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE))
    return np.stack(frames)


def noisy(pictures: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 6, pictures.shape)
    return np.clip(pictures + noise, 0, 255).astype(np.uint8)


def squeezed(pictures: np.ndarray) -> np.ndarray:
    """Each picture on its own at a low and changing quality."""
    qualities = (15 + 10 * (number % 12 == 0) for number in range(len(pictures)))
    coded = (
        cv2.imencode(".jpg", p, [cv2.IMWRITE_JPEG_QUALITY, q])[1]
        for p, q in zip(pictures, qualities, strict=True)
    )
    return np.stack([cv2.imdecode(data, cv2.IMREAD_COLOR) for data in coded])


def faded(pictures: np.ndarray) -> np.ndarray:
    levels = np.linspace(0.7, 1, len(pictures))[:, None, None, None]
    return (pictures * levels).astype(np.uint8)


CHANGES = [np.array, zoomed, noisy, squeezed, faded]


@pytest.mark.parametrize("change", CHANGES)
def test_a_photograph_does_not_move_and_a_speaker_does(change: Callable[[np.ndarray], np.ndarray]) -> None:
    assert not moves(change(still(75)))
    assert moves(change(speaking(75)))


def test_a_speaker_in_poor_light_moves() -> None:
    assert moves(speaking(75, contrast=0.2))


def test_a_frozen_part_counts_by_its_length() -> None:
    assert moves(np.concatenate([speaking(50), still(25)]))
    assert not moves(np.concatenate([speaking(25), still(75)]))


def test_black_and_short_segments_are_judged() -> None:
    assert not moves(np.zeros((50, 64, 64, 3), np.uint8))
    assert not moves(still(13))
    assert moves(speaking(13))


def test_what_repeats_is_told_in_the_face_alone() -> None:
    box = np.array([28, 24, 72, 92.0])
    one, other = portrait(), portrait(1)
    corner = one.copy()
    corner[:10] = 0
    assert not repeats(one, None, box)
    assert repeats(one, one, box)
    assert repeats(corner, one, box)
    assert not repeats(other, one, box)
    # A box that hangs over the edge, and one beside the picture.
    assert not repeats(other, one, np.array([-500, -500, 2000, 2000.0]))
    repeats(other, one, np.array([500, 500, 20, 20.0]))


def test_faults_are_named() -> None:
    seen = np.ones(75, bool)
    assert fault(speaking(75), seen, 75) is None
    assert fault(speaking(75), seen, 30) is None
    slow = fault(speaking(75), seen, 15)
    assert slow is not None
    assert slow.reason.startswith("too slow: 5 different pictures a second, at least 10 are needed")
    photograph = fault(still(75), seen, 1)
    assert photograph is not None
    assert photograph.reason.startswith("the picture does not move")
    hidden = fault(speaking(75), np.arange(75) < 30, 75)
    assert hidden is not None
    assert hidden.reason == "the face is seen in fewer than half of the pictures"
