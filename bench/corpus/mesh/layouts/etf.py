"""The layout of 3D-ETF: weights of ARKit and a wav for each clip of RAVDESS and HDTF."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from privtalk.bench.corpus.mesh.clip import NEUTRAL, MeshRole
from privtalk.bench.corpus.mesh.layouts.arkit import CHANNELS
from privtalk.bench.corpus.mesh.layouts.files import (
    MeshNotes,
    open_array,
    read_notes,
    read_npz,
    read_regions,
)
from privtalk.bench.corpus.mesh.layouts.recordings import (
    Floats,
    MeshFace,
    MeshFault,
    MeshRecording,
    MeshRefusal,
)
from privtalk.bench.corpus.prepared.archive import DAMAGE
from privtalk.bench.corpus.prepared.names import shown
from privtalk.core.errors import UserError

COLUMNS = ("template", *CHANNELS)
"""The columns of a file; the first one moves nothing."""
RAVDESS = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
CUT = re.compile(r"(.+)_(\d+)")
SENATOR = re.compile(r"(?:WDA|WRA)_\D+")
SUNG = "02"
TESTED_STATEMENT = "02"
UNSEEN_ACTORS = frozenset({21, 22, 23, 24})
MOODS: Mapping[str, str] = {
    "01": NEUTRAL, "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "afraid", "07": "disgusted",
    "08": "surprised",
}  # fmt: skip


class EtfName(NamedTuple):
    """The facts that a file's name says."""

    identity: str
    sentence: str
    emotion: str = NEUTRAL
    level: int = 0
    acted: bool = False
    """Whether it is of RAVDESS, where all actors say two statements."""


def etf_name(stem: str) -> EtfName:
    """Returns the person and sentence in a file's name, and the feeling where it is of RAVDESS. People of HDTF come
    with a number a video and one a cut.

    >>> etf_name("03-01-05-02-01-02-11")
    EtfName(identity='actor_11', sentence='01', emotion='angry', level=2, acted=True)
    >>> etf_name("WDA_BenCardin1_000").identity, etf_name("RD_Radio10_003").identity
    ('WDA_BenCardin', 'RD_Radio10')
    """
    if matched := RAVDESS.fullmatch(stem):
        _, channel, mood, strength, statement, _, actor = matched.groups()
        if channel == SUNG:
            raise MeshFault("sung, not spoken")
        if mood not in MOODS or strength not in ("01", "02"):
            raise MeshFault("a feeling that RAVDESS does not have", f"{mood}-{strength}")
        level = 0 if MOODS[mood] == NEUTRAL else int(strength)
        return EtfName(f"actor_{actor}", statement, MOODS[mood], level, True)
    cut = CUT.fullmatch(stem)
    video = cut[1] if cut else stem
    senator = SENATOR.match(video)
    return EtfName(senator[0].rstrip("_") if senator else video, stem)


class EtfLayout:
    """3D-ETF: RAVDESS with emotions at two levels, and HDTF."""

    name: ClassVar[str] = "3d_etf"
    about: ClassVar[str] = (
        "<name>.npy [T, 52] (template, then ARKit's weights by name) and <name>.wav, in SRC or its folders, 30 fps; an "
        ".npz with meanshape and blendshape and a regions.json give vertices"
    )
    licence: ClassVar[str] = "on its authors' terms, for research; RAVDESS is CC BY-NC-SA 4.0, HDTF CC BY 4.0"
    citation: ClassVar[str] = (
        "Peng et al., EmoTalk: Speech-Driven Emotional Disentanglement for 3D Face Animation, ICCV 2023"
    )
    split: ClassVar[str] = (
        "RAVDESS: tested with statement 02, strangers are actors 21-24; HDTF: tested with the last fifth of a person's "
        "cuts, strangers are a tenth by the hash of the name; or as about.json says"
    )

    def recognises(self, folder: Path) -> str | None:
        """Returns why a folder is not of this layout; None where it is."""
        paths = sorted(_found(folder, ".npy").values())
        if not paths:
            return "no <name>.npy in it or in its folders"
        problems = [_problem(path) for path in paths[:20]]
        return None if None in problems else problems[0]

    def face(self, folder: Path) -> MeshFace:
        """Returns a face of weights, with a mesh where the folder has a basis."""
        notes = read_notes(folder)
        if notes.fps != 30:
            raise UserError(f"{shown(folder)}: about.json says {notes.fps:g} frames a second; 3D-ETF has 30")
        basis = _basis(folder)
        if basis is None:
            return MeshFace(fps=30.0, channels=CHANNELS)
        mean, displacements = basis
        return MeshFace(
            fps=30.0,
            unit=notes.unit,
            millimetres=notes.millimetres,
            regions=read_regions(folder, len(mean)),
            channels=CHANNELS,
            displacements=displacements,
            everybody=mean,
        )

    def recordings(self, folder: Path) -> Iterator[MeshRecording | MeshRefusal]:
        """Yields clips; all takes of a statement play one role."""
        motions, sounds = _found(folder, ".npy"), _found(folder, ".wav")
        names: dict[str, EtfName] = {}
        for stem in sorted(motions):
            try:
                names[stem] = etf_name(stem)
            except MeshFault as fault:
                yield MeshRefusal(name=stem, reason=fault.reason, detail=fault.detail)
        roles = _roles(names, read_notes(folder))
        for stem, name in names.items():
            yield MeshRecording(
                name=stem,
                identity=name.identity,
                sentence=name.sentence,
                role=roles[stem],
                audio=_sound(motions[stem], sounds),
                sources=(motions[stem],),
                motion=partial(_weights, motions[stem]),
                emotion=name.emotion,
                level=name.level,
            )


