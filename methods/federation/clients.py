"""A client's data as local training reads it, and the windows drawn from it.

Shape legend: P frames of all its clips, W windows of F frames, latents C x h x w, D audio width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch, ClipFeatures
from privtalk.methods.config import FederationConfig, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientData:
    """The clips on one device, end to end."""

    index: int
    """Its number in every named stream."""
    held: ClipFeatures | Callable[[], ClipFeatures]
    """The features of all P frames, or whatever reads them each time that they are asked for."""
    lengths: tuple[int, ...]
    """Frames of each clip."""
    people: tuple[int, ...] = ()
    """Number of the person in each clip, within the client; empty where all clips are one person's."""

    @classmethod
    def of(cls, index: int, clips: Sequence[ClipFeatures], names: Sequence[str] = ()) -> ClientData:
        """A client of some clips; `names` says who is in each, and may be left out where that is one person."""
        if not clips:
            raise ValueError(f"client {index} has no clips; leave it out of the population")
        lengths = tuple(len(clip.latents) for clip in clips)
        return cls(index=index, held=join(clips), lengths=lengths, people=_numbers(names))

    @classmethod
    def streamed(
        cls, index: int, read: Callable[[], ClipFeatures], lengths: Sequence[int], names: Sequence[str] = ()
    ) -> ClientData:
        """A client whose clips, of so many frames each, stay where they are until `read` gives them, end to end.

        It takes no memory between draws, and trains to the same bits; `read` must pickle where workers train.

        >>> clip = ClipFeatures(torch.zeros(3, 1, 2, 2), torch.zeros(3, 4), torch.zeros(3, 78), None)
        >>> ClientData.streamed(0, lambda: clip, [3]).frames
        3
        """
        if not lengths:
            raise ValueError(f"client {index} has no clips; leave it out of the population")
        return cls(index=index, held=read, lengths=tuple(lengths), people=_numbers(names))

    @property
    def features(self) -> ClipFeatures:
        """The features of all P frames."""
        return self.held if isinstance(self.held, ClipFeatures) else self.held()

    @property
    def frames(self) -> int:
        """n_k."""
        return sum(self.lengths)


def _numbers(names: Sequence[str]) -> tuple[int, ...]:
    """The number of the person in each clip; empty where all are one person's."""
    number = {name: k for k, name in enumerate(dict.fromkeys(names))}
    return tuple(number[name] for name in names) if len(number) > 1 else ()


def join(clips: Sequence[ClipFeatures]) -> ClipFeatures:
    """Clips end to end; masked latents are kept only where all clips have them."""
    masked = [clip.masked for clip in clips if clip.masked is not None]
    return ClipFeatures(
        torch.cat([clip.latents for clip in clips]),
        torch.cat([clip.audio for clip in clips]),
        torch.cat([clip.landmarks for clip in clips]),
        torch.cat(masked) if len(masked) == len(clips) else None,
    )


def pooled(clients: Sequence[ClientData]) -> ClientData:
    """One client with the data of all; a single client stays itself."""
    if len(clients) == 1:
        return clients[0]
    lengths = tuple(length for client in clients for length in client.lengths)
    people: list[int] = []
    for client in clients:
        first = max(people, default=-1) + 1
        people += [first + person for person in client.people or [0] * len(client.lengths)]
    features = join([client.features for client in clients])
    return ClientData(index=-1, held=features, lengths=lengths, people=tuple(people))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The data that one step sees: windows, timesteps and diffusion noise of K clients, client after client."""

    batch: Batch
    """N = K·W windows."""
    t: Tensor
    """int64 [N]."""
    noise: Tensor
    """[N, F, C, h, w]."""

    def __getitem__(self, index: slice | Tensor) -> Draw:
        """The windows at `index`."""
        return Draw(batch=self.batch[index], t=self.t[index], noise=self.noise[index])

    def to(self, device: torch.device | str) -> Draw:
        return Draw(batch=self.batch.to(device), t=self.t.to(device), noise=self.noise.to(device))

    @staticmethod
    def concatenate(draws: Sequence[Draw]) -> Draw:
        return Draw(
            batch=Batch.concatenate([d.batch for d in draws]),
            t=torch.cat([d.t for d in draws]),
            noise=torch.cat([d.noise for d in draws]),
        )


def draw(
    clients: Sequence[ClientData],
    config: FederationConfig,
    timesteps: int,
    stream: Stream,
    round_: int,
    step: int,
) -> Draw:
    """Windows, timesteps and noise of one local step; each client's are its own, whoever else takes part."""
    return Draw.concatenate(
        [
            _draw_one(c, config, timesteps, stream, ("client", c.index, "round", round_, "step", step))
            for c in clients
        ]
    )


