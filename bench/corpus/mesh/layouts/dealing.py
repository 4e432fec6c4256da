"""The deal of recordings to roles where a data set has no official split: by person and sentence, never by clip."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.bench.corpus.mesh.clip import MeshRole
from privtalk.bench.corpus.mesh.layouts.files import MeshNotes

RULE = (
    "the last sixth of the people are strangers, the last fifth of the sentences are tested, both by name; or as "
    "about.json says"
)


def last(names: Sequence[str], share: int) -> set[str]:
    """Returns the last of the names in order: one in `share`, at least one where two remain.

    >>> sorted(last(["s1", "s2", "s3", "s4", "s5", "s6"], 6)), last(["a", "b"], 6)
    (['s6'], set())
    """
    ordered = sorted(set(names))
    count = max(len(ordered) // share, int(len(ordered) > 2))
    return set(ordered[len(ordered) - count :])


class MeshDeal:
    """The roles of recordings, from all pairs of person and sentence and what the user says."""

    def __init__(self, pairs: Sequence[tuple[str, str]], notes: MeshNotes) -> None:
        self.strangers = set(notes.strangers) or last([person for person, _ in pairs], 6)
        self.tested = set(notes.test) or last([sentence for _, sentence in pairs], 5)

    def role(self, person: str, sentence: str) -> MeshRole:
        """Returns the role of a recording."""
        if person in self.strangers:
            return "strangers"
        return "test" if sentence in self.tested else "train"
