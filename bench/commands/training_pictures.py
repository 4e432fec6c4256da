"""The pictures of a pre-training as it goes: contact sheets of people it does not train on, and learning curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from privtalk.bench.corpus.clip import Clip
    from privtalk.methods.backbone.backbone import Backbone

PEOPLE, MOMENTS = 4, 4
"""People on a sheet, and moments of each."""
SIDE = 128


@dataclass
class TrainingPictures:
    """Writes ``<stage>-<step>.jpg`` and ``curves.svg`` into a folder whenever a stage reaches a checkpoint."""

    folder: Path
    clips: Callable[[], list[Clip]]
    """Two clips of each person who validates; read once, when first needed."""
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    _clips: list[Clip] | None = None

    def __call__(self, backbone: Backbone, stage: str, step: int, curve: list[tuple[int, float]]) -> None:
        from privtalk.leaderboards.charts.learning import write_learning_chart

        self.curves[stage] = list(curve)
        if self._clips is None:
            self._clips = self.clips()
        if stage != "autoencoder":
            write_sheet(backbone, self._clips, self.folder / f"{stage}-{step:06d}.jpg")
        if curve:
            write_learning_chart(self.curves, self.folder / "curves.svg")


def write_sheet(backbone: Backbone, clips: Sequence[Clip], path: Path) -> None:
    """Writes a contact sheet: of each person truth, autoencoder and zero-shot, at a few moments of what is spoken."""
    from PIL import Image

    from privtalk.leaderboards.validation.pictures import sheet

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(sheet_rows(backbone, clips), SIDE)).save(path, quality=90)


def sheet_rows(backbone: Backbone, clips: Sequence[Clip]) -> list[list[NDArray[np.uint8]]]:
    """Returns the sheet's rows of pictures: truth, autoencoder and zero-shot of each person, in turn."""
    from privtalk.bench.pretraining.validation import pairs, rows
    from privtalk.core.seeds import torch_stream

    lines: list[list[NDArray[np.uint8]]] = []
    for portrait, spoken in list(pairs(clips))[:PEOPLE]:
        made = rows(backbone, portrait, spoken, torch_stream(0, "pretrain", "sheet"))
        moments = np.linspace(0, spoken.length - 1, MOMENTS).astype(int)
        lines += [
            [portrait.frames[0], *(made[row][t] for t in moments)]
            for row in ("truth", "autoencoder", "zero_shot")
        ]
    return lines
