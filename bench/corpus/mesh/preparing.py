"""Recordings of a data set into a prepared corpus: the work behind ``bench data prepare SRC --layout NAME -o DST``.

What is read is checked, what cannot be used is refused by name, and the rest goes on. Interrupted, it goes on where it
stopped: ``ledger.json`` knows from which files each clip was made.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from privtalk.bench.corpus.mesh import prepared
from privtalk.bench.corpus.mesh.clip import NEUTRAL
from privtalk.bench.corpus.mesh.components import (
    codes_of_vertices,
    fit_components,
    quota,
    spread,
    squared_errors,
)
from privtalk.bench.corpus.mesh.layouts.recordings import (
    MeshFace,
    MeshFault,
    MeshLayout,
    MeshRecording,
    MeshRefusal,
    MeshRegions,
)
from privtalk.bench.corpus.mesh.layouts.registry import find_layout
from privtalk.bench.corpus.mesh.linear_rig import LinearRig
from privtalk.bench.corpus.mesh.prepared import MeshEntry, PreparedMeshSpec
from privtalk.bench.corpus.mesh.takes import MeshTake, read_take
from privtalk.bench.corpus.prepared.archive import DAMAGE, read_arrays
from privtalk.bench.corpus.prepared.names import fold, shown, unnameable
from privtalk.core.cache import content_hash
from privtalk.core.errors import UserError
from privtalk.core.files import file_hash, write_atomic
from privtalk.core.frozen import Frozen
from privtalk.core.locks import sole_writer

VERSION = 1
"""Raise it whenever the same recordings would give other clips."""
LEDGER = "ledger.json"
EVERY_SECONDS = 2.0
"""Seconds between two writes of the ledger."""
COMPONENTS = 64
UNTRAINED = "nobody trains on the person, so that it is no test of one whom the model knows"
NO_TRAINING = "no training recording could be taken, without which there is no corpus"
Progress = Callable[[int, int, str], None]
"""Called with the steps done, their number, and the recording at hand."""


@dataclass(frozen=True, slots=True)
class MeshSummary:
    """The recordings that were taken and those that were refused."""

    spec: PreparedMeshSpec | None
    """The corpus; None where nothing was taken."""
    refused: tuple[MeshRefusal, ...]

    @property
    def taken(self) -> tuple[MeshEntry, ...]:
        return self.spec.clips if self.spec else ()


class MeshLedger(Frozen):
    """``ledger.json``: what a later call need not do again."""

    rig_key: str = ""
    rig_sha256: str = ""
    explained: float | None = None
    keys: dict[str, str] = Field(default_factory=dict)
    """Clip's file -> the key of what it was made from."""
    clips: dict[str, MeshEntry] = Field(default_factory=dict)


def prepare_meshes(
    source: Path, out: Path, layout: str, *, advance: Progress | None = None, components: int = COMPONENTS
) -> MeshSummary:
    """Turns the recordings in `source` into a corpus in `out`; a `UserError` where nothing can be done at all."""
    chosen = find_layout(layout)
    _check_folders(source, out)
    if problem := chosen.recognises(source):
        raise UserError(f"{shown(source)}: not of the layout {layout}: {problem}")
    face = chosen.face(source)
    found = _named(list(chosen.recordings(source)))
    with sole_writer(out, "bench data prepare"):
        return _MeshWork(
            out, chosen, face, found, components, advance or (lambda done, total, name: None)
        ).run()


def _check_folders(source: Path, out: Path) -> None:
    if not source.is_dir():
        raise UserError(f"{shown(source)}: not a folder")
    if out.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{shown(out)}: stands inside {shown(source)}; choose a folder outside the data")
    if (out / "prepare.json").exists():
        raise UserError(f"{shown(out)}: holds prepared videos; choose another folder")


def _named(found: list[MeshRecording | MeshRefusal]) -> list[MeshRecording | MeshRefusal]:
    """The recordings, those refused whose name cannot be a file's, or is another one's to some disk."""
    seen: set[str] = set()
    kept: list[MeshRecording | MeshRefusal] = []
    for each in found:
        problem = unnameable(f"{each.name}.npz") or (
            "another recording has this name" if fold(each.name) in seen else ""
        )
        seen.add(fold(each.name))
        kept.append(MeshRefusal(name=each.name, reason=problem) if problem else each)
    return kept