def _draw_one(
    client: ClientData, config: FederationConfig, timesteps: int, stream: Stream, name: tuple[str | int, ...]
) -> Draw:
    batch = draw_windows(
        client, config.windows, config.window_frames, stream(*name, "windows"), config.reference
    )
    t = torch.randint(timesteps, (config.windows,), generator=stream(*name, "timesteps"))
    noise = torch.randn(batch.latents.shape, generator=stream(*name, "noise"))
    return Draw(batch=batch, t=t, noise=noise.to(batch.latents))


def draw_windows(
    client: ClientData,
    windows: int,
    frames: int,
    generator: torch.Generator,
    reference: Reference = "other_clip",
) -> Batch:
    """`windows` windows, uniform over all starts in all clips, with replacement, each with a reference frame."""
    lengths = torch.tensor(client.lengths)
    starts = (lengths - frames + 1).clamp(min=0)
    if not starts.sum():
        raise ValueError(
            f"client {client.index}: no clip has {frames} frames (longest: {int(lengths.max())}); "
            "shorten window_frames or leave the client out"
        )
    place = torch.randint(int(starts.sum()), (windows,), generator=generator)
    share = torch.rand(windows, generator=generator, dtype=torch.float64)
    clip = torch.searchsorted(starts.cumsum(0), place, right=True)
    start = place - (starts.cumsum(0) - starts)[clip]
    first = lengths.cumsum(0) - lengths
    chosen = first[clip] + _in_own_clip(lengths[clip], start, frames, share)
    if reference == "other_clip":
        elsewhere = _in_other_clips(client, clip, share)
        chosen = torch.where(elsewhere < 0, chosen, elsewhere)
    return take(client.features, first[clip] + start, frames, chosen)


def _in_own_clip(length: Tensor, start: Tensor, frames: int, share: Tensor) -> Tensor:
    """[W] frame of the window's clip, from outside the window where the clip is longer than it."""
    outside = length - frames
    skipped = (share * outside.clamp(min=1)).long()
    return torch.where(outside > 0, skipped + frames * (skipped >= start), (share * frames).long())


def _in_other_clips(client: ClientData, clip: Tensor, share: Tensor) -> Tensor:
    """[W] row of a frame of the same person's other clips, uniform over their frames; -1 where there are none."""
    lengths = torch.tensor(client.lengths)
    people = torch.tensor(client.people or [0] * len(lengths))
    fits = (people == people[clip, None]) & (torch.arange(len(lengths)) != clip[:, None])
    ends = (fits * lengths).cumsum(1)
    place = (share * ends[:, -1]).long()
    other = torch.searchsorted(ends, place[:, None], right=True).clamp(max=len(lengths) - 1)
    before = ends.gather(1, other) - lengths[other]
    row = (lengths.cumsum(0) - lengths)[other] + place[:, None] - before
    return torch.where(ends[:, -1] > 0, row[:, 0], -1)


def take(features: ClipFeatures, start: Tensor, frames: int, reference: Tensor) -> Batch:
    """Windows of `frames` frames from rows `start` [W], with the frames at rows `reference` [W]."""
    rows = start[:, None] + torch.arange(frames)
    return Batch(
        latents=features.latents[rows],
        audio=features.audio[rows],
        landmarks=features.landmarks[rows],
        reference=features.latents[reference],
        reference_landmarks=features.landmarks[reference],
        masked=None if features.masked is None else features.masked[rows],
    )
