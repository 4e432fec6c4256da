"""Speed of this project's engine beside its peers'.

    tox -e peers -- --out FOLDER

Without tox, where flwr and pfl are installed: `python -m tests.peers --out FOLDER` in the root of the checkout.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from tests.peers.cell import CellWorkload
from tests.peers.flower import FlowerEngine, quiet
from tests.peers.in_process import LoopEngine, OursEngine
from tests.peers.measure import WeightsDiffer, side_by_side
from tests.peers.mlp import MlpWorkload
from tests.peers.pfl_research import PflEngine
from tests.peers.table import PeerReport, machine, rich_table, write

WIDTH = 130
"""Columns of a terminal that is narrower, or none: a table's line is not broken."""
WORKLOADS = {workload.name: workload for workload in (CellWorkload(), MlpWorkload())}


def main() -> int:
    """Measures, prints and writes; 1 where weights differ."""
    asked = parser().parse_args()
    quiet()
    from rich.console import Console

    load = os.getloadavg()
    console = Console(width=max(WIDTH, shutil.get_terminal_size().columns))
    peers = [LoopEngine(), FlowerEngine(), PflEngine()]
    reports = []
    for name in asked.workload:
        workload = WORKLOADS[name]
        try:
            rows = side_by_side(
                workload,
                OursEngine(),
                peers,
                asked.repeats,
                asked.cores,
                lambda said: console.print(said, style="dim"),
            )
        except WeightsDiffer as error:
            console.print(f"error: {error}", style="red")
            return 1
        reports.append(PeerReport(workload, rows))
        console.print(rich_table(reports[-1]))
    facts = machine(asked.cores, asked.repeats, load)
    for fact, value in facts.items():
        console.print(f"{fact}: {value}", highlight=False)
    if asked.out is not None:
        write(asked.out, reports, facts)
        console.print(f"written: {asked.out / 'peers.json'}, {asked.out / 'peers.md'}", highlight=False)
    return 0


def parser() -> argparse.ArgumentParser:
    """Returns the command's options."""
    options = argparse.ArgumentParser(prog="tox -e peers --", description=__doc__)
    options.add_argument("--out", type=Path, help="folder for peers.json and peers.md")
    options.add_argument("--cores", type=int, default=1, help="threads, or actors of one thread (1)")
    options.add_argument("--repeats", type=int, default=3, help="turns that are measured (3)")
    options.add_argument("--workload", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    return options


if __name__ == "__main__":
    sys.exit(main())
