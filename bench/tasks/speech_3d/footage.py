"""The corpus as tensors: made once, a file for every few people, and read by all cells.

N clips, T frames, C motion channels, M mel bins.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.bench.corpus.mesh import embedded
from privtalk.bench.corpus.mesh.clip import SAMPLE_RATE, MeshClip, MotionRig, sixteen_bits
from privtalk.bench.corpus.mesh.embedded import MeshCorpusSpec
from privtalk.bench.corpus.mesh.linear_rig import LinearRig
from privtalk.bench.corpus.mesh.prepared import open_prepared
from privtalk.bench.corpus.rendered.embedded import Character, character
from privtalk.bench.corpus.rendered.emotion import EMOTIONS
from privtalk.bench.corpus.rendered.mesh_rig import CHANNELS, EmbeddedRig
from privtalk.bench.execution import Job
from privtalk.bench.execution.task import Report
from privtalk.bench.task import Preparation
from privtalk.core.cache import (
    cache_folder,
    content_hash,
    read_metadata,
    read_tensors,
    verified,
    write_tensors,
)
from privtalk.methods.speech_3d.data import MELS_PER_FRAME, UNKNOWN, mel_of, motion_scale
from privtalk.methods.speech_3d.data import MotionScale as Scale
from privtalk.methods.speech_3d.speech_encoder import MELS

Part = Literal["public", "train", "test", "strangers"]
PARTS: tuple[Part, ...] = ("public", "train", "test", "strangers")
PUBLIC = 150
"""Public speakers, of the clients' world, from whom the frozen encoder learns to hear."""
TOGETHER = 25
"""People in a file."""
VERSION = 1
"""Raise it whenever the files of the same corpus change."""
TESTS: tuple[Part, ...] = ("test", "strangers")
ARRAYS = ("codes", "others", "mel", "audio", "visemes", "emotion", "level")
RIG_ARRAYS = ("displacements", "lips", "upper", "eyes")


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshSet:
    """All clips of a part."""

    codes: NDArray[np.float32]
    """[N, T, C]."""
    others: NDArray[np.float32]
    """[N, K, T, C] other takes of the same sentences, in tests; K is 0 elsewhere."""
    mel: Tensor
    """[N, 4 T, M]."""
    audio: NDArray[np.int16]
    """[N, S] for people to hear, in tests; S is 0 elsewhere."""
    visemes: NDArray[np.int64]
    """[N, T]."""
    people: tuple[str, ...]
    """[N]."""
    emotion: Tensor
    """int64 [N]."""
    level: Tensor
    """int64 [N]."""

    def __len__(self) -> int:
        return len(self.people)


class MeshCorpus(NamedTuple):
    """The parts of a corpus, and its rig."""

    parts: dict[Part, MeshSet]
    rig: MotionRig
    scale: Scale
    fps: float
    emotions: tuple[str, ...]

    @property
    def speakers(self) -> tuple[str, ...]:
        """The people in training, in order."""
        return tuple(dict.fromkeys(self.parts["train"].people))

    def numbers(self, part: Part) -> Tensor:
        """Returns each clip's speaker's number [N], `UNKNOWN` for strangers."""
        number = {name: index for index, name in enumerate(self.speakers)}
        return torch.tensor([number.get(name, UNKNOWN) for name in self.parts[part].people])


@dataclass(frozen=True, slots=True)
class MeshPiece:
    """A file of the corpus: some people of a part, by the first one's number."""

    spec: MeshCorpusSpec
    part: Part
    first: int = 0

    @property
    def path(self) -> Path:
        """Its place in the cache, by all that it depends on."""
        made_of = {
            "version": [VERSION, embedded.VERSION],
            "corpus": self.spoken.model_dump(mode="json"),
            "part": self.part,
            "first": self.first,
        }
        return cache_folder() / "meshes" / f"{content_hash(made_of)}.safetensors"

    @property
    def spoken(self) -> MeshCorpusSpec:
        """The corpus that its clips are of: public voices are the embedded corpus's, whoever is animated."""
        if self.part == "public" and self.spec.hash:
            return MeshCorpusSpec(speakers=PUBLIC, frames=self.spec.frames)
        return self.spec

    @property
    def prepared(self) -> bool:
        """Whether its clips come from a prepared corpus."""
        return bool(self.spoken.hash)