def _found(folder: Path, suffix: str) -> dict[str, Path]:
    """Files in a folder or one below, by name."""
    paths = [*folder.glob(f"*/*{suffix}"), *folder.glob(f"*{suffix}")]
    return {path.stem: path for path in sorted(paths)}


def _sound(motion: Path, sounds: Mapping[str, Path]) -> Path:
    """The wav beside a clip, or else the one of its name in another folder."""
    beside = motion.with_suffix(".wav")
    return beside if beside.is_file() else sounds.get(motion.stem, beside)


def _problem(path: Path) -> str | None:
    try:
        _checked(path)
    except MeshFault as fault:
        return str(fault)
    return None


def _checked(path: Path) -> np.typing.NDArray[np.generic]:
    array = open_array(path)
    if array.ndim != 2 or array.shape[1] != len(COLUMNS):
        raise MeshFault(
            "not [T, 52], so that nobody knows which weight is which", f"{path.name}: {list(array.shape)}"
        )
    return array


def _weights(path: Path) -> Floats:
    return np.array(_checked(path)[:, 1:], dtype=np.float32)


def _roles(names: Mapping[str, EtfName], notes: MeshNotes) -> dict[str, MeshRole]:
    cuts: dict[str, list[str]] = {}
    for stem, name in names.items():
        if not name.acted:
            cuts.setdefault(name.identity, []).append(stem)
    late = {
        stem
        for stems in cuts.values()
        for stem in sorted(stems)[len(stems) - max(len(stems) // 5, len(stems) > 1) :]
    }
    tested = set(notes.test) or late | {TESTED_STATEMENT}
    strangers = set(notes.strangers) or {name.identity for name in names.values() if _unseen(name)}
    return {
        stem: "strangers" if name.identity in strangers else "test" if name.sentence in tested else "train"
        for stem, name in names.items()
    }


def _unseen(name: EtfName) -> bool:
    """Whether a person is nobody's training material, however many others there are."""
    if name.acted:
        return int(name.identity[-2:]) in UNSEEN_ACTORS
    return hashlib.sha256(name.identity.encode()).digest()[0] % 10 == 0


def _basis(folder: Path) -> tuple[Floats, Floats] | None:
    """The face at rest [V, 3] and the displacements [51, V, 3] of `CHANNELS`; None where no file has them."""
    for path in sorted(folder.glob("*.npz")):
        try:
            arrays = read_npz(path)
        except DAMAGE as error:
            raise UserError(f"{shown(path)}: not an .npz file of plain numbers") from error
        if {"meanshape", "blendshape"} <= arrays.keys():
            return _shaped(path, arrays["meanshape"], arrays["blendshape"])
    return None


def _shaped(
    path: Path, mean: np.typing.NDArray[np.generic], moved: np.typing.NDArray[np.generic]
) -> tuple[Floats, Floats]:
    sized = mean.size > 0 and mean.size % 3 == 0 and moved.size == len(COLUMNS) * mean.size
    if not sized or len(moved) != len(COLUMNS) or {mean.dtype.kind, moved.dtype.kind} - set("fiu"):
        raise UserError(
            f"{shown(path)}: meanshape must be [V * 3] and blendshape [52, V * 3], its rows as the columns of the "
            f"weights; they are {list(mean.shape)} and {list(moved.shape)}"
        )
    rows = np.array(moved, dtype=np.float32).reshape(len(COLUMNS), -1, 3)
    return np.array(mean, dtype=np.float32).reshape(-1, 3), rows[1:]
