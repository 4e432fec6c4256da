"""From a data set on disk to a privacy-utility board in three commands, on a tiny tree in every layout.

    python examples/own_data.py FOLDER [LAYOUT,...]

writes trees out of rendered people (`layout_trees.py`) and runs, on each, what you would run on the real data set:
`bench data prepare`, `bench pretrain --corpus` and `bench run --corpus`. Everything is as small as it can be, so the
figures mean nothing; the path is the real one. Faces are found by the networks of
the extra `faces`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import layout_trees

LAYOUTS = tuple(layout_trees.TREES)
PEOPLE = 6
"""Two are public, two train, and two do not."""
STAGES = ("autoencoder", "denoiser")
SMALL = (
    "corpus.train={clips: 1, frames: 6}",
    "corpus.test={clips: 1, frames: 20}",
    "corpus.fresh={clips: 2, frames: 4}",
    "federation={rounds: 2, rate: 1.0, local_steps: 1, secure_aggregation: false}",
    "attack.worlds=0",
    "attack.canaries=0",
)
"""Settings of a run that takes seconds."""


def main(folder: str = "own-data", layouts: str = "") -> None:
    """Runs the three commands on a tree in each of `layouts` (names with commas between them), or in all."""
    root, chosen = Path(folder), layouts.split(",") if layouts else LAYOUTS
    filmed = layout_trees.render(PEOPLE, layout_trees.CLIPS, 60)
    for layout in chosen:
        start = time.monotonic()
        layout_trees.TREES[layout](root / "trees" / layout, filmed)
        three_commands(root, layout)
        print(f"{layout}: {time.monotonic() - start:.0f} s\n", flush=True)


def three_commands(root: Path, layout: str) -> None:
    """Prepares, pre-trains and runs one tree."""
    corpus, weights, run = (str(root / part / layout) for part in ("corpora", "weights", "runs"))
    tree = str(root / "trees" / layout)
    bench("data", "prepare", tree, "--layout", layout, "--public", "2", "--min-seconds", "1", "-o", corpus)
    steps = [word for part in STAGES for word in ("--set", f"recipe.{part}.steps=20")]
    bench("pretrain", "all", "--corpus", corpus, "--preset", "tiny", *steps, "-o", weights)
    settings = [word for change in (*SMALL, f"backbone={weights}") for word in ("--set", change)]
    rows = ("--rows", "static,difftalk,fedavg", "--tiers", "none")
    bench("run", "-s", "privacy_utility", "-p", "smoke", "--corpus", corpus, *rows, *settings, "-o", run)


def bench(*words: str) -> None:
    """Runs a command as one would type it; ends where it fails."""
    print("$ bench", shlex.join(words), flush=True)
    beside = Path(sys.executable).with_name("bench")
    subprocess.run([str(beside), *words], check=True, env={**os.environ, "COLUMNS": "120"})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="bench data prepare, pretrain and run on a tiny tree in every layout"
    )
    parser.add_argument("folder", help="folder to write to")
    parser.add_argument("layouts", nargs="?", default="", help=f"some of {','.join(LAYOUTS)} [default: all]")
    given = parser.parse_args()
    main(given.folder, given.layouts)
