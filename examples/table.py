"""Read a run folder and print a table: who scored what, and the attack that is surest above chance.

python examples/table.py runs/privacy_utility-smoke [METRIC]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from privtalk.core.records import Estimate, Record, RunStore


def main(folder: Path, metric: str = "psnr") -> None:
    for record in sorted(RunStore(folder), key=lambda record: (record.kind, record.tier, record.method)):
        print(" | ".join(line(record, metric)))


def line(record: Record, metric: str) -> Iterator[str]:
    score = record.metrics.get(metric)
    yield f"{record.method:12}{record.tier:8}seed {record.seed}"
    yield f"{metric} {told(score.estimate)} {score.unit}".strip() if score else f"no {metric}"
    found = {name: a.auc for name, a in record.attacks.items() if a.valid and a.auc.low is not None}
    if found:
        surest = max(found, key=lambda name: found[name].low or 0.0)
        yield f"{surest}: AUC {told(found[surest])}"


def told(estimate: Estimate) -> str:
    """A value with its 95 % interval, or the reason why there is none."""
    if estimate.value is None:
        return f"- ({estimate.missing})"
    bounds = "" if estimate.low is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.value:.2f}{bounds}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:3])
