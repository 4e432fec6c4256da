"""Synthetic strips of frames, as runs leave them: for tests only, never published."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from privtalk.core.records import Record


@lru_cache
def face(gain: float, frame: int) -> np.ndarray:
    """A 64 px face whose mouth opens over time, blurrier the lower the gain."""
    image = Image.new("RGB", (64, 64), (88, 104, 120))
    draw = ImageDraw.Draw(image)
    draw.ellipse((14, 8, 50, 60), fill=(214, 170, 140))
    draw.chord((12, 4, 52, 36), 180, 360, fill=(70, 48, 36))
    for x in (25, 39):
        draw.ellipse((x - 3, 28, x + 3, 32), fill=(245, 245, 245))
        draw.ellipse((x - 1, 28, x + 1, 32), fill=(30, 30, 30))
    opening = 1 + round(4 * abs(math.sin(0.7 * frame)))
    draw.ellipse((26, 47 - opening, 38, 47 + opening), fill=(120, 40, 50))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(max(0.0, 1.6 - gain))))


def with_strips(
    folder: Path, names: Sequence[str], gain: Callable[[Record], float]
) -> Callable[[Record], Record]:
    """Writes strips of the named clips beside a record, blurrier the lower its gain, and names them in it."""

    def media(record: Record) -> Record:
        artifacts = {}
        for name in names:
            frames = [face(gain(record), 0 if record.method == "static" else t) for t in range(8)]
            path = f"artifacts/{record.cell_id}/frames/{name}.png"
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            strip = Image.fromarray(np.concatenate(frames, axis=1))
            strip.resize((strip.width * 2, strip.height * 2), Image.Resampling.BICUBIC).save(folder / path)
            artifacts[f"frames/{name}.png"] = path
        return record.model_copy(update={"artifacts": artifacts})

    return media
