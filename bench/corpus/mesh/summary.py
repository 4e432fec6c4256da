"""The tables of what was taken of a data set and what was refused, and why."""

from __future__ import annotations

from rich.markup import escape
from rich.table import Table

from privtalk.bench.corpus.mesh.layouts.recordings import ROLES, MeshRefusal
from privtalk.bench.corpus.mesh.preparing import MeshSummary
from privtalk.bench.corpus.prepared.names import shown

NAMED = 3
"""Recordings that are named of those refused for one reason."""


def taken_table(summary: MeshSummary) -> Table:
    """Returns one row a role: clips, people, minutes, and how far codes are from the vertices."""
    table = Table(title=mesh_headline(summary), title_justify="left", box=None, pad_edge=False)
    for name in ("role", "clips", "people", "minutes", "error", "of the lips"):
        table.add_column(name, justify="left" if name == "role" else "right")
    for role in ROLES if summary.spec else ():
        assert summary.spec is not None
        clips = [clip for clip in summary.taken if clip.role == role]
        minutes = sum(clip.frames for clip in clips) / summary.spec.fps / 60
        errors = [_distance(summary, summary.spec.error(role, lips=lips)) for lips in (False, True)]
        table.add_row(role, str(len(clips)), str(len({c.identity for c in clips})), f"{minutes:.1f}", *errors)
    return table


def refused_table(summary: MeshSummary) -> Table:
    """Returns one row a reason: how many recordings, and the first of them."""
    table = Table(box=None, pad_edge=False)
    table.add_column("refused", justify="right")
    table.add_column("because", overflow="fold")
    table.add_column("such as", overflow="fold")
    for reason, refusals in by_reason(summary).items():
        named = ", ".join(_called(refusal) for refusal in refusals[:NAMED])
        table.add_row(str(len(refusals)), escape(shown(reason)), escape(named))
    return table


def by_reason(summary: MeshSummary) -> dict[str, list[MeshRefusal]]:
    """Returns refusals by reason, the most frequent first."""
    groups: dict[str, list[MeshRefusal]] = {}
    for refusal in summary.refused:
        groups.setdefault(refusal.reason, []).append(refusal)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def mesh_headline(summary: MeshSummary) -> str:
    """Returns one line: how much was taken and how much refused."""
    counts = f"{len(summary.taken)} recordings taken, {len(summary.refused)} refused"
    if summary.spec is None:
        return counts
    face = f"{summary.spec.vertices} vertices" if summary.spec.has_mesh else "no mesh"
    return f"{counts}: {len(summary.spec.channels)} channels, {face}, {summary.spec.fps:g} frames a second"


def _called(refusal: MeshRefusal) -> str:
    return shown(f"{refusal.name} ({refusal.detail})" if refusal.detail else refusal.name)


def _distance(summary: MeshSummary, error: float | None) -> str:
    """A distance in millimetres where they are known, else in units."""
    assert summary.spec is not None
    if error is None:
        return "-"
    if summary.spec.millimetres is None:
        return f"{error:.3g}"
    return f"{error * summary.spec.millimetres:.3g} mm"
