"""The layout of VOCASET: all frames in one array, or as FaceFormer's authors derived it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from privtalk.bench.corpus.mesh.layouts.faceformer import VERTICES, FaceFormerFolder, derived_absent
from privtalk.bench.corpus.mesh.layouts.files import (
    MeshTemplates,
    absent,
    open_array,
    read_notes,
    read_regions,
    read_table,
    templates_absent,
)
from privtalk.bench.corpus.mesh.layouts.recordings import (
    OUTSIDE,
    VALIDATION,
    Floats,
    MeshFace,
    MeshFault,
    MeshRecording,
    MeshRefusal,
    is_role,
)
from privtalk.bench.corpus.prepared.names import shown
from privtalk.core.errors import UserError

TRAINED = (
    "FaceTalk_170725_00137_TA", "FaceTalk_170728_03272_TA", "FaceTalk_170811_03274_TA", "FaceTalk_170904_00128_TA",
    "FaceTalk_170904_03276_TA", "FaceTalk_170912_03278_TA", "FaceTalk_170913_03279_TA", "FaceTalk_170915_00223_TA",
)  # fmt: skip
VALIDATED = ("FaceTalk_170811_03275_TA", "FaceTalk_170908_03277_TA")
UNSEEN = ("FaceTalk_170731_00024_TA", "FaceTalk_170809_00138_TA")
SENTENCE = re.compile(r"sentence(\d\d)")
EVERY = 2
"""Every second of 60 frames a second is kept, in the derived files too, which hold all."""
FRAMES = "data_verts.npy"
TABLE = "subj_seq_to_idx.json"
INDEX_WANTED = (
    f"write {TABLE} once from subj_seq_to_idx.pkl: "
    f'{{"<person>": {{"sentence01": {{"0": <row of {FRAMES}>, ...}}}}}}'
)
SOUND_WANTED = (
    "write wav/<person>_sentence01.wav, ... once from raw_audio_fixed.pkl (audio and sample_rate of each)"
)


def vocaset_role(person: str, sentence: str, tested: tuple[str, ...] = ()) -> str:
    """Returns the role in the official split, or why there is none; `tested` sentences are not trained on.

    >>> vocaset_role(TRAINED[0], "sentence01"), vocaset_role(UNSEEN[0], "sentence21")
    ('train', 'strangers')
    >>> vocaset_role(TRAINED[0], "sentence40", ("sentence40",)), vocaset_role(UNSEEN[0], "sentence20")
    ('test', 'not in the official split')
    """
    matched = SENTENCE.fullmatch(sentence)
    number = int(matched[1]) if matched else 0
    if person in TRAINED and 1 <= number <= 40:
        return "test" if sentence in tested else "train"
    if not 21 <= number <= 40 or person not in VALIDATED + UNSEEN:
        return OUTSIDE
    return "strangers" if person in UNSEEN else VALIDATION


@dataclass(frozen=True, slots=True)
class VocasetLayout:
    """VOCASET: twelve people with forty sentences each, FLAME's topology, metres."""

    name: ClassVar[str] = "vocaset"
    about: ClassVar[str] = (
        f"{FRAMES} [N, 5023, 3] with {TABLE} and wav/, or FaceFormer's layout; 60 fps, of which 30 are kept; "
        "templates.npz or templates/, regions.json"
    )
    licence: ClassVar[str] = "on registration with its authors, for research"
    citation: ClassVar[str] = (
        "Cudeiro et al., Capture, Learning, and Synthesis of 3D Speaking Styles, CVPR 2019"
    )
    split: ClassVar[str] = (
        "eight people, sentences 1-40; strangers: two others, 21-40; nobody is tested with new sentences unless "
        "about.json names some of the eight people's (test)"
    )
    vertices: int = 5023

    def recognises(self, folder: Path) -> str | None:
        """Returns why a folder is not of this layout, and what is wanted in place of a pickle; None where it is."""
        if (folder / VERTICES).exists():
            return derived_absent(folder)
        return absent(folder, (FRAMES,)) or self._unconverted(folder) or templates_absent(folder)

    def _unconverted(self, folder: Path) -> str | None:
        for file, wanted in ((TABLE, INDEX_WANTED), ("wav", SOUND_WANTED)):
            if not (folder / file).exists():
                return f"no {file} in it, and a pickle is never opened; {wanted}"
        return None

    def face(self, folder: Path) -> MeshFace:
        """Returns the face."""
        notes = read_notes(folder)
        if notes != type(notes)(test=notes.test):
            raise UserError(
                f"{shown(folder)}: about.json may name test sentences; all else is the data set's"
            )
        return MeshFace(
            fps=60 / EVERY,
            unit="m",
            millimetres=1000.0,
            templates=MeshTemplates(folder, self.vertices).points,
            regions=read_regions(folder, self.vertices),
        )

    def recordings(self, folder: Path) -> Iterator[MeshRecording | MeshRefusal]:
        """Yields recordings of the official split."""
        tested = read_notes(folder).test
        if not (folder / VERTICES).exists():
            yield from self._indexed(folder, tested)
            return
        files = FaceFormerFolder(folder, self.vertices, EVERY)
        for path in files.paths:
            yield files.recording(path, vocaset_role(*files.names[path], tested))

    def _indexed(self, folder: Path, tested: tuple[str, ...]) -> Iterator[MeshRecording | MeshRefusal]:
        templates = MeshTemplates(folder, self.vertices)
        for person, sentence, rows in _entries(folder / TABLE):
            name, role = f"{person}_{sentence}", vocaset_role(person, sentence, tested)
            try:
                if not is_role(role):
                    raise MeshFault(role)
                templates.check(person)
            except MeshFault as fault:
                yield MeshRefusal(name=name, reason=fault.reason, detail=fault.detail)
                continue
            yield MeshRecording(
                name=name,
                identity=person,
                sentence=sentence,
                role=role,
                audio=folder / "wav" / f"{name}.wav",
                sources=(folder / FRAMES, folder / TABLE),
                motion=partial(_rows, folder / FRAMES, rows),
            )


