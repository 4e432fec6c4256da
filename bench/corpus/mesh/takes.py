"""A recording read whole: motion and sound of one length, or the reason why it cannot be used."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.bench.corpus.mesh.clip import SAMPLE_RATE
from privtalk.bench.corpus.mesh.layouts.recordings import MeshFace, MeshFault, MeshRecording
from privtalk.bench.corpus.prepared.archive import DAMAGE
from privtalk.bench.corpus.video.media import VideoError
from privtalk.bench.corpus.video.sound import read_sound

Floats = NDArray[np.float32]
PARTING = 0.25
"""Seconds by which sound and motion may differ in length."""


class MeshTake(NamedTuple):
    """The motion and the sound of a recording."""

    motion: Floats
    """Vertices [T, V, 3] or weights [T, C]."""
    audio: Floats
    """[round(T * 16000 / fps)]."""


def read_take(recording: MeshRecording, face: MeshFace) -> MeshTake:
    """Returns a recording's motion and sound; a `MeshFault` where they cannot be used."""
    if not recording.audio.is_file():
        raise MeshFault("no wav of it", recording.audio.name)
    motion = _motion(recording, face)
    try:
        sound = read_sound(recording.audio, 0.0).samples
    except VideoError as error:
        raise MeshFault(f"the sound: {error}") from error
    moved, heard = len(motion) / face.fps, len(sound) / SAMPLE_RATE
    if abs(moved - heard) > PARTING:
        told = f"{moved:.2f} s of motion at {face.fps:g} frames a second, {heard:.2f} s of sound"
        raise MeshFault(f"motion and sound differ by more than {PARTING:g} s", told)
    frames = max(1, min(len(motion), math.ceil(heard * face.fps)))
    return MeshTake(motion[:frames], _fitted(sound, round(frames * SAMPLE_RATE / face.fps)))


def _motion(recording: MeshRecording, face: MeshFace) -> Floats:
    """The motion, checked."""
    try:
        with np.errstate(over="ignore"):
            motion = recording.motion()
    except MeshFault:
        raise
    except DAMAGE as error:
        raise MeshFault("the motion cannot be read", " ".join(str(error).split())) from error
    wanted = (len(face.channels),) if face.channels else face.templates[recording.identity].shape
    if motion.shape[1:] != wanted:
        what = "weights than the face has" if face.channels else "vertices than the template"
        raise MeshFault(f"the motion has another number of {what}", f"{motion.shape[1]}, not {wanted[0]}")
    if not len(motion):
        raise MeshFault("the motion has no frames")
    if not np.isfinite(motion).all():
        raise MeshFault("the motion holds NaN or infinite values")
    return motion


def _fitted(sound: Floats, samples: int) -> Floats:
    """The sound, cut, or with silence behind it."""
    return np.pad(sound[:samples], (0, max(0, samples - len(sound))))