@dataclass(slots=True)
class _MeshWork:
    """The work on one folder."""

    out: Path
    layout: MeshLayout
    face: MeshFace
    found: list[MeshRecording | MeshRefusal]
    components: int
    advance: Progress
    refused: dict[str, MeshRefusal] = field(default_factory=dict)
    entries: dict[str, MeshEntry] = field(default_factory=dict)
    ledger: MeshLedger = field(default_factory=MeshLedger)
    rig: LinearRig | None = None
    due: float = 0.0
    done: int = 0
    steps: int = 0

    def run(self) -> MeshSummary:
        self.refused = {each.name: each for each in self.found if isinstance(each, MeshRefusal)}
        recordings = [each for each in self.found if isinstance(each, MeshRecording)]
        self.ledger = _read_ledger(self.out)
        rig_key = self._rig_key(recordings)
        whole = self._displacements(rig_key, recordings)
        if whole is not None:
            self.rig = rig = self._write_rig(rig_key, whole, recordings)
            try:
                for recording in recordings:
                    self._take(recording, rig, rig_key)
            finally:
                write_atomic(self.out / LEDGER, self.ledger.model_dump_json() + "\n")
        return self._finish(recordings)

    # The rig

    def _rig_key(self, recordings: list[MeshRecording]) -> str:
        face, trained = self.face, [each for each in recordings if each.role == "train"]
        arrays: list[NDArray[Any]] = [*face.templates.values()]
        arrays += [array for array in (face.displacements, face.everybody) if array is not None]
        arrays += [face.regions.lips, face.regions.upper, face.regions.eyes] if face.regions else []
        return content_hash(
            [
                VERSION, self.layout.name, self.components, face.fps, sorted(face.templates), face.channels,
                [_digest(array) for array in arrays],
                [] if face.channels else [[each.name, each.identity, _stamps(each)] for each in trained],
                sorted({each.identity for each in recordings}),
            ]
        )  # fmt: skip

    def _displacements(self, key: str, recordings: list[MeshRecording]) -> NDArray[np.float32] | None:
        """The displacements [C, V, 3]; None where there is nothing to fit them to."""
        face = self.face
        self.steps = len(recordings)
        if face.channels:
            return (
                np.zeros((len(face.channels), 0, 3), np.float32)
                if face.displacements is None
                else face.displacements
            )
        if self.ledger.rig_key == key and _intact(self.out / prepared.RIG, self.ledger.rig_sha256):
            return _stored_displacements(self.out / prepared.RIG)
        pieces = self._pieces([each for each in recordings if each.role == "train"])
        if not pieces:
            return None
        fitted = fit_components(np.concatenate(pieces), self.components)
        self.ledger = MeshLedger(explained=fitted.explained)
        return fitted.displacements

    def _pieces(self, trained: list[MeshRecording]) -> list[NDArray[np.float32]]:
        """Displacements of some frames of each training recording."""
        self.steps += len(trained)
        most = quota(len(trained), max((len(face) for face in self.face.templates.values()), default=1))
        pieces = []
        for recording in trained:
            self._step(recording.name)
            if (take := self._read(recording)) is not None:
                frames = take.motion[spread(len(take.motion), most)]
                pieces.append(frames - self.face.templates[recording.identity])
        return pieces

    def _write_rig(self, key: str, moved: NDArray[np.float32], recordings: list[MeshRecording]) -> LinearRig:
        face, nobody = self.face, np.zeros(0, np.intp)
        regions = face.regions or MeshRegions(lips=nobody, upper=nobody, eyes=nobody)
        rest = face.everybody if face.everybody is not None else np.zeros((0, 3), np.float32)
        people = sorted({each.identity for each in recordings})
        rig = LinearRig(
            channels=face.channels or tuple(f"component_{k + 1}" for k in range(len(moved))),
            unit=face.unit,
            millimetres=face.millimetres,
            lips=regions.lips,
            upper=regions.upper,
            eyes=regions.eyes,
            displacements=moved,
            templates=face.templates or dict.fromkeys(people, rest),
        )
        (self.out / prepared.CORPUS).unlink(missing_ok=True)  # from here on the folder is unfinished
        known = self.ledger if self.ledger.rig_key == key else MeshLedger(explained=self.ledger.explained)
        told = {"rig_key": key, "rig_sha256": prepared.write_rig(self.out, rig)}
        self.ledger = known.model_copy(update=told)
        return rig

    # The clips

    def _take(self, recording: MeshRecording, rig: LinearRig, rig_key: str) -> None:
        """Enters a recording's clip, made now or before."""
        self._step(recording.name)
        if recording.name in self.refused:
            return
        file, key = f"{recording.name}.npz", content_hash([rig_key, _told(recording), _stamps(recording)])
        entry = self.ledger.clips.get(file)
        known = entry is not None and self.ledger.keys.get(file) == key
        if entry is None or not known or not _intact(self.out / prepared.CLIPS / file, entry.sha256):
            take = self._read(recording)
            entry = self._write(recording, take, rig, file) if take is not None else None
        if entry is not None:
            self.entries[file] = entry
            self._enter(file, key, entry)

    def _read(self, recording: MeshRecording) -> MeshTake | None:
        """A recording, or None where it is refused now."""
        try:
            return read_take(recording, self.face)
        except MeshFault as fault:
            self.refused[recording.name] = MeshRefusal(
                name=recording.name, reason=fault.reason, detail=fault.detail
            )
            return None

    def _write(self, recording: MeshRecording, take: MeshTake, rig: LinearRig, file: str) -> MeshEntry:
        codes, error, lip_error = take.motion, None, None
        if not self.face.channels:
            moved = take.motion - rig.templates[recording.identity]
            codes = codes_of_vertices(moved, rig.displacements)
            squares = squared_errors(moved, codes, rig.displacements)
            error, lip_error = float(np.sqrt(squares.mean())), float(np.sqrt(squares[:, rig.lips].mean()))
        return MeshEntry(
            file=file,
            frames=len(codes),
            sha256=prepared.write_clip(self.out, file, codes, take.audio),
            error=error,
            lip_error=lip_error,
            **_told(recording),
        )

    def _enter(self, file: str, key: str, entry: MeshEntry) -> None:
        self.ledger.keys[file], self.ledger.clips[file] = key, entry
        if time.monotonic() >= self.due:
            write_atomic(self.out / LEDGER, self.ledger.model_dump_json() + "\n")
            self.due = time.monotonic() + EVERY_SECONDS

    def _step(self, name: str) -> None:
        self.advance(self.done, self.steps, name)
        self.done += 1

    # The end

    def _finish(self, recordings: list[MeshRecording]) -> MeshSummary:
        speakers = {entry.identity for entry in self.entries.values() if entry.role == "train"}
        for recording in recordings:
            if recording.name not in self.refused and (reason := self._useless(recording, speakers)):
                self.entries.pop(f"{recording.name}.npz", None)
                self.refused[recording.name] = MeshRefusal(name=recording.name, reason=reason)
        spec = self._spec(self.rig, sorted(speakers)) if self.rig is not None and self.entries else None
        for path in (self.out / prepared.CLIPS).glob("*.npz"):
            if path.name not in self.entries:
                path.unlink()
        if spec is None:
            (self.out / prepared.CORPUS).unlink(missing_ok=True)
        else:
            prepared.write_spec(self.out, spec)
        return MeshSummary(
            spec, tuple(self.refused[each.name] for each in self.found if each.name in self.refused)
        )

    def _useless(self, recording: MeshRecording, speakers: set[str]) -> str | None:
        """Why a recording that can be read has no place in the corpus."""
        if not speakers:
            return NO_TRAINING
        return UNTRAINED if recording.role == "test" and recording.identity not in speakers else None

    def _spec(self, rig: LinearRig, speakers: list[str]) -> PreparedMeshSpec:
        layout, face = self.layout, self.face
        clips = tuple(self.entries[file] for file in sorted(self.entries))
        feelings = sorted({clip.emotion for clip in clips} - {NEUTRAL})
        return PreparedMeshSpec(
            layout=layout.name,
            about=layout.about,
            licence=layout.licence,
            citation=layout.citation,
            split=layout.split,
            unit=face.unit,
            millimetres=face.millimetres,
            fps=face.fps,
            has_mesh=face.regions is not None,
            vertices=rig.displacements.shape[1],
            channels=rig.channels,
            emotions=(NEUTRAL, *feelings),
            speakers=tuple(speakers),
            strangers=tuple(sorted({clip.identity for clip in clips if clip.role == "strangers"})),
            templates=tuple(rig.templates),
            explained=self.ledger.explained,
            rig_sha256=self.ledger.rig_sha256,
            clips=clips,
        )


def _told(recording: MeshRecording) -> dict[str, Any]:
    """The facts about a recording that its clip repeats."""
    return {name: getattr(recording, name) for name in ("role", "identity", "sentence", "emotion", "level")}


def _stamps(recording: MeshRecording) -> list[list[int]]:
    """Sizes and times of the files that a recording is read from."""
    return [_stamp(path) for path in (*recording.sources, recording.audio)]


def _stamp(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _digest(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _intact(path: Path, sha256: str) -> bool:
    return path.is_file() and file_hash(path) == sha256


def _stored_displacements(path: Path) -> NDArray[np.float32]:
    return np.asarray(read_arrays(path.read_bytes())["displacements"], dtype=np.float32)


def _read_ledger(out: Path) -> MeshLedger:
    """The ledger; an empty one where there is none that can be read: then all is done again."""
    try:
        return MeshLedger.model_validate_json((out / LEDGER).read_bytes())
    except (*DAMAGE, ValidationError):
        return MeshLedger()
