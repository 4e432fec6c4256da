"""The folder of a prepared corpus of moving faces: ``corpus.json``, ``rig.npz`` and ``clips/*.npz``, without pickle."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from privtalk.bench.corpus.mesh.clip import FULL_SCALE, NEUTRAL, NO_VISEME, MeshClip, MeshRole, sixteen_bits
from privtalk.bench.corpus.mesh.linear_rig import LinearRig
from privtalk.bench.corpus.prepared.archive import DAMAGE, StoreError, read_arrays
from privtalk.bench.corpus.prepared.names import shown
from privtalk.bench.corpus.prepared.store import ClipName, read_book
from privtalk.core.cache import content_hash
from privtalk.core.errors import UserError
from privtalk.core.files import write_atomic, write_bytes
from privtalk.core.frozen import Frozen

FORMAT = 1
"""Version of the folder."""
CORPUS = "corpus.json"
RIG = "rig.npz"
CLIPS = "clips"


class MeshEntry(Frozen):
    """A clip of the corpus."""

    file: ClipName
    role: MeshRole
    identity: str
    sentence: str
    emotion: str = NEUTRAL
    level: int = Field(0, ge=0, le=2)
    frames: int = Field(gt=0)
    sha256: str
    error: float | None = Field(None, ge=0)
    """Root mean square distance of the vertices to where the codes put them; None without vertices."""
    lip_error: float | None = Field(None, ge=0)
    """The same of the lips' vertices."""


class PreparedMeshSpec(Frozen):
    """``corpus.json``: the content of the folder, whose hash tells it from any other."""

    format: int = FORMAT
    layout: str
    about: str
    licence: str
    citation: str
    split: str
    unit: str
    millimetres: float | None
    """Millimetres in a unit; None where nobody knows."""
    fps: float = Field(gt=0, lt=1000)
    has_mesh: bool
    vertices: int = Field(ge=0)
    channels: tuple[str, ...]
    emotions: tuple[str, ...]
    """The emotions of the clips, neutral first; one alone says that nobody labelled them."""
    speakers: tuple[str, ...]
    """People of the training clips."""
    strangers: tuple[str, ...]
    templates: tuple[str, ...]
    """People in the order of their templates in ``rig.npz``."""
    explained: float | None = None
    """Share of the squared displacement of training frames that the components give back; None for weights."""
    rig_sha256: str
    clips: tuple[MeshEntry, ...]

    def error(self, role: MeshRole, *, lips: bool = False) -> float | None:
        """Returns the root mean square distance, in units, that codes leave in a role's clips; None for weights."""
        told = [(e.lip_error if lips else e.error, e.frames) for e in self.clips if e.role == role]
        squares = [(value**2 * frames, frames) for value, frames in told if value is not None]
        if not squares:
            return None
        return float(np.sqrt(sum(s for s, _ in squares) / sum(n for _, n in squares)))


@dataclass(frozen=True, slots=True)
class PreparedMesh:
    """A prepared corpus, whose clips are read when they are asked for."""

    folder: Path
    spec: PreparedMeshSpec
    rig: LinearRig

    @property
    def hash(self) -> str:
        """The hash of all that a run reads; it depends neither on the machine nor on the time."""
        return content_hash(self.spec.model_dump(mode="json"))

    def clips(self, role: MeshRole) -> list[MeshClip]:
        """Returns a role's clips, each checked; a `StoreError` where a file is not the one that was written."""
        return [self.clip(entry) for entry in self.spec.clips if entry.role == role]

    def clip(self, entry: MeshEntry) -> MeshClip:
        """Returns one clip."""
        path = self.folder / CLIPS / entry.file
        arrays = _read(path, entry.sha256)
        codes, audio = arrays.get("codes"), arrays.get("audio")
        if codes is None or audio is None or codes.shape != (entry.frames, len(self.rig.channels)):
            raise StoreError(f"{shown(path)}: not the clip that {CORPUS} lists; prepare it again")
        return MeshClip(
            codes=codes.astype(np.float32),
            audio=audio.astype(np.float32) / np.float32(FULL_SCALE),
            fps=self.spec.fps,
            identity=entry.identity,
            sentence=entry.sentence,
            visemes=np.full(entry.frames, NO_VISEME, dtype=np.int64),
            emotion=entry.emotion,
            level=entry.level,
        )


def open_prepared(folder: Path) -> PreparedMesh:
    """Returns a prepared corpus; an error in one line where the folder holds none."""
    try:
        spec = read_book(folder / CORPUS, PreparedMeshSpec, "a corpus of moving faces")
    except FileNotFoundError as error:
        raise UserError(
            f"{shown(folder)}: no {CORPUS} in it; `bench data prepare SRC --layout NAME -o {shown(folder)}` makes it"
        ) from error
    if spec.format != FORMAT:
        raise UserError(
            f"{shown(folder)}: format {spec.format}, this version reads {FORMAT}; prepare it again"
        )
    return PreparedMesh(folder, spec, _rig(spec, _read(folder / RIG, spec.rig_sha256)))


def _rig(spec: PreparedMeshSpec, arrays: dict[str, NDArray[Any]]) -> LinearRig:
    return LinearRig(
        channels=spec.channels,
        unit=spec.unit,
        millimetres=spec.millimetres,
        lips=arrays["lips"].astype(np.intp),
        upper=arrays["upper"].astype(np.intp),
        eyes=arrays["eyes"].astype(np.intp),
        displacements=arrays["displacements"],
        templates=dict(zip(spec.templates, arrays["templates"], strict=True)),
    )


def _read(path: Path, sha256: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file with the hash that was written down."""
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(
                f"{shown(path)}: its sha256 is not the one that {CORPUS} holds; prepare it again"
            )
        return read_arrays(data)
    except StoreError:
        raise
    except DAMAGE as error:
        raise StoreError(
            f"{shown(path)}: not readable ({error or type(error).__name__}); prepare it again"
        ) from error


# Writing


def write_arrays(path: Path, **arrays: NDArray[Any]) -> str:
    """Writes a whole .npz file or nothing; returns its sha256. Equal arrays give equal bytes."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_bytes(path, buffer.getbuffer())
    return hashlib.sha256(buffer.getbuffer()).hexdigest()


def write_rig(folder: Path, rig: LinearRig) -> str:
    """Writes ``rig.npz``; returns its sha256."""
    faces = [rig.templates[name] for name in rig.templates]
    return write_arrays(
        folder / RIG,
        displacements=rig.displacements,
        templates=np.stack(faces) if faces else np.zeros((0, *rig.displacements.shape[1:]), np.float32),
        lips=rig.lips.astype(np.int64),
        upper=rig.upper.astype(np.int64),
        eyes=rig.eyes.astype(np.int64),
    )


def write_clip(folder: Path, file: str, codes: NDArray[np.float32], audio: NDArray[np.float32]) -> str:
    """Writes a clip's codes and its sound, 16 bits a sample; returns its sha256."""
    return write_arrays(folder / CLIPS / file, codes=codes, audio=sixteen_bits(audio))


def write_spec(folder: Path, spec: PreparedMeshSpec) -> None:
    """Writes ``corpus.json``: from here on the corpus counts."""
    write_atomic(folder / CORPUS, spec.model_dump_json(indent=1) + "\n")
