"""The floating-point operations of a cell, by stage, from a count of one pass of each kind."""

from __future__ import annotations

from functools import lru_cache

from privtalk.bench.networks import Network, open_backbone
from privtalk.bench.tasks.talking_head import workload
from privtalk.bench.tasks.talking_head.benchmark import StepCounts, count_steps
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell
from privtalk.bench.tasks.talking_head.workload import FrameWork
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.registry import adapter_config


def operations(cell: TalkingHeadCell, network: Network) -> dict[str, float]:
    """Returns stage -> the operations of its passes through the backbone; a cohort that was drawn is counted as it was.

    The metrics' networks, extra terms of methods' losses, and what attacks compute beside their passes are left out.
    """
    training = cell.training
    adapter = AdapterConfig() if training is None else adapter_config(cell.method, training.adapter)
    federation = FederationConfig() if training is None else training.federation
    counts = _counts(network, adapter, federation.window_frames)
    return {name: of_work(work, counts) for name, work in workload.stages(cell).items()}


def of_work(work: FrameWork, counts: StepCounts) -> float:
    """Returns the operations of some frames' passes.

    >>> of_work(FrameWork(forward=2, step=1), StepCounts(forward=10, step=30, encode=1, decode=1))
    50.0
    """
    return float(sum(frames * each for frames, each in zip(work[:4], counts, strict=True)))


@lru_cache(maxsize=4)
def _counts(network: Network, adapter: AdapterConfig, window_frames: int) -> StepCounts:
    federation = FederationConfig(window_frames=window_frames)
    return count_steps(open_backbone(network), adapter, federation)
