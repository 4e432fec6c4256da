"""Shadow worlds of a run: trained once for all rows whose adapters start alike, and kept in the cache."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch

from privtalk.attacks.shadows import Worlds, drawn_members, train_worlds
from privtalk.bench.corpus.cache import cache_folder, content_hash, read_tensors, verified, write_tensors
from privtalk.bench.execution.task import Report, Task
from privtalk.bench.networks import Network, open_backbone
from privtalk.bench.seeds import torch_stream
from privtalk.bench.spec import AttackSpec, Cell, CorpusSpec
from privtalk.bench.stages.features import FeatureStore
from privtalk.bench.stages.footage import device
from privtalk.bench.stages.prepare import open_population
from privtalk.methods.adapters import AdapterBank, AdapterConfig
from privtalk.methods.config import FederationConfig
from privtalk.methods.registry import adapter_config

VERSION = 1
"""Raise it whenever the same settings train other worlds."""
FEWEST = 8
"""Shadow people below whom worlds tell nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPlan:
    """All that the worlds depend on."""

    seed: int
    corpus: CorpusSpec
    network: Network
    folder: Path | None
    """Of prepared videos."""
    adapter: AdapterConfig
    federation: FederationConfig
    attack: AttackSpec
    masked: bool

    @classmethod
    def of(cls, cell: Cell, network: Network, folder: Path | None) -> ShadowPlan | None:
        """A cell's worlds; None where it needs none, or has too few people for them."""
        training = cell.training
        if training is None or not training.attack.worlds or cell.corpus.shadows < FEWEST:
            return None
        return cls(
            seed=cell.seed,
            corpus=cell.corpus,
            network=network,
            folder=folder,
            adapter=adapter_config(cell.method, training.adapter),
            federation=training.federation,
            attack=training.attack,
            masked=cell.evaluation.track == "inpaint",
        )

    @property
    def size(self) -> int:
        """People a world."""
        return max(2, self.corpus.shadows // 16)

    @property
    def path(self) -> Path:
        local = ("optimizer", "lr", "windows", "window_frames", "chunk")
        made_of = {
            "version": VERSION,
            "seed": self.seed,
            "corpus": self.corpus.model_dump(),
            "weights": self.network.spec.model_dump(),
            "adapter": self.adapter.model_dump(),
            "local": {name: getattr(self.federation, name) for name in local},
            "worlds": self.attack.worlds,
            "steps": self.attack.world_steps,
            "masked": self.masked,
        }
        return cache_folder() / "shadows" / f"{content_hash(made_of)}.safetensors"

    def store(self) -> FeatureStore:
        return FeatureStore(open_population(self.corpus, self.folder), self.network, self.masked)

    def initial(self) -> AdapterBank:
        """What the run's adapters start from."""
        denoiser = open_backbone(self.network).denoiser
        return AdapterBank.initial(denoiser, self.adapter, partial(torch_stream, self.seed))


def tasks(cells: Iterable[Cell], network: Network, folder: Path | None) -> list[Task]:
    """One for each set of worlds that is absent or damaged."""
    plans = {
        plan.path: plan
        for cell in cells
        if (plan := ShadowPlan.of(cell, network, folder)) is not None and not verified(plan.path)
    }
    return [Task(f"worlds {path.stem}", make, (plan,)) for path, plan in plans.items()]


def make(report: Report, plan: ShadowPlan) -> int:
    """Trains the worlds and writes them; returns how many."""
    report("shadow worlds", 0, 1)
    store, stream = plan.store(), partial(torch_stream, plan.seed)
    people = [device(person, store) for person in store.population.people("shadow")]
    members = drawn_members(plan.attack.worlds, len(people), plan.size, stream)
    trained = train_worlds(
        open_backbone(plan.network),
        plan.initial(),
        people,
        members,
        plan.federation,
        plan.attack.world_steps,
        stream,
    )
    write_tensors(plan.path, {"theta": trained.bank.flatten().cpu().numpy(), "members": members})
    return len(members)


@lru_cache(maxsize=2)
def load(plan: ShadowPlan) -> Worlds:
    """What `make` wrote."""
    arrays = read_tensors(plan.path)
    theta = torch.from_numpy(arrays["theta"]).to(plan.network.device)
    return Worlds(bank=plan.initial().unflatten(theta), members=arrays["members"])
