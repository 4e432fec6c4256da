"""A corpus of one's own: people are discs of a colour, whose mouths open as loud as they hum."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from privtalk.bench.corpus.brought import Corpus, Recording
from privtalk.bench.corpus.population import Role

FRAMES, SIZE, FPS = 120, 64, 25.0
TURN = np.linspace(0, 2 * np.pi, 68)


class MyCorpus(Corpus):
    name = "discs"
    about = "coloured discs that hum"

    def people(self) -> Mapping[Role, Sequence[str]]:
        counts: Mapping[Role, int] = {"clients": 8, "heldout": 6, "shadow": 8}
        return {role: [f"{role}-{k}" for k in range(count)] for role, count in counts.items()}

    def recordings(self, person: str) -> Iterator[Recording]:
        rng = np.random.default_rng(zlib.crc32(person.encode()))  # the same at every call
        colour, pace = rng.integers(60, 255, 3), rng.uniform(0.5, 2.0)
        loud = 0.5 + 0.5 * np.sin(pace * np.arange(FRAMES))
        y, x = np.mgrid[:SIZE, :SIZE] - SIZE / 2
        frames = np.zeros((FRAMES, SIZE, SIZE, 3), np.uint8)
        frames[:, np.hypot(x, y) < 24] = colour
        for frame, opening in zip(frames, loud, strict=True):
            frame[np.hypot(x / 10, (y - 12) / (1 + 5 * opening)) < 1] = 0
        face = np.stack([SIZE / 2 + 20 * np.cos(TURN), SIZE / 2 + 20 * np.sin(TURN)], -1)
        hum = np.repeat(loud, 640) * np.sin(np.arange(FRAMES * 640) / 20)  # 16 kHz: 640 samples a frame
        yield Recording(frames, hum, np.tile(face, (FRAMES, 1, 1)), FPS)
