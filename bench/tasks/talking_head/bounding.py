"""The means of a run of this task under a bound on memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from privtalk.bench.memory_budget import MemoryMeans, choose_means
from privtalk.bench.networks import Means, open_backbone
from privtalk.bench.task import MemoryBounded
from privtalk.bench.tasks.talking_head.benchmark import kept_bytes
from privtalk.bench.tasks.talking_head.forecast import memory_mib
from privtalk.bench.tasks.talking_head.settings import PlannedTalkingHead
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.registry import adapter_config


def bounded(cells: Sequence[PlannedTalkingHead], means: Means, workers: int, bound: float) -> MemoryBounded:
    """Returns the means of cells that take at most `bound` MiB together, with the words in which they are told.

    Fewer windows in a pass are a setting, which is written down with the rest: `federation.chunk`.
    """
    trained = [planned.cell for planned in cells if planned.cell.training is not None]
    kept = _kept(means, trained[0] if trained else None)
    configured = max((one.training.federation.chunk for one in trained if one.training), default=1)

    def need(made: MemoryMeans) -> float:
        network = replace(means.network, recomputes=made.recomputes)
        return max(
            memory_mib(planned.cell, network, kept[made.recomputes], made.windows) for planned in cells
        )

    found, taken = choose_means(bound, workers, configured, need)
    network = replace(means.network, recomputes=found.recomputes)
    changes = () if found.windows is None else (f"federation.chunk={found.windows}",)
    return MemoryBounded(
        resources=replace(means, network=network),
        workers=found.workers,
        changes=changes,
        said=_said(found, taken, bound, configured),
    )


def _kept(means: Means, cell: object) -> dict[bool, float]:
    """Bytes a frame, with activations kept and with those computed again."""
    training = getattr(cell, "training", None)
    adapter = adapter_config(cell.method, training.adapter) if training else AdapterConfig()  # type: ignore[attr-defined]
    federation = training.federation if training else FederationConfig()
    backbone, found = open_backbone(means.network), {}
    before = backbone.recomputes
    for again in (False, True):
        backbone.recomputes = again
        found[again] = kept_bytes(backbone, adapter, federation)
    backbone.recomputes = before
    return found


def _said(found: MemoryMeans, taken: float, bound: float, configured: int) -> str:
    words = [
        f"{found.workers} worker{'s' if found.workers > 1 else ''}",
        "activations computed again" if found.recomputes else "activations kept",
        f"{found.windows or configured} windows in a pass",
        "float32",
    ]
    recorded = "" if found.windows is None else "; the windows are recorded as federation.chunk"
    return f"memory: about {taken:.0f} of {bound:.0f} MiB with {', '.join(words)}{recorded}"
