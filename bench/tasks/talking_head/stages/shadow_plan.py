"""The things that shadow worlds of a run depend on, and whom they are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from privtalk.attacks.membership.passes import ProbeSettings
from privtalk.attacks.membership.release import ReleaseSettings
from privtalk.attacks.views import ReleaseView
from privtalk.bench import plugins
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.population import Person, Population
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.bench.networks import Network, open_backbone
from privtalk.bench.tasks.talking_head.settings import AttackSpec, TalkingHeadCell
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.core.cache import (
    cache_folder,
    content_hash,
)
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank, AdapterConfig
from privtalk.methods.config import FederationConfig
from privtalk.methods.registry import adapter_config

VERSION = 2
"""Raise it whenever the same settings train other worlds."""
ASKED = {"timesteps", "draws", "window", "windows", "frames", "exact", "worlds", "world_steps"}
"""Settings of the attack that the worlds or their answers depend on."""
FEWEST = 8
"""Shadow people below whom worlds tell nothing."""


class KnownPeople(NamedTuple):
    """The people of whom attackers have footage."""

    members: tuple[Person, ...]
    nonmembers: tuple[Person, ...]
    own: tuple[Person, ...]
    """The attacker's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowPlan:
    """All that the worlds depend on."""

    seed: int
    corpus: CorpusSpec
    network: Network
    folder: str | None
    """The folder of prepared videos."""
    adapter: AdapterConfig
    federation: FederationConfig
    attack: AttackSpec
    masked: bool
    brought: tuple[tuple[str, str], ...] = ()
    """Attacks that people brought, which the worlds are asked too: name and hash of the file."""

    @classmethod
    def of(cls, cell: TalkingHeadCell, network: Network, folder: str | None) -> ShadowPlan | None:
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
            brought=tuple(sorted((plugin.name, plugin.sha256) for plugin in plugins.enrolled("attack"))),
        )

    @property
    def size(self) -> int:
        """People a world."""
        return max(2, self.corpus.shadows // 16)

    @property
    def path(self) -> Path:
        local = ("optimizer", "lr", "windows", "window_frames", "local_steps", "server_lr", "chunk")
        made_of = {
            "version": VERSION,
            "seed": self.seed,
            "corpus": self.corpus.model_dump(),
            "weights": self.network.spec.model_dump(),
            "adapter": self.adapter.model_dump(),
            "local": {name: getattr(self.federation, name) for name in local},
            "attack": self.attack.model_dump(include=ASKED),
            "masked": self.masked,
        }
        made_of |= (
            {"brought": self.brought} if self.brought else {}
        )  # worlds of runs without any keep their name
        return cache_folder() / "shadows" / f"{content_hash(made_of)}.safetensors"

    def store(self) -> FeatureStore:
        return FeatureStore(open_population(self.corpus, self.folder), self.network, self.masked)

    def initial(self) -> AdapterBank:
        """The adapter that the run's adapters start from."""
        denoiser = open_backbone(self.network).denoiser
        return AdapterBank.initial(denoiser, self.adapter, partial(torch_stream, self.seed))

    def people(self, population: Population) -> KnownPeople:
        """Who is asked about."""
        return KnownPeople(
            tuple(population.people("clients")[: self.corpus.attacked]),
            tuple(population.people("heldout")),
            tuple(population.people("shadow")),
        )

    def view(self) -> ReleaseView:
        """The initial adapter as if it were released."""
        return ReleaseView(backbone=open_backbone(self.network), adapter=self.initial())


def probing(spec: AttackSpec) -> ReleaseSettings:
    """How often a network is asked about a person."""
    return ReleaseSettings(
        exact=ProbeSettings(timesteps=spec.timesteps, windows=1, frames=spec.exact),
        fresh=ProbeSettings(timesteps=spec.timesteps, windows=spec.windows, frames=spec.frames),
    )