def pieces(spec: MeshCorpusSpec, part: Part) -> list[MeshPiece]:
    """Returns the files of a part."""
    whole = MeshPiece(spec, part)
    if whole.prepared:
        return [whole]
    return [MeshPiece(spec, part, first) for first in range(0, len(_people(whole)), TOGETHER)]


def footage(spec: MeshCorpusSpec, folder: str | None) -> Preparation:
    """Returns the files that are missing. folder: of a prepared corpus."""
    due = [piece for part in PARTS for piece in pieces(spec, part) if not verified(piece.path)]
    keys = {piece: f"{piece.part} {piece.first // TOGETHER + 1}" for piece in due}
    return Preparation(
        title="speaking",
        jobs=[Job(keys[piece], make_piece, (piece, folder)) for piece in due],
        costs={keys[piece]: 3.0 if piece.part in TESTS else 1.0 for piece in due},
    )


def make_piece(report: Report, piece: MeshPiece, folder: str | None) -> None:
    """Makes a file of the corpus."""
    if piece.prepared:
        assert folder is not None
        return copy_part(piece, folder)
    made: list[tuple[MeshClip, NDArray[np.float32]]] = []
    people = _people(piece)[piece.first : piece.first + TOGETHER]
    for place, person in enumerate(people):
        report("speaking", place, len(people))
        made += list(_spoken(piece, person))
    return _write(piece, made, EMOTIONS)


def copy_part(piece: MeshPiece, folder: str) -> None:
    """Cuts a prepared corpus's clips into pieces of equal length, and keeps its rig beside them."""
    prepared = open_prepared(Path(folder))
    frames = piece.spec.frames
    clips = [] if piece.part == "public" else prepared.clips(piece.part)
    cuts = [cut for clip in clips for cut in _cuts(clip, frames)]
    none = np.zeros((0, frames, len(prepared.rig.channels)), np.float32)
    _write(piece, [(cut, none) for cut in cuts], prepared.spec.emotions, prepared.rig)


def _cuts(clip: MeshClip, frames: int) -> Iterator[MeshClip]:
    """A clip in pieces of `frames` frames, one after the other; what is left over is left out."""
    each = round(frames / clip.fps * SAMPLE_RATE)
    for start in range(0, len(clip) - frames + 1, frames):
        sample = round(start / clip.fps * SAMPLE_RATE)
        audio = clip.audio[sample : sample + each]
        yield replace(
            clip,
            codes=clip.codes[start : start + frames],
            visemes=clip.visemes[start : start + frames],
            audio=np.pad(audio, (0, each - len(audio))),
        )


def _write(
    piece: MeshPiece,
    made: Sequence[tuple[MeshClip, NDArray[np.float32]]],
    emotions: Sequence[str],
    rig: LinearRig | None = None,
) -> None:
    clips = [clip for clip, _ in made]
    frames = piece.spec.frames
    channels = len(CHANNELS if rig is None else rig.channels)
    loud = clips if piece.part in TESTS else []
    arrays: dict[str, NDArray[Any]] = {
        "codes": _together([clip.codes for clip in clips], (frames, channels)),
        "others": _together([others for _, others in made], (0, frames, channels)),
        "mel": _together(
            [mel_of(clip.audio, frames, clip.fps) for clip in clips], (frames * MELS_PER_FRAME, MELS)
        ),
        "audio": _together([sixteen_bits(clip.audio) for clip in loud], (0,)),
        "visemes": _together([clip.visemes for clip in clips], (frames,)).astype(np.int64),
        "emotion": np.array([emotions.index(clip.emotion) for clip in clips], dtype=np.int64),
        "level": np.array([clip.level for clip in clips], dtype=np.int64),
    }
    about = {"people": [clip.identity for clip in clips], "fps": clips[0].fps if clips else 0.0}
    notes: dict[str, Any] = {**about, "emotions": list(emotions)}
    if rig is not None:
        arrays |= {f"rig.{name}": getattr(rig, name) for name in RIG_ARRAYS}
        arrays["rig.templates"] = np.stack(list(rig.templates.values())) if rig.templates else np.zeros(0)
        notes |= {"channels": list(rig.channels), "unit": rig.unit, "millimetres": rig.millimetres}
        notes["templates"] = list(rig.templates)
    write_tensors(piece.path, arrays, {"about": json.dumps(notes)})


