"""The layout of BIWI as FaceFormer's authors derived it: emotional sentences at 25 frames a second."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from privtalk.bench.corpus.mesh.layouts.faceformer import FaceFormerFolder, derived_absent
from privtalk.bench.corpus.mesh.layouts.files import MeshTemplates, read_regions, unasked
from privtalk.bench.corpus.mesh.layouts.recordings import (
    OUTSIDE,
    VALIDATION,
    MeshFace,
    MeshRecording,
    MeshRefusal,
)

TRAINED = ("F2", "F3", "F4", "M3", "M4", "M5")
UNSEEN = ("F1", "F5", "F6", "F7", "F8", "M1", "M2", "M6")
SENTENCE = re.compile(r"e(\d\d)")


def biwi_role(person: str, sentence: str) -> str:
    """Returns the role in the official split, or why there is none.

    >>> biwi_role("F2", "e32"), biwi_role("F2", "e37"), biwi_role("F1", "e37"), biwi_role("F1", "e01")
    ('train', 'test', 'strangers', 'not in the official split')
    """
    matched = SENTENCE.fullmatch(sentence)
    number = int(matched[1]) if matched else 0
    if not 1 <= number <= 40 or person not in TRAINED + UNSEEN:
        return OUTSIDE
    if person in UNSEEN:
        return "strangers" if number >= 37 else OUTSIDE
    if number >= 37:
        return "test"
    return "train" if number <= 32 else VALIDATION


@dataclass(frozen=True, slots=True)
class BiwiLayout:
    """BIWI 3D Audiovisual Corpus of Affective Communication, in FaceFormer's layout."""

    name: ClassVar[str] = "biwi"
    about: ClassVar[str] = (
        "FaceFormer's layout, 25 fps, <person>_e<number>; coordinates were normalised, so that nobody knows the unit; "
        "the feeling is not labelled"
    )
    licence: ClassVar[str] = "on request from its authors, for research"
    citation: ClassVar[str] = (
        "Fanelli et al., A 3-D Audio-Visual Corpus of Affective Communication, IEEE Trans. Multimedia, 2010"
    )
    split: ClassVar[str] = (
        "six people e01-e32; Test-A: the same, e37-e40; strangers (Test-B): the other eight, e37-e40"
    )
    vertices: int = 23370

    def recognises(self, folder: Path) -> str | None:
        """Returns why a folder is not of this layout; None where it is."""
        return derived_absent(folder) or unasked(folder)

    def face(self, folder: Path) -> MeshFace:
        """Returns the face."""
        return MeshFace(
            fps=25.0,
            unit="normalised",
            templates=MeshTemplates(folder, self.vertices).points,
            regions=read_regions(folder, self.vertices),
        )

    def recordings(self, folder: Path) -> Iterator[MeshRecording | MeshRefusal]:
        """Yields recordings of the official split."""
        files = FaceFormerFolder(folder, self.vertices)
        for path in files.paths:
            yield files.recording(path, biwi_role(*files.names[path]))
