"""The cells of a run, as its folder plans them."""

from __future__ import annotations

from pathlib import Path

from privtalk.bench.tasks.speech_3d.settings import Speech3dCell
from privtalk.core.records import RunStore


def cells_of(run: Path) -> list[Speech3dCell]:
    return [Speech3dCell.model_validate(record.cell) for record in RunStore(run)]
