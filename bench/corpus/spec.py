"""The settings of a corpus: whose clips, how many of them, and who holds which."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from privtalk.bench.corpus.population import EMBEDDED_VERSION, Purpose
from privtalk.core.frozen import Frozen

MOST_PEOPLE = 1_000_000
MOST = 100_000
"""Bounds that no sensible setting reaches: a slip of the keyboard is told at once, not by what it uses up."""

EMBEDDED = "embedded"
"""Name of the embedded corpus."""


CameraName = Literal["studio", "phone"]
"""Who films the embedded corpus: the cameras of the public pool, or phones, which that pool has never seen."""


class Footage(Frozen):
    """How much is filmed of a person for one purpose."""

    clips: int = Field(ge=1, le=10_000)
    frames: int = Field(ge=2, le=100_000)
    """Frames a clip."""


class CorpusSpec(Frozen):
    """The people whose clips are used. The three purposes are `population.Purpose`'s."""

    name: str = EMBEDDED
    """`embedded`, `recorded-HASH` for prepared videos, or `NAME-HASH` for a corpus that somebody brought."""
    version: int = EMBEDDED_VERSION
    """The version of the embedded corpus; 0 for prepared videos, whose hash is in the name."""
    seed: int = 0
    """Population's seed: cells of several seeds train on the same people."""
    size: int = Field(64, ge=32, le=1024)
    """Pixels a side."""
    camera: CameraName = "studio"
    """Camera of clients, held-out and shadow people of the embedded corpus; `phone` is a shift that all share."""
    clients: int = Field(ge=2, le=MOST_PEOPLE)
    """People who train."""
    heldout: int = Field(ge=2, le=MOST_PEOPLE)
    """People who do not: the attack's non-members."""
    shadows: int = Field(0, ge=0, le=MOST_PEOPLE)
    """People of the same world who are the attackers' own: their shadow models train on them."""
    tested: int = Field(ge=1)
    """Clients with test clips, on which all scores are computed."""
    attacked: int = Field(ge=2)
    """Clients with fresh clips: the attack's members."""
    train: Footage
    test: Footage
    fresh: Footage

    def footage(self, purpose: Purpose) -> Footage:
        return {"train": self.train, "test": self.test, "fresh": self.fresh}[purpose]

    @model_validator(mode="after")
    def _within_clients(self) -> Self:
        for name, count in (("tested", self.tested), ("attacked", self.attacked)):
            if count > self.clients:
                raise ValueError(
                    f"{name} is {count}, but there are {self.clients} clients; lower it or raise clients"
                )
        return self


class PartitionSpec(Frozen):
    """Who holds which training clips (`corpus.partition`)."""

    kind: Literal["natural", "dirichlet", "quantity"] = "natural"
    alpha: float = Field(0.5, gt=0)
    """dirichlet: concentration; large is alike, small is one attribute value a client."""
    attribute: str = "accent"
    """dirichlet: what clients are skewed by."""
    people: int = Field(4, ge=1, le=MOST_PEOPLE)
    """dirichlet: people a client."""
    skew: float = Field(1.0, ge=0)
    """quantity: exponent of the power law of clips a client; 0 is natural."""