def _entries(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Person, sentence and frames of each entry of the table."""
    try:
        table = read_table(path)
    except MeshFault as fault:
        raise UserError(f"{shown(path)}: {fault.reason}; {INDEX_WANTED}") from fault
    if not isinstance(table, dict) or not all(isinstance(of_one, dict) for of_one in table.values()):
        raise UserError(f"{shown(path)}: not a table of people; {INDEX_WANTED}")
    for person, sentences in sorted(table.items()):
        for sentence, rows in sorted(sentences.items()):
            yield person, sentence, rows


def _rows(path: Path, rows: Any) -> Floats:
    """The vertices of every second frame of a sentence."""
    frames = open_array(path)
    order = _ordered(rows)
    if frames.ndim != 3 or frames.shape[2] != 3:
        raise MeshFault("the motion is not [N, V, 3]", f"{list(frames.shape)}")
    if not len(order) or min(order) < 0 or max(order) >= len(frames):
        raise MeshFault("the table names rows that are not there", f"{path.name} has {len(frames)}")
    return np.array(frames[order[::EVERY]], dtype=np.float32)


def _ordered(rows: Any) -> list[int]:
    """Rows in the order of the frames' numbers, which JSON keeps as text, and "10" before "2"."""
    if not isinstance(rows, Mapping) or not all(type(row) is int for row in rows.values()):
        raise MeshFault("the table does not give a row for each frame")
    try:
        numbered = sorted((int(frame), row) for frame, row in rows.items())
    except ValueError as error:
        raise MeshFault("the table has frames without a number") from error
    first = numbered[0][0] if numbered else 0
    if [frame for frame, _ in numbered] != list(range(first, first + len(numbered))):
        raise MeshFault("frames are missing in the table, so that sound and motion would part")
    return [row for _, row in numbered]
