from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData, draw, draw_windows, pooled


def numbered(lengths: tuple[int, ...]) -> ClientData:
    """A client whose latents carry (clip, frame)."""
    clips = []
    for c, length in enumerate(lengths):
        frame = torch.arange(length, dtype=torch.float32)
        latents = torch.stack([torch.full_like(frame, c), frame], 1)[:, :, None, None]
        clips.append(ClipFeatures(latents, frame[:, None], frame[:, None], None))
    return ClientData.of(0, clips)


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
    batch = draw_windows(client, 3, frames, generator)
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
    batch = draw_windows(numbered((3, 6)), 6000, 3, torch.Generator().manual_seed(0))
    starts = batch.latents[:, 0, :, 0, 0]
    counts = torch.unique(starts, dim=0, return_counts=True)[1]
    assert len(counts) == 1 + 4
    assert (counts - 1200).abs().max() < 150
    references = torch.unique(torch.cat([starts, batch.reference[:, :, 0, 0]], 1), dim=0)
    assert len(references) == 3 + 4 * 3  # every frame inside the short clip, every one outside in the long


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
