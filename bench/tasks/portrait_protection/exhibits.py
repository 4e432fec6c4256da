"""The things that a run leaves to look at: portraits before and after, and clips with sound."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from privtalk.bench.corpus.clip import SAMPLE_RATE
from privtalk.bench.media import enlarge, write_strip, write_video
from privtalk.bench.tasks.portrait_protection.attack import Animation
from privtalk.bench.tasks.portrait_protection.cast import Cast
from privtalk.bench.tasks.portrait_protection.settings import DIRECT
from privtalk.core.files import partial
from privtalk.core.path_names import path_name

SHOWN = 3
"""Owners shown, the first: the same in every row."""
SHARED = "artifacts/truth"
HEARD = ("jpeg_and_half_size", "diffpure", "reanimation", "learned_purifier")
"""Attackers whose animation of the first owner is kept as a whole clip, where a row has them."""
BRIGHTER = 8
"""Times that a change is enlarged to be seen."""


def exhibit(
    run: Path,
    folder: Path,
    cast: Cast,
    photos: Tensor,
    shown: Mapping[str, Animation],
    heard: Mapping[str, Tensor] = MappingProxyType({}),
) -> dict[str, str]:
    """Writes everything; name -> path relative to the run's folder. `heard`: attacker -> uint8 frames [F, H, W, 3] of
    the first owner.
    """
    found = _attacked(run, folder, cast, heard)
    for k in range(min(SHOWN, len(cast))):
        owner, clip = cast.people[k], cast.clips[k]
        file = path_name(owner)
        before, after = cast.photos[k].numpy(), photos[k].numpy()
        portrait = folder / "portraits" / f"{file}.png"
        _picture(portrait, [before, after, _change(before, after)])
        strip, video = folder / "frames" / f"{file}.png", folder / "clips" / f"{file}.mp4"
        frames = shown[DIRECT].own[k].numpy()
        write_strip(strip, frames)
        write_video(video, frames, clip.audio, clip.fps, SAMPLE_RATE)
        truth = run / SHARED / "clips" / f"{file}.mp4"
        if not truth.exists():
            write_strip(run / SHARED / "frames" / f"{file}.png", clip.frames)
            write_video(truth, clip.frames, clip.audio, clip.fps, SAMPLE_RATE)
        for name, path in (
            (f"portraits/{owner}.png", portrait),
            (f"frames/{owner}.png", strip),
            (f"clips/{owner}.mp4", video),
            (f"truth/frames/{owner}.png", run / SHARED / "frames" / f"{file}.png"),
            (f"truth/clips/{owner}.mp4", truth),
        ):
            found[name] = path.relative_to(run).as_posix()
    return found


def _attacked(run: Path, folder: Path, cast: Cast, heard: Mapping[str, Tensor]) -> dict[str, str]:
    """Clips with sound of what attackers make of the first owner."""
    found, owner, clip = {}, cast.people[0], cast.clips[0]
    for attacker, frames in heard.items():
        video = folder / "attacked" / attacker / f"{path_name(owner)}.mp4"
        write_video(video, frames.numpy(), clip.audio, clip.fps, SAMPLE_RATE)
        found[f"attacked/{attacker}/{owner}.mp4"] = video.relative_to(run).as_posix()
    return found


def _change(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A change, enlarged about mid-grey."""
    apart = (after.astype(np.int16) - before) * BRIGHTER + 128
    return np.asarray(apart.clip(0, 255), dtype=np.uint8)


def _picture(path: Path, parts: list[NDArray[np.uint8]]) -> None:
    from PIL import Image

    with partial(path) as part:
        Image.fromarray(np.concatenate(list(enlarge(np.stack(parts))), axis=1)).save(part, format="PNG")
