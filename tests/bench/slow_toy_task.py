"""A toy task that takes its time and says which process runs it, for those who kill it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from tests.bench.toy_task import Toy

STEP = 0.03
"""Seconds of a step."""


class SlowToy(Toy):
    name = "slow_toy"

    def run(self, work):
        folder = Path(work.place.folder) / "pids"
        folder.mkdir(exist_ok=True)
        (folder / str(os.getpid())).touch()

        def report(stage, done, total):
            work.report(stage, done, total)
            time.sleep(STEP)

        return super().run(replace(work, report=report))
