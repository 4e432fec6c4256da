"""The summary of what ``bench data prepare`` took and what it refused, and why: ``prepare.json`` and its table."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from rich.markup import escape
from rich.table import Table

from privtalk.bench.corpus.prepared.names import shown
from privtalk.bench.corpus.prepared.store import (
    FORMAT,
    ClipEntry,
    ClipName,
    IdentityName,
    StoreError,
    read_book,
)

SUMMARY = "prepare.json"


class VideoOutcome(BaseModel):
    """The fate of one video."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    video: str
    """Path below SRC."""
    identity: IdentityName | None
    utterance: str
    key: str
    """Hash of the video's bytes, the options and the weights."""
    reason: str | None = None
    """Why it was refused; None: it was taken."""
    notes: tuple[str, ...] = ()
    """The notes on what was chosen or left out while it was taken."""
    clips: dict[ClipName, ClipEntry] = Field(default_factory=dict)
    """Its clips by file name."""
    source: str = ""
    """SRC, as an absolute path; empty where an earlier version wrote this."""
    content: str = ""
    """sha256 of the video's bytes; empty where they cannot be read, and as above."""
    twin: tuple[str, str] | None = None
    """The video, and its key, whose pictures this one has, where it was refused for that."""

    @property
    def seconds(self) -> float:
        """Length of what was taken."""
        return sum(clip.length / clip.fps for clip in self.clips.values())


class Summary(BaseModel):
    """``prepare.json``: every video that went into DST, in the order of their names."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = FORMAT
    outcomes: list[VideoOutcome]

    @property
    def taken(self) -> list[VideoOutcome]:
        return [outcome for outcome in self.outcomes if outcome.reason is None]

    @property
    def refused(self) -> list[VideoOutcome]:
        return [outcome for outcome in self.outcomes if outcome.reason is not None]

    @property
    def seconds(self) -> float:
        """Length of all that was taken."""
        return sum(outcome.seconds for outcome in self.outcomes)


def read_summary(dst: Path) -> Summary | None:
    """The content of ``prepare.json`` in `dst`, None where there is none; raises where it cannot be read."""
    try:
        summary = read_book(dst / SUMMARY, Summary, "what was prepared")
    except FileNotFoundError:
        return None
    except StoreError as error:
        raise StoreError(f"{error}; restore it, or delete it to prepare all videos anew") from error
    if summary.format != FORMAT:
        raise StoreError(
            f"{shown(dst / SUMMARY)}: format {summary.format}, this version reads {FORMAT}; name another folder"
        )
    return summary


LONGEST = 200
"""Rows of a table; more is for ``prepare.json``."""


def summary_table(summary: Summary) -> Table:
    """One row a video: its clips and their length, or the reason why it was refused; of many, the refused ones, as
    far as there is room.
    """
    table = Table(title=headline(summary), title_justify="left", box=None, pad_edge=False)
    table.add_column("video", overflow="fold")
    table.add_column("clips", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("", overflow="fold")
    all_fit = len(summary.outcomes) <= LONGEST
    shown_ones = summary.outcomes if all_fit else summary.refused[:LONGEST]
    for outcome in shown_ones:
        if outcome.reason is None:
            clips, seconds = str(len(outcome.clips)), f"{outcome.seconds:.1f}"
            said = "".join(f"; {escape(shown(note))}" for note in outcome.notes)
            table.add_row(escape(shown(outcome.video)), clips, seconds, f"[green]taken[/]{said}")
        else:
            table.add_row(
                escape(shown(outcome.video)), "", "", f"[red]refused[/] {escape(shown(outcome.reason))}"
            )
    if left := len(summary.outcomes) - len(shown_ones):
        table.add_row(f"and {left} more: see {SUMMARY}", "", "", "")
    return table


def headline(summary: Summary) -> str:
    """One line: how much was taken and how much refused."""
    clips = sum(len(outcome.clips) for outcome in summary.taken)
    people = len({outcome.identity for outcome in summary.taken})
    return (
        f"{len(summary.taken)} videos taken ({people} identities, {clips} clips, {summary.seconds:.0f} s), "
        f"{len(summary.refused)} refused"
    )
