from __future__ import annotations

import numpy as np
import pytest

from privtalk.leaderboards.validation import synchrony
from privtalk.metrics.declaration import Undefined
from tests.leaderboards.validation.toys import SAMPLES, Deaf, Hearing, Wishful, toy_clip


@pytest.fixture(scope="module")
def clips():
    return [toy_clip(person) for person in range(12)]


def checks(clips, network):
    return synchrony.checks("sync[toy]", synchrony.conclude(synchrony.listen(clips, network)))


def test_a_good_network_passes_both_bars(clips):
    shifts, strangers = checks(clips, Hearing())
    assert shifts.verdict == "pass"
    assert shifts.value == 1.0
    assert strangers.verdict == "pass"


def test_a_deaf_network_fails(clips):
    shifts, _ = checks(clips, Deaf())
    assert shifts.verdict == "fail"
    assert shifts.value == 0.0


def test_a_network_that_always_agrees_fails_both(clips):
    shifts, strangers = checks(clips, Wishful())
    assert shifts.verdict == "fail"
    assert strangers.verdict == "fail"
    assert strangers.value == 1.0


def test_short_clips_are_tried_in_their_own_range(clips):
    found = synchrony.conclude(synchrony.listen(clips[:4], Hearing()))
    assert set(found.shares[72]) == set(synchrony.SHIFTS)
    assert set(found.shares[24]) == set(range(-5, 6))
    assert all(share.value == 1 for share in found.shares[24].values())


def test_confidence_tells_strangers_apart(clips):
    found = synchrony.conclude(synchrony.listen(clips, Hearing()))
    assert found.apart == 1.0
    assert sum(found.offsets.values()) == len(clips) * synchrony.STRANGERS


def test_the_sound_is_really_cut(clips):
    cut = synchrony.sound(clips[0], 10, 3)
    assert np.array_equal(cut, clips[0].audio[10 * SAMPLES : 13 * SAMPLES])


def test_one_person_has_no_stranger():
    alone = [toy_clip(0, take) for take in range(2)]
    with pytest.raises(Undefined, match="too few for other sounds"):
        synchrony.listen(alone, Hearing())


def test_too_short_a_clip_is_refused():
    with pytest.raises(ValueError, match="too few"):
        synchrony.listen([toy_clip(0, frames=80), toy_clip(1, frames=80)], Hearing())
