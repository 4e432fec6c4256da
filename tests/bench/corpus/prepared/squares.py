"""Small films whose "face" is a red square, and the networks that find it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from privtalk.bench.corpus.prepared.stamps import STAMPS
from privtalk.bench.corpus.prepared.summary import read_summary
from privtalk.bench.corpus.video.faces import Face
from privtalk.core.locks import LOCK

SHAPE = np.stack([np.arange(68) % 10 / 9, np.arange(68) // 10 / 6], -1)
"""68 points over a unit square, eyes and mouth corners where a face has them."""
SHAPE[36:42], SHAPE[42:48], SHAPE[48], SHAPE[54] = (0.25, 0.3), (0.75, 0.3), (0.3, 0.8), (0.7, 0.8)


class Square:
    """A detector of red squares and points on a grid in their box; counts detections, and stops on demand."""

    def __init__(self) -> None:
        self.calls = 0
        self.stop_after: int | None = None

    def step(self) -> None:
        if self.stop_after is not None:
            self.stop_after -= 1
            if self.stop_after < 0:
                raise KeyboardInterrupt

    def detect(self, picture: np.ndarray) -> list[Face]:
        self.calls += 1
        self.step()
        rows, columns = np.nonzero((picture[..., 0] > 180) & (picture[..., 1] < 80))
        if not len(rows):
            return []
        corner = np.array([columns.min(), rows.min()], float)
        size = np.array([columns.max() + 1, rows.max() + 1]) - corner
        return [Face(np.array([*corner, *size]), 0.9)]

    def locate(self, picture: np.ndarray, box: np.ndarray) -> np.ndarray:
        self.step()
        return box[:2] + SHAPE * box[2:]


def shots(count: int, size: int = 40, speed: float = 1.0) -> list[np.ndarray]:
    """A red square that wanders through a grey room, with eyes and a mouth that opens and closes."""
    frames = []
    for number in range(count):
        frame = np.full((96, 128, 3), 90, np.uint8)
        x = 30 + round(10 * np.sin(speed * number / 10))
        frame[30 : 30 + size, x : x + size] = (220, 30, 30)
        face = frame[30 : 30 + size, x : x + size]
        face[size // 4 : size * 3 // 8, [size // 5, size // 4, size * 3 // 4, size * 4 // 5]] = (60, 0, 0)
        lips = size * 3 // 4 - round(size * abs(np.sin(0.7 * number)) / 8)
        face[lips : size * 7 // 8, size // 4 : size * 3 // 4] = (60, 0, 0)
        frames.append(frame)
    return frames


def tree(folder: Path) -> dict[str, str]:
    """sha256 by path, but of the lock that whoever writes there holds, and of the times of files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in (LOCK, STAMPS)
    }


def reasons(folder: Path) -> dict[str, str | None]:
    summary = read_summary(folder)
    assert summary is not None
    return {outcome.video: outcome.reason for outcome in summary.outcomes}
