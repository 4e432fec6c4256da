"""`bench pretrain`: trains the backbone on the corpus's public people and validates it on people it never saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.population import Role
from privtalk.bench.corpus.rendered.shards import SHARD, Shard, load, missing
from privtalk.bench.execution import Failed, execute
from privtalk.bench.pretraining.validation import validate
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.optimise import finished_steps
from privtalk.methods.backbone.pretrain import (
    BackboneRecipe,
    LatentData,
    PublicData,
    pretrain_autoencoder,
    pretrain_denoiser,
)
from privtalk.methods.backbone.weights import Manifest, load_manifest, save, widened
from privtalk.metrics.evaluators.bundle import InstalledEvaluators

Stage = Literal["autoencoder", "denoiser", "all"]

Tell = Callable[[str, int, int, float | None], None]
"""Called with (stage, done, total, loss)."""


class Pool(BaseModel):
    """Public people to train on and held-out people to validate on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = 0
    size: int = 64
    people: int = Field(default=640, ge=2)
    clips: int = Field(default=3, ge=1)
    frames: int = Field(default=24, ge=2)
    validation_people: int = Field(default=48, ge=2)
    validation_frames: int = Field(default=32, ge=2)

    def training(self) -> list[Shard]:
        return list(self._shards("public", self.people, self.clips, self.frames))

    def validation(self) -> list[Shard]:
        """The people of the broader world that clients come from, which is the harder test."""
        return list(self._shards("heldout", self.validation_people, 2, self.validation_frames))

    def _shards(self, role: Role, people: int, clips: int, frames: int) -> Iterator[Shard]:
        for first in range(0, people, SHARD):
            yield Shard(
                seed=self.seed,
                size=self.size,
                role=role,
                purpose="train",
                first=first,
                people=min(SHARD, people - first),
                clips=clips,
                frames=frames,
            )


def pretrain(
    out: Path,
    stage: Stage = "all",
    config: BackboneConfig | None = None,
    recipe: BackboneRecipe | None = None,
    pool: Pool | None = None,
    workers: int = 2,
    tell: Tell = lambda stage, done, total, loss: None,
    start: Path | None = None,
) -> Manifest | None:
    """Weights and manifest in `out`; checkpoints in ``out/checkpoints``, from which the same call goes on.

    `autoencoder` stops after that stage, and None is returned; `denoiser` insists that it is finished; `all` does
    what is left. With `start`, a folder of weights, the denoiser goes on from those, on their autoencoder.
    """
    recipe, pool = recipe or BackboneRecipe(), pool or Pool()
    config = (config or BackboneConfig()).model_copy(update={"detail": recipe.detail_weight})
    checkpoints = out / "checkpoints"
    if stage == "denoiser" and start is None:
        _require_finished(checkpoints / "autoencoder.safetensors", recipe.autoencoder.steps)

    def stream(*names: str | int) -> torch.Generator:
        return torch_stream(recipe.seed, "pretrain", *names)

    def place(name: str) -> tuple[Path, Callable[[int, int, float], None]]:
        return checkpoints / f"{name}.safetensors", partial(tell, name)

    further = start is not None
    backbone = widened(start, config, recipe.seed) if start else Backbone.initial(config, recipe.seed)
    data = PublicData.gather(film(pool.training(), workers, tell))
    curves = {}
    if not further:
        made = pretrain_autoencoder(backbone.autoencoder, data, recipe, stream, *place("autoencoder"))
        curves["autoencoder"] = made
        if stage == "autoencoder":
            return None
    latents = LatentData.encode(backbone, data, recipe)
    name = "further" if further else "denoiser"
    curves[name] = pretrain_denoiser(backbone, latents, recipe, stream, *place(name), further=further)
    held_out = film(pool.validation(), workers, tell)
    return save(
        backbone.freeze(),
        out,
        data={"pool": pool.model_dump(), "frames": len(data.frames), "sha256": data.digest()},
        recipe=recipe.model_dump(),
        curves=curves,
        start=None if start is None else history(start),
        validation=validate(
            backbone,
            held_out,
            partial(stream, "validate"),
            InstalledEvaluators(embedded=True),
        ),
    )


def history(folder: Path) -> dict[str, Any]:
    """The making of the weights in a folder, as the manifest of those that go on from them keeps it."""
    return load_manifest(folder).model_dump(mode="json", exclude={"config", "validation"})


def film(shards: Sequence[Shard], workers: int, tell: Tell) -> list[Clip]:
    """Clips of `shards`, which are made where they are missing."""
    tasks = missing(shards)
    for number, outcome in enumerate(execute(tasks, workers), start=1):
        if isinstance(outcome, Failed):
            raise RuntimeError(f"{outcome.key}: {outcome.reason}")
        tell("corpus", number, len(tasks), None)
    return [clip for shard in shards for clip in load(shard)]


def _require_finished(path: Path, steps: int) -> None:
    if not path.exists() or finished_steps(path) < steps:
        raise ValueError(f"{path}: no finished autoencoder there; run first: bench pretrain autoencoder")
