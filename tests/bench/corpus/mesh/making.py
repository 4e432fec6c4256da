"""Tiny data sets of moving faces, as their authors lay them out."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np

from privtalk.bench.corpus.mesh.layouts.recordings import MeshRecording

VERTICES = 6
WEIGHTS = np.linspace(0, 1, 8 * 51).reshape(8, 51)
REGIONS = {"lips": [0, 1], "upper": [2, 3], "eyes": [4]}


def write_wav(
    path: Path, seconds: float, *, rate: int = 16000, channels: int = 1, hertz: float = 220.0
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    pcm = np.repeat((tone * 32767).astype("<i2")[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm.tobytes())
    return path


def template(person: str) -> np.ndarray:
    return np.random.default_rng(sum(person.encode())).normal(size=(VERTICES, 3)).astype(np.float32)


def vertices(person: str, sentence: str, frames: int) -> np.ndarray:
    """Motion [T, V, 3] of two hidden directions about the template, with a little of a third."""
    rng = np.random.default_rng([sum(person.encode()), sum(sentence.encode())])
    fields = np.random.default_rng(5).normal(size=(3, VERTICES, 3))
    codes = rng.normal(size=(frames, 3)) * [1.0, 0.5, 0.01]
    return (template(person) + np.tensordot(codes, fields, 1)).astype(np.float32)


def write_templates(folder: Path, people: list[str]) -> None:
    np.savez(folder / "templates.npz", **{person: template(person) for person in people})


def write_regions(folder: Path) -> None:
    (folder / "regions.json").write_text(json.dumps(REGIONS))


def faceformer(folder: Path, names: list[tuple[str, str]], frames: int = 15, fps: float = 30) -> Path:
    """A folder of FaceFormer's layout with flat rows."""
    (folder / "vertices_npy").mkdir(parents=True)
    for person, sentence in names:
        np.save(
            folder / "vertices_npy" / f"{person}_{sentence}.npy",
            vertices(person, sentence, frames).reshape(frames, -1),
        )
        write_wav(folder / "wav" / f"{person}_{sentence}.wav", frames / fps)
    write_templates(folder, sorted({person for person, _ in names}))
    write_regions(folder)
    return folder


def told(layout, folder):
    """Name -> role, or the reason of the refusal."""
    return {
        each.name: each.role if isinstance(each, MeshRecording) else each.reason
        for each in layout.recordings(folder)
    }


def taken(layout, folder):
    return {each.name: each for each in layout.recordings(folder) if isinstance(each, MeshRecording)}


def etf(folder, *stems):
    folder.mkdir(exist_ok=True)
    for stem in stems:
        np.save(folder / f"{stem}.npy", np.column_stack([np.full(8, 9.0), WEIGHTS]).astype(np.float32))
        write_wav(folder / f"{stem}.wav", 8 / 30)
    return folder
