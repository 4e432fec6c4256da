"""``corpus.json`` of a folder of prepared films: where they come from, how they were prepared, and who is public.

Who is public, for pre-training, is decided once for a person and never taken back: a backbone that was trained on
somebody knows them, so that they can neither be a client nor a stranger to it later. Official splits come first
(`index.json` of a person says what theirs is); of the others, as many are dealt as are asked for, or half of the people
where there are twelve or more. A folder from before this file has no public people unless they are asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from privtalk.bench.corpus.prepared.names import shown
from privtalk.bench.corpus.prepared.store import (
    IdentityName,
    Index,
    PersonRole,
    StoreError,
    read_book,
    read_indices,
)
from privtalk.bench.corpus.video.ingest import PrepareOptions
from privtalk.bench.corpus.video.layouts.layout import FilmLayout
from privtalk.core.errors import UserError
from privtalk.core.files import write_atomic
from privtalk.core.origin import DatasetOrigin
from privtalk.core.seeds import numpy_stream

CORPUS = "corpus.json"
PROVENANCE_FORMAT = 1
MANY = 12
"""People from which on half are public unless something else is asked for."""
LEAST_OTHERS = 4
"""People who must be left: two who train, and two who do not."""


class PreparedHow(BaseModel):
    """The options of the last call."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int
    seconds: float
    min_seconds: float
    score: float


class Provenance(BaseModel):
    """``corpus.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = PROVENANCE_FORMAT
    datasets: tuple[DatasetOrigin, ...] = ()
    """The data sets that went in, in the order in which they came; each layout once."""
    prepared: PreparedHow | None = None
    asked: int | None = Field(None, ge=0)
    """People who are to be public; None: half of many."""
    public: tuple[IdentityName, ...] = ()
    """Those who were dealt, beside those whom an official split makes public."""

    def with_dataset(self, origin: DatasetOrigin) -> Provenance:
        """Returns the provenance with a data set, in place of an older one of the same layout."""
        others = tuple(known for known in self.datasets if known.layout != origin.layout)
        return self.model_copy(update={"datasets": (*others, origin)})


def read_provenance(folder: Path) -> Provenance | None:
    """Returns the content of ``corpus.json``; None in a folder from before it.

    Raises a `StoreError` where it cannot be read.
    """
    try:
        found = read_book(folder / CORPUS, Provenance, "what says where prepared films come from")
    except FileNotFoundError:
        return None
    if found.format != PROVENANCE_FORMAT:
        raise StoreError(
            f"{shown(folder / CORPUS)}: format {found.format}, this version reads {PROVENANCE_FORMAT}"
        )
    return found


def write_provenance(folder: Path, provenance: Provenance) -> None:
    """Writes ``corpus.json``."""
    write_atomic(folder / CORPUS, provenance.model_dump_json(indent=1) + "\n")


def begin(
    dst: Path, layout: FilmLayout, options: PrepareOptions, public: int | None, old: bool
) -> Provenance:
    """Returns what a folder will say before the work: the data set, the options, and how many shall be public.

    `public`: as asked now, None: as before. `old`: the folder holds films already, so that where it says nothing,
    nobody is public.
    """
    known = read_provenance(dst)
    asked = known.asked if known else 0 if old else None
    origin = DatasetOrigin(
        name=layout.dataset,
        layout=layout.name,
        licence=layout.licence,
        citation=layout.citation,
        version=layout.version,
    )
    how = PreparedHow(
        size=options.size, seconds=options.seconds, min_seconds=options.min_seconds, score=options.score
    )
    found = (known or Provenance()).with_dataset(origin)
    return found.model_copy(update={"prepared": how, "asked": asked if public is None else public})


def check_asked(provenance: Provenance, people: int, official: int) -> None:
    """Raises a `UserError` where more people shall be public than `people` can spare, or fewer than are already.

    `official`: people whom the official split of the films at hand makes public.
    """
    asked = provenance.asked
    there = official + len(provenance.public)
    if asked and asked > there and people - asked < LEAST_OTHERS:
        most = max(there, people - LEAST_OTHERS)
        way = f"ask for {most}" if most > 0 else f"bring at least {asked + LEAST_OTHERS}, or ask for 0"
        raise UserError(
            f"--public {asked}: of {people} people {LEAST_OTHERS} must be left (2 who train, 2 who do not); {way}"
        )
    if asked is not None and asked < len(provenance.public):
        raise UserError(
            f"--public {asked}: {len(provenance.public)} people were dealt already, whom a backbone may know; name "
            "another folder"
        )


def deal_roles(dst: Path, roles: Mapping[str, PersonRole]) -> None:
    """Deals who is public among the people with clips, of whom `roles` has the official roles; writes it down."""
    known = read_provenance(dst) or Provenance()
    write_provenance(dst, known.model_copy(update={"public": deal_public(roles, known.asked, known.public)}))


def deal_public(
    roles: Mapping[str, PersonRole], asked: int | None, dealt: Collection[str]
) -> tuple[str, ...]:
    """Returns everybody who is dealt to pre-training: those of before, and as many more as are owed and can be spared.

    `roles`: everybody with clips -> role by the official split; `asked`: public people, official ones included, None
    for half where there are `MANY`; `dealt`: those of earlier calls, who stay. Held-out people are never dealt. The
    draw depends on the names alone.

    >>> roles = {f"p{k:02d}": "" for k in range(12)}
    >>> len(deal_public(roles, None, ())), deal_public(dict(list(roles.items())[:11]), None, ())
    (6, ())
    """
    free = sorted(name for name, role in roles.items() if not role and name not in dealt)
    people = len(roles)
    there = sum(role == "public" or name in dealt for name, role in roles.items())
    wanted = asked if asked is not None else people // 2 if people >= MANY else 0
    owed = max(0, min(wanted, people - LEAST_OTHERS) - there)
    order = numpy_stream(0, "corpus", "public").permutation(len(free))
    return tuple(sorted({*dealt, *(free[k] for k in order[:owed])}))


def roles_of(folder: Path, indices: Mapping[str, Index]) -> dict[str, PersonRole]:
    """Returns the role of everybody in a folder: the official one, `public` for who was dealt, "" for who is free."""
    found = read_provenance(folder)
    dealt = set(found.public) if found else set()
    return {name: index.role or ("public" if name in dealt else "") for name, index in indices.items()}


def public_people(folder: Path) -> tuple[str, ...]:
    """Returns the names of a prepared folder's public people, in order: those whom a backbone may be trained on.

    No run of `bench run --corpus` makes them clients, held-out or shadow people.
    """
    roles = roles_of(folder, {index.identity: index for index in read_indices(folder).values()})
    return tuple(sorted(name for name, role in roles.items() if role == "public"))