def _together(parts: Sequence[NDArray[Any]], shape: tuple[int, ...]) -> NDArray[Any]:
    """Arrays stacked; none in that shape where there are none."""
    return np.stack(parts) if parts else np.zeros((0, *shape), np.float32)


@lru_cache(maxsize=1)
def open_meshes(spec: MeshCorpusSpec) -> MeshCorpus:
    """Returns a corpus whose files are made; kept for the next task of this process."""
    parts = {part: _read(spec, part) for part in PARTS}
    if spec.hash:  # public voices move another face: they are heard alone
        silent = np.zeros((*parts["public"].visemes.shape, parts["train"].codes.shape[-1]), np.float32)
        parts["public"] = replace(parts["public"], codes=silent)
    rig, about = _rig(spec), _about(MeshPiece(spec, "train"))
    frames = parts["train"].codes.reshape(-1, parts["train"].codes.shape[-1])
    scale = motion_scale(frames, rig.basis(), rig.lips, rig.eyes)
    return MeshCorpus(parts, rig, scale, float(about["fps"]), tuple(about["emotions"]))


@lru_cache(maxsize=1)
def open_publicly(spec: MeshCorpusSpec, faces: int) -> MeshCorpus:
    """Returns a corpus whose scale is of `faces` public people's motion: what a federation may know before it begins,
    since a scale of its clients' motion would tell of them outside every account.
    """
    corpus = open_meshes(spec)
    known = set(public_faces(corpus, faces))
    public = corpus.parts["public"]
    codes = public.codes[[name in known for name in public.people]]
    frames = codes.reshape(-1, codes.shape[-1])
    return corpus._replace(scale=motion_scale(frames, corpus.rig.basis(), corpus.rig.lips, corpus.rig.eyes))


def public_faces(corpus: MeshCorpus, faces: int) -> tuple[str, ...]:
    """Returns the public people whose motion is known, the first `faces` or all that there are."""
    return tuple(dict.fromkeys(corpus.parts["public"].people))[:faces]


def _about(piece: MeshPiece) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read_metadata(piece.path)["about"])
    return found


def _rig(spec: MeshCorpusSpec) -> MotionRig:
    if not spec.hash:
        return EmbeddedRig(spec.seed)
    piece = MeshPiece(spec, "train")
    about, arrays = _about(piece), read_tensors(piece.path)
    return LinearRig(
        channels=tuple(about["channels"]),
        unit=about["unit"],
        millimetres=about["millimetres"],
        templates=dict(zip(about["templates"], arrays["rig.templates"], strict=True)),
        **{name: arrays[f"rig.{name}"] for name in RIG_ARRAYS},
    )


def _read(spec: MeshCorpusSpec, part: Part) -> MeshSet:
    found = [read_tensors(piece.path) for piece in pieces(spec, part)]
    if not found:
        return _empty(_read(spec, "train"))
    people = [name for piece in pieces(spec, part) for name in _about(piece)["people"]]
    joined = {name: np.concatenate([arrays[name] for arrays in found]) for name in ARRAYS}
    return MeshSet(
        codes=joined["codes"],
        others=joined["others"],
        mel=torch.from_numpy(joined["mel"]),
        audio=joined["audio"],
        visemes=joined["visemes"],
        people=tuple(people),
        emotion=torch.from_numpy(joined["emotion"]),
        level=torch.from_numpy(joined["level"]),
    )


def _empty(like: MeshSet) -> MeshSet:
    """No clips, in the shapes of some."""
    return MeshSet(
        codes=like.codes[:0],
        others=like.others[:0],
        mel=like.mel[:0],
        audio=like.audio[:0],
        visemes=like.visemes[:0],
        people=(),
        emotion=like.emotion[:0],
        level=like.level[:0],
    )


def _spoken(piece: MeshPiece, person: Character) -> Iterator[tuple[MeshClip, NDArray[np.float32]]]:
    spec, tested = piece.spoken, piece.part in TESTS
    purpose, count = ("test", spec.test_clips) if tested else ("train", spec.clips)
    for number in range(count):
        mood = embedded.condition(person.index, purpose, number, count)
        yield embedded.speak(person, purpose, number, spec.frames, *mood, spec.streams if tested else 0)


def _people(piece: MeshPiece) -> Sequence[Character]:
    spec = piece.spoken
    if piece.part == "public":
        return [character(spec.seed, "shadow", index) for index in range(min(PUBLIC, spec.speakers))]
    return embedded.speakers(spec, piece.part)
