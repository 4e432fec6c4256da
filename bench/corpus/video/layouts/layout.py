"""The contract of a layout: who and what a film's path names, and what tables of the data set add."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

FilmRole = Literal["", "public", "heldout"]
"""Role that the official split gives a person: `public` is for pre-training, `heldout` never trains; "" is free."""

FEMALE, MALE = "female", "male"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmPlace:
    """The facts that a film's path tells."""

    identity: str
    utterance: PurePosixPath
    """The film's path below its person, with its suffix; names of clips are made of it."""
    sounds: tuple[PurePosixPath, ...] = ()
    """Files below SRC that may hold the sound: the first that is there does; the film itself where none is."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """The attributes of this film (emotion, intensity ...)."""
    person: Mapping[str, str] = field(default_factory=dict)
    """The attributes of the person (sex ...), alike in all of the person's films."""
    role: FilmRole = ""
    """A person with films of several roles is held out if any film is, else free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """The reason why films of a kind are left aside."""

    reason: str


@dataclass(frozen=True, slots=True)
class LaidOutPerson:
    """The facts that a data set's tables tell of a person."""

    attributes: Mapping[str, str] = field(default_factory=dict)
    role: FilmRole = ""


class FilmLayout(ABC):
    """A data set's way to lay its films out. A layout of one's own is a subclass, named by `--layout FILE.py:NAME`.

    >>> class Plain(FilmLayout):
    ...     name, about, dataset, licence = "plain", "<person>/<film>.mp4", "Plain", "CC0"
    ...     citation, version, split = "nobody", "1", "none"
    ...     def place(self, path):
    ...         return FilmPlace(identity=path.parent.name, utterance=PurePosixPath(path.name))
    >>> Plain().place(PurePosixPath("ann/one.mp4")).identity
    'ann'
    """

    name: ClassVar[str]
    """Small letters, digits and _."""
    about: ClassVar[str]
    """The paths below SRC, in a line."""
    dataset: ClassVar[str]
    """Name of the data set on boards."""
    licence: ClassVar[str]
    citation: ClassVar[str]
    version: ClassVar[str]
    split: ClassVar[str]
    """A line on who plays which role."""

    @abstractmethod
    def place(self, path: PurePosixPath) -> FilmPlace | PassedOver | None:
        """Returns who and what a media file's path below SRC names; None where it is no file of this layout."""

    def people(self, folder: Path) -> Mapping[str, LaidOutPerson]:
        """Returns what tables in SRC tell of people, by identity; a `UserError` for a table that cannot be read."""
        return {}
