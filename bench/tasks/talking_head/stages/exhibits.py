"""The things that a run leaves to look at and to use: clips, strips and close-ups of a few clients, the adapter."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from privtalk.bench.corpus.clip import SAMPLE_RATE, Clip
from privtalk.bench.media import write_strip, write_video
from privtalk.bench.tasks.talking_head.stages.closeups import write_closeup
from privtalk.bench.tasks.talking_head.stages.generate import Stage, safe
from privtalk.bench.tasks.talking_head.stages.train import Trained

SHOWN = 4
"""Clips shown, the first of as many clients: the same in every row."""

SHARED = "artifacts/truth"
"""Folder of the true clips, which all rows share."""


def exhibit(
    run: Path, folder: Path, frames: Mapping[int, Tensor], stage: Stage, trained: Trained | None
) -> dict[str, str]:
    """Writes everything; name -> path relative to the run's folder. `frames`: uint8 [T, H, W, 3] of `chosen` clips."""
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, str] = {}
    for k in chosen(stage):
        name, clip = f"{stage.clients[k]}-{stage.clips[k]}", stage.truth[k]
        found |= _written(run, folder, "", name, frames[k].numpy(), clip)
        found |= _written(run, run / SHARED, "truth/", name, clip.frames, clip)
    if trained is not None:
        found |= _adapters(run, folder / "adapter", stage, trained)
    return found


def clips(run: Path, folder: Path, frames: Mapping[int, Tensor], stage: Stage) -> dict[str, str]:
    """Writes the strips and videos of `chosen` clips alone; name -> path relative to the run's folder."""
    found: dict[str, str] = {}
    for k in chosen(stage):
        name = f"{stage.clients[k]}-{stage.clips[k]}"
        found |= _written(run, folder, "", name, frames[k].numpy(), stage.truth[k])
    return found


def chosen(stage: Stage) -> list[int]:
    """The first clip of each of the first clients."""
    firsts = {client: k for k, client in reversed(list(enumerate(stage.clients)))}
    return sorted(firsts.values())[:SHOWN]


def _written(
    run: Path, folder: Path, row: str, name: str, frames: NDArray[np.uint8], clip: Clip
) -> dict[str, str]:
    """A strip, a video and a close-up."""
    file = safe(name)
    strip, video = folder / "frames" / f"{file}.png", folder / "clips" / f"{file}.mp4"
    near = folder / "closeups" / f"{file}.png"
    if not strip.exists():
        write_strip(strip, frames)
    if not video.exists():
        write_video(video, frames, clip.audio, clip.fps, SAMPLE_RATE)
    if not near.exists():
        write_closeup(near, frames, clip)
    return {
        f"{row}closeups/{name}.png": near.relative_to(run).as_posix(),
        f"{row}frames/{name}.png": strip.relative_to(run).as_posix(),
        f"{row}clips/{name}.mp4": video.relative_to(run).as_posix(),
    }


def _adapters(run: Path, folder: Path, stage: Stage, trained: Trained) -> dict[str, str]:
    """The adapter, or each tested client's own, in peft's format."""
    bank = trained.bank
    if len(bank) == 1:
        bank.to_peft(folder)
        return {"adapter": folder.relative_to(run).as_posix()}
    owners = dict(zip(stage.scene.client, stage.clients, strict=True))
    found = {}
    for place, client in sorted(owners.items()):
        own = folder / safe(client)
        bank.to_peft(own, place)
        found[f"adapter/{client}"] = own.relative_to(run).as_posix()
    return found
