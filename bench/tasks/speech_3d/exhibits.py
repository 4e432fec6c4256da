"""The clips with sound that a run leaves to look at: the true face first, then what a row made of the same speech."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.clip import SAMPLE_RATE
from privtalk.bench.corpus.mesh.clip import FULL_SCALE
from privtalk.bench.corpus.rendered import figure as figures
from privtalk.bench.corpus.rendered import renderer
from privtalk.bench.corpus.rendered.embedded import character
from privtalk.bench.corpus.rendered.mesh_rig import EmbeddedRig, role_of
from privtalk.bench.media import write_strip, write_video
from privtalk.bench.tasks.speech_3d.animation import Animated
from privtalk.bench.tasks.speech_3d.footage import MeshCorpus
from privtalk.core.path_names import path_name
from privtalk.core.seeds import numpy_stream

SHOWN = 2
"""Test clips shown, of different people and moods: the same in every row."""
SIZE = 160
SHARED = "artifacts/truth"


def exhibit(run: Path, folder: Path, corpus: MeshCorpus, made: Animated) -> dict[str, str]:
    """Writes the clips; name -> path relative to the run's folder. Meshes of prepared corpora have no skin to show."""
    if not isinstance(corpus.rig, EmbeddedRig):
        return {}
    found: dict[str, str] = {}
    for k in shown_clips(len(corpus.parts["test"])):
        name = clip_name(corpus, k)
        for place, codes, label in (
            (run / SHARED, corpus.parts["test"].codes[k], "truth/"),
            (folder, made.codes[k], ""),
        ):
            file = path_name(name)
            strip, video = place / "frames" / f"{file}.png", place / "clips" / f"{file}.mp4"
            if not video.exists():
                _film(corpus, codes, k, strip, video)
            found[f"{label}frames/{name}.png"] = strip.relative_to(run).as_posix()
            found[f"{label}clips/{name}.mp4"] = video.relative_to(run).as_posix()
    return found


def shown_clips(count: int) -> list[int]:
    """Returns which test clips are shown.

    >>> shown_clips(80)
    [0, 40]
    """
    return sorted({round(k * count / SHOWN) for k in range(SHOWN) if count > 0} & set(range(count)))


def clip_name(corpus: MeshCorpus, k: int) -> str:
    """Returns the name of a test clip: its speaker and mood."""
    clips = corpus.parts["test"]
    emotion, level = corpus.emotions[int(clips.emotion[k])], int(clips.level[k])
    return f"{clips.people[k]} {emotion}{f' {level}' if level else ''}"


def _film(corpus: MeshCorpus, codes: NDArray[np.float32], k: int, strip: Path, video: Path) -> None:
    assert isinstance(corpus.rig, EmbeddedRig)
    clips, seed = corpus.parts["test"], corpus.rig.seed
    look = character(seed, *role_of(clips.people[k])).look
    rendered = renderer.film_vertices(
        look,
        corpus.rig.whole(codes, clips.people[k]),
        np.zeros((len(codes), 6), np.float32),
        SIZE,
        rng=numpy_stream(seed, "speech_3d", "film", k),
        figure=figures.build(look),
    )
    write_strip(strip, rendered.frames)
    write_video(video, rendered.frames, clips.audio[k] / np.float32(FULL_SCALE), corpus.fps, SAMPLE_RATE)
