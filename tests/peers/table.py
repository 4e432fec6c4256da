"""The result as a table in the terminal, as markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.measure import PeerRow
from tests.peers.workload import PeerWorkload

if TYPE_CHECKING:
    from rich.table import Table

GOALS: Mapping[str, float] = {"plain loop": 4, "Flower simulation": 10, "pfl-research": 3}
"""PeerEngine -> how many times as fast ours should be."""
HEAD = ("Engine", "Version", "A second", "Ours is", "By CPU time", "Goal", "Difference")


@dataclass(frozen=True)
class PeerReport:
    """One workload's rows."""

    workload: PeerWorkload
    rows: Sequence[PeerRow]

    @property
    def title(self) -> str:
        return f"{self.workload.unit.capitalize()} a second: {self.workload.name}"


def cells(row: PeerRow) -> tuple[str, ...]:
    """Returns a row as it is shown, in the order of `HEAD`."""
    if row.rate is None:
        return (row.engine, "-", row.missing or "not measured", "-", "-", goal(row), "-")
    spread = f"{number(row.rate)} ({number(min(row.rates))} to {number(max(row.rates))})"
    if row.is_ours:
        return (row.engine, row.version, spread, "1", "1", "-", "-")
    times, cpu = f"{row.ratio:.1f}x", f"{row.cpu_ratio:.1f}x"
    return (row.engine, row.version, spread, times, cpu, goal(row), f"{row.difference:.1e}")


def number(value: float) -> str:
    """
    >>> number(123.45), number(12.345), number(1.2345)
    ('123', '12.3', '1.23')
    """
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def goal(row: PeerRow) -> str:
    """Returns the goal and whether it was met, by wall time."""
    wanted = GOALS.get(row.engine)
    if wanted is None:
        return "-"
    if row.ratio is None:
        return f"{wanted:g}x"
    return f"{wanted:g}x, {'met' if row.ratio >= wanted else 'missed'}"


def rich_table(report: PeerReport) -> Table:
    """Returns the table for the terminal."""
    from rich.table import Table

    table = Table(title=report.title, caption=f"Ours: {report.workload.how_ours}.")
    for k, name in enumerate(HEAD):
        table.add_column(name, justify="left" if k < 2 else "right")
    for row in report.rows:
        table.add_row(*cells(row))
    return table


def markdown(reports: Sequence[PeerReport], facts: Mapping[str, object]) -> str:
    """Returns tables and facts as a page has them."""
    parts = []
    for report in reports:
        lines = [f"**{report.title}**", "", f"| {' | '.join(HEAD)} |", "|---|---|--:|--:|--:|---|--:|"]
        lines += [f"| {' | '.join(cells(row))} |" for row in report.rows]
        parts += ["\n".join(lines), f"Ours: {report.workload.how_ours}."]
    parts.append("\n".join(f"- {name}: {value}" for name, value in facts.items()))
    return "\n\n".join(parts) + "\n"


def write(folder: Path, reports: Sequence[PeerReport], facts: Mapping[str, object]) -> None:
    """Writes `peers.json` and `peers.md`."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = [{"workload": asdict(r.workload), "rows": [asdict(row) for row in r.rows]} for r in reports]
    said = {"machine": dict(facts), "goals": dict(GOALS), "tables": tables}
    (folder / "peers.json").write_text(json.dumps(said, indent=1) + "\n")
    (folder / "peers.md").write_text(markdown(reports, facts))


def machine(cores: int, repeats: int, load: tuple[float, float, float]) -> dict[str, object]:
    """Returns the facts that a rate depends on; `load` is the machine's at the start."""
    import torch

    after = os.getloadavg()[0]
    return {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "used": f"{cores} core{'s' * (cores > 1)}: as many threads in one process, or as many actors of one thread",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "turns": repeats,
        "load": f"{load[0]:.1f} at the start and {after:.1f} at the end, this run's own included",
    }


def processor() -> str:
    """Returns the processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
