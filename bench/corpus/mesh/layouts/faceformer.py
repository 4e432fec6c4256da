"""The layout of FaceFormer and what derives from it: a file of vertices and a wav for each sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from privtalk.bench.corpus.mesh.layouts.dealing import RULE, MeshDeal
from privtalk.bench.corpus.mesh.layouts.files import (
    MeshTemplates,
    absent,
    read_motion,
    read_notes,
    read_regions,
    templates_absent,
)
from privtalk.bench.corpus.mesh.layouts.recordings import (
    MeshFace,
    MeshFault,
    MeshRecording,
    MeshRefusal,
    is_role,
)
from privtalk.bench.corpus.prepared.names import shown
from privtalk.core.errors import UserError

VERTICES = "vertices_npy"


def derived_absent(folder: Path) -> str | None:
    """Returns why a folder is not of FaceFormer's layout; None where it is."""
    return absent(folder, (VERTICES, "wav")) or templates_absent(folder)


def split_name(stem: str, people: Sequence[str]) -> tuple[str, str]:
    """Returns the person and the sentence in a file's name; names of people may hold underscores, or begin alike.

    >>> split_name("ann_b_s_1", ["ann", "ann_b"]), split_name("F1_e01", [])
    (('ann_b', 's_1'), ('F1', 'e01'))
    """
    known = [person for person in people if stem.startswith(f"{person}_")]
    if known:
        person = max(known, key=len)
        return person, stem[len(person) + 1 :]
    person, _, sentence = stem.rpartition("_")
    return person, sentence


class FaceFormerFolder:
    """Files of FaceFormer's layout with their people and sentences, before anybody has a role."""

    def __init__(self, folder: Path, vertices: int | None = None, every: int = 1) -> None:
        self.folder = folder
        self.every = every
        self.templates = MeshTemplates(folder, vertices)
        self.paths = sorted((folder / VERTICES).glob("*.npy"))
        people = [*self.templates.points, *self.templates.faults]
        self.names = {path: split_name(path.stem, people) for path in self.paths}

    def refusal(self, path: Path) -> MeshRefusal | None:
        """Returns why a file cannot be taken whatever its role; None where it can."""
        person, sentence = self.names[path]
        if not person or not sentence:
            return MeshRefusal(name=path.stem, reason="not named <person>_<sentence>.npy")
        try:
            self.templates.check(person)
        except MeshFault as fault:
            return MeshRefusal(name=path.stem, reason=fault.reason, detail=fault.detail)
        return None

    def recording(self, path: Path, role: str) -> MeshRecording | MeshRefusal:
        """Returns a file's recording in a role; a refusal for the reason where `role` is none."""
        person, sentence = self.names[path]
        if (refusal := self.refusal(path)) is not None:
            return refusal
        if not is_role(role):
            return MeshRefusal(name=path.stem, reason=role)
        return MeshRecording(
            name=path.stem,
            identity=person,
            sentence=sentence,
            role=role,
            audio=self.folder / "wav" / f"{path.stem}.wav",
            sources=(path,),
            motion=partial(read_motion, path, self.every),
        )


class FaceFormerLayout:
    """Any data in FaceFormer's layout, such as one's own."""

    name: ClassVar[str] = "faceformer"
    about: ClassVar[str] = (
        "vertices_npy/<person>_<sentence>.npy [T, V * 3], wav/<same>.wav, templates.npz or templates/, regions.json; "
        "about.json says fps (else 30), unit, millimetres, test, strangers"
    )
    licence: ClassVar[str] = "as the data say"
    citation: ClassVar[str] = (
        "Fan et al., FaceFormer: Speech-Driven 3D Facial Animation with Transformers, CVPR 2022"
    )
    split: ClassVar[str] = RULE

    def recognises(self, folder: Path) -> str | None:
        """Returns why a folder is not of this layout; None where it is."""
        return derived_absent(folder)

    def face(self, folder: Path) -> MeshFace:
        """Returns the face, with the rate and unit of ``about.json``."""
        notes, templates = read_notes(folder), MeshTemplates(folder)
        if not templates.points:
            raise UserError(f"{shown(folder)}: {next(iter(templates.faults.values()), 'no template in it')}")
        return MeshFace(
            fps=notes.fps,
            unit=notes.unit,
            millimetres=notes.millimetres,
            templates=templates.points,
            regions=read_regions(folder, templates.vertices),
        )

    def recordings(self, folder: Path) -> Iterator[MeshRecording | MeshRefusal]:
        """Yields recordings; a sentence is tested with everybody or with nobody."""
        files = FaceFormerFolder(folder)
        good = [files.names[path] for path in files.paths if files.refusal(path) is None]
        deal = MeshDeal(good, read_notes(folder))
        for path in files.paths:
            yield files.recording(path, deal.role(*files.names[path]))
