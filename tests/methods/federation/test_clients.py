from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData, draw, draw_windows, pooled


def numbered(lengths: tuple[int, ...], names: tuple[str, ...] = ()) -> ClientData:
    """A client whose latents carry (clip, frame)."""
    clips = []
    for c, length in enumerate(lengths):
        frame = torch.arange(length, dtype=torch.float32)
        latents = torch.stack([torch.full_like(frame, c), frame], 1)[:, :, None, None]
        clips.append(ClipFeatures(latents, frame[:, None], frame[:, None], None))
    return ClientData.of(0, clips, names)


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    frames=st.integers(1, 9),
    seed=st.integers(0, 999),
)
def test_windows_are_consecutive_frames_of_one_clip_and_references_lie_outside(
    lengths: list[int], frames: int, seed: int
) -> None:
    client, generator = numbered(tuple(lengths)), torch.Generator().manual_seed(seed)
    if max(lengths) < frames:
        with pytest.raises(ValueError, match="no clip has"):
            draw_windows(client, 3, frames, generator)
        return
    batch = draw_windows(client, 3, frames, generator, "own_clip")
    clip, frame = batch.latents[:, :, 0, 0, 0], batch.latents[:, :, 1, 0, 0]
    assert (clip == clip[:, :1]).all()
    assert (frame.diff(dim=1) == 1).all()
    for w in range(3):
        length, reference = lengths[int(clip[w, 0])], batch.reference[w, :, 0, 0]
        assert reference[0] == clip[w, 0]
        assert 0 <= reference[1] < length
        inside = frame[w, 0] <= reference[1] <= frame[w, -1]
        assert inside == (length == frames)


def test_windows_start_anywhere_with_equal_chance() -> None:
    batch = draw_windows(numbered((3, 6)), 6000, 3, torch.Generator().manual_seed(0), "own_clip")
    starts = batch.latents[:, 0, :, 0, 0]
    counts = torch.unique(starts, dim=0, return_counts=True)[1]
    assert len(counts) == 1 + 4
    assert (counts - 1200).abs().max() < 150
    references = torch.unique(torch.cat([starts, batch.reference[:, :, 0, 0]], 1), dim=0)
    assert len(references) == 3 + 4 * 3  # every frame inside the short clip, every one outside in the long


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(3, 9), min_size=1, max_size=5),
    people=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_references_come_from_another_clip_of_the_same_person_where_there_is_one(
    lengths: list[int], people: int, seed: int
) -> None:
    names = tuple(f"person-{number % people}" for number in range(len(lengths)))
    client, generator = numbered(tuple(lengths), names), torch.Generator().manual_seed(seed)
    batch = draw_windows(client, 8, 3, generator, "other_clip")
    for w in range(8):
        clip, (other, frame) = int(batch.latents[w, 0, 0, 0, 0]), batch.reference[w, :, 0, 0].int().tolist()
        assert names[other] == names[clip]
        assert 0 <= frame < lengths[other]
        assert (other != clip) == (names.count(names[clip]) > 1)


def test_references_from_other_clips_are_uniform_over_their_frames() -> None:
    batch = draw_windows(numbered((3, 2, 4)), 8000, 3, torch.Generator().manual_seed(0), "other_clip")
    long = batch.latents[:, 0, 0, 0, 0] == 2
    found, counts = torch.unique(batch.reference[long][:, :, 0, 0], dim=0, return_counts=True)
    assert found.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1]]
    assert (counts / counts.sum() - 0.2).abs().max() < 0.02


def test_a_local_step_takes_references_as_the_federation_says(stream: Stream) -> None:
    client = numbered((6, 6))
    for reference in ("own_clip", "other_clip"):
        config = FederationConfig(windows=20, window_frames=2, reference=reference)  # type: ignore[arg-type]
        batch = draw([client], config, 1000, stream, 0, 0).batch
        same = batch.reference[:, 0, 0, 0] == batch.latents[:, 0, 0, 0, 0]
        assert same.all() if reference == "own_clip" else not same.any()


def test_pooled_clients_keep_people_apart() -> None:
    together = pooled([numbered((3, 3), ("a", "b")), numbered((4,)), numbered((2, 2))])
    assert together.people == (0, 1, 2, 3, 3)


def test_draws_do_not_depend_on_the_cohort(
    clients: tuple[ClientData, ...], config: FederationConfig, stream: Stream
) -> None:
    together = draw(clients, config, 1000, stream, 2, 1)
    alone = draw([clients[3]], config, 1000, stream, 2, 1)
    assert torch.equal(together.noise[3], alone.noise[0])
    assert torch.equal(together.batch.latents[3], alone.batch.latents[0])
    assert together.t[3] == alone.t[0]
    other = draw([clients[3]], config, 1000, stream, 2, 0)
    assert not torch.equal(other.noise, alone.noise)


def test_pooled(clients: tuple[ClientData, ...]) -> None:
    everyone = pooled(clients)
    assert everyone.frames == sum(c.frames for c in clients)
    assert pooled(clients[2:3]) is clients[2]


def test_no_clips() -> None:
    with pytest.raises(ValueError, match="client 4 has no clips"):
        ClientData.of(4, [])
