"""What attackers hold is cut alike for people who took part and people who did not."""

from dataclasses import dataclass

import pytest
import torch

from privtalk.bench.corpus.population import Person
from privtalk.bench.tasks.talking_head.settings import AttackSpec
from privtalk.bench.tasks.talking_head.stages.features import PersonFeatures
from privtalk.bench.tasks.talking_head.stages.footage import device, exact, fresh, seen_or_not


@dataclass
class Store:
    """People whose latents count their frames: clip · 100 + frame."""

    clips: int = 2
    frames: int = 6
    network: object = None

    def __post_init__(self):
        self.network = type("Network", (), {"device": "cpu"})()

    def load(self, person, purpose):
        count = (
            1000 * (purpose == "fresh") + 100 * torch.arange(self.clips)[:, None] + torch.arange(self.frames)
        )
        latents = count[..., None, None, None].float().expand(-1, -1, 1, 2, 2)
        zeros = torch.zeros(self.clips, self.frames, 3)
        return PersonFeatures(latents=latents, audio=zeros, landmarks=zeros, masked=None)


MEMBER, STRANGER = Person("a", "clients", 0), Person("b", "heldout", 0)


def places(batch):
    return batch.latents[..., 0, 0, 0].tolist(), batch.reference[..., 0, 0, 0].tolist()


def test_exact_windows_come_from_the_middle_with_another_clips_first_frame_as_portrait():
    spec = AttackSpec(exact=2)
    assert places(exact(spec, MEMBER, Store())) == ([[2.0, 3.0]], [100.0])
    assert places(exact(spec, MEMBER, Store(clips=1))) == ([[2.0, 3.0]], [0.0])
    assert places(exact(spec, MEMBER, Store())) == places(exact(spec, STRANGER, Store()))


def test_fresh_windows_never_come_from_the_portraits_clip():
    windows, portrait = places(fresh(AttackSpec(window=3, windows=2), MEMBER, Store()))
    assert windows == [[1100.0, 1101.0, 1102.0], [1103.0, 1104.0, 1105.0]]
    assert portrait == [1000.0, 1000.0]


def test_a_clip_that_was_trained_on_is_cut_as_one_that_was_not_with_the_same_portrait():
    seen, unseen = seen_or_not(AttackSpec(exact=2, windows=1), MEMBER, 1, Store(frames=8))
    assert places(seen) == ([[101.0, 102.0], [105.0, 106.0]], [1000.0, 1000.0])
    assert places(unseen) == ([[1101.0, 1102.0], [1105.0, 1106.0]], [1000.0, 1000.0])
    with pytest.raises(ValueError, match="a portrait's and another"):
        seen_or_not(AttackSpec(), MEMBER, 0, Store(clips=1))


def test_a_device_has_all_its_clips():
    held = device(STRANGER, Store(clips=3, frames=4))
    assert held.lengths == (4, 4, 4)
    assert held.features.latents.shape[0] == 12


def test_too_little_footage_is_told():
    with pytest.raises(ValueError, match=r"attack\.exact is 9; set it lower"):
        exact(AttackSpec(exact=9), MEMBER, Store())
    with pytest.raises(ValueError, match="a portrait's and another"):
        fresh(AttackSpec(), MEMBER, Store(clips=1))
    with pytest.raises(ValueError, match=r"attack\.window is 9; set it lower"):
        fresh(AttackSpec(window=9), MEMBER, Store())
