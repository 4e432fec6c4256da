"""The balance of a film: how much of it became clips, and what became of the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from privtalk.bench.corpus.clip import FPS

UNSAID = 1.0
"""Seconds of a film that may be left out without a word: what equal segments leave over at a shot's ends."""


@dataclass(slots=True)
class Balance:
    """Frames of a film that were kept, and those left out by the reason, which reads after "3.0 s"."""

    kept: int = 0
    lost: Counter[str] = field(default_factory=Counter)

    @property
    def note(self) -> str | None:
        """The note for the user; None where next to nothing was left out.

        >>> Balance(50, Counter({"without a face": 75, "silent": 0})).note
        '2.0 of 5.0 s kept (3.0 s without a face)'
        """
        left = self.lost.total()
        if left < UNSAID * FPS:
            return None
        parts = [f"{count / FPS:.1f} s {why}" for why, count in self.lost.most_common() if count]
        return f"{self.kept / FPS:.1f} of {(self.kept + left) / FPS:.1f} s kept ({', '.join(parts)})"
