"""`bench pretrain`: trains the backbone on public people and validates it on people it never saw."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.pretraining.pools import Pool, PublicPool, Tell
from privtalk.bench.pretraining.validation import validate
from privtalk.core.cache import content_hash
from privtalk.core.errors import UserError
from privtalk.core.files import file_hash, write_atomic
from privtalk.core.json_files import read_json
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone import listener
from privtalk.methods.backbone.autoencoder import Autoencoder
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.latent_data import WINDOWS, LatentData
from privtalk.methods.backbone.optimise import PLAIN, Compute, Report, finished_steps
from privtalk.methods.backbone.pretrain import pretrain_autoencoder, pretrain_denoiser, start_aligner
from privtalk.methods.backbone.public_data import FRAMES, SOUND, PublicData
from privtalk.methods.backbone.published_autoencoder import PublishedAutoencoder, read_published, take_weights
from privtalk.methods.backbone.recipe import BackboneRecipe
from privtalk.methods.backbone.weights import Manifest, load, load_manifest, save, widened
from privtalk.metrics.evaluators.bundle import InstalledEvaluators

Stage = Literal["autoencoder", "denoiser", "all"]

Curve = list[tuple[int, float]]
"""Steps, and the mean loss since the one before."""

Watch = Callable[[Backbone, str, int, Curve], None]
"""Called at a checkpoint with the network as it would be kept, the stage, its steps so far and its curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The things that a backbone is built from besides the public people."""

    start: Path | None = None
    """Weights from which the denoiser goes on, on their autoencoder."""
    autoencoder: Path | None = None
    """A published autoencoder in diffusers' format; None: our own is trained."""
    listener: Path | None = None
    """A published speech model in transformers' format; None: log-mel frames."""


def pretrain(
    out: Path,
    stage: Stage = "all",
    config: BackboneConfig | None = None,
    recipe: BackboneRecipe | None = None,
    pool: PublicPool | None = None,
    workers: int = 2,
    tell: Tell = lambda stage, done, total, loss: None,
    sources: Sources | None = None,
    compute: Compute = PLAIN,
    watch: Watch | None = None,
    mapped: bool = False,
) -> Manifest | None:
    """Weights and manifest in `out`; checkpoints in ``out/checkpoints``, from which the same call goes on.

    `autoencoder` stops after that stage, and None is returned; `denoiser` insists that it is finished; `all` does
    what is left. `sources` says from what the network is built, `compute` where it is trained. With `mapped`, frames
    and latents lie in files of ``out/checkpoints`` and memory holds none of them. None also for a process that does
    not lead.
    """
    config, recipe = config or BackboneConfig(), recipe or BackboneRecipe()
    pool, sources = pool or Pool(), sources or Sources()
    shop = Workshop(out / "checkpoints", recipe, compute, tell, watch, mapped)
    backbone = built(config, recipe, sources)
    if stage == "denoiser" and sources.start is None and isinstance(backbone.autoencoder, Autoencoder):
        _require_finished(shop.checkpoints / "autoencoder.safetensors", recipe.autoencoder.steps)
    if compute.leads:
        _claim(shop.checkpoints, config, recipe, pool, sources)
    data = PublicData.gather(pool.training_clips(workers, tell), shop.store)
    curves = _train_autoencoder(shop, backbone, data, sources)
    if stage == "autoencoder":
        return None
    curves |= _train_denoiser(shop, backbone, data, sources)
    seen = pool.provenance() | {"frames": len(data.frames), "sha256": data.digest()}
    shop.clear()
    if not compute.leads:
        return None
    if sources.listener is not None:
        listener.keep(sources.listener, out)
    held_back = pool.validation_clips(workers, tell)
    return save(
        backbone.freeze(),
        out,
        data=seen,
        recipe=recipe.model_dump(),
        curves=curves,
        start=None if sources.start is None else history(sources.start),
        validation=shop.measured(backbone, held_back),
        before=None if sources.start is None else shop.measured(load(sources.start), held_back),
    )


class StagePlace(NamedTuple):
    """The place where a stage keeps what it has reached, and whom it tells."""

    checkpoint: Path
    report: Report
    watch: Callable[[int, Curve], None] | None


@dataclass(frozen=True, slots=True)
class Workshop:
    """The place and the means of a training: what its stages share."""

    checkpoints: Path
    recipe: BackboneRecipe
    compute: Compute
    tell: Tell
    watch: Watch | None
    mapped: bool

    @property
    def store(self) -> Path | None:
        """The folder of what would grow with the corpus, one for each process; None where memory holds it."""
        if not self.mapped:
            return None
        own = "" if self.compute.leads else f"rank-{self.compute.rank}"
        folder = self.checkpoints / own
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear(self) -> None:
        """Deletes the files that a resumed training makes anew."""
        for name in (FRAMES, SOUND, WINDOWS):
            if self.store is not None:
                (self.store / name).unlink(missing_ok=True)

    def stream(self, *names: str | int) -> torch.Generator:
        """Returns the generator of a named draw."""
        return torch_stream(self.recipe.seed, "pretrain", *names)

    def place(self, backbone: Backbone, stage: str) -> StagePlace:
        """Returns where a stage keeps its checkpoint, and who hears of it."""
        watch = self.watch
        seen = None if watch is None else lambda step, curve: watch(backbone, stage, step, curve)
        return StagePlace(self.checkpoints / f"{stage}.safetensors", partial(self.tell, stage), seen)

    def measured(self, backbone: Backbone, clips: list[Clip]) -> dict[str, float]:
        """Returns a network's scores on people who are held back, on the CPU, where evaluators read."""
        stream = partial(self.stream, "validate")
        return validate(backbone.to("cpu"), clips, stream, InstalledEvaluators(embedded=True))


def _train_autoencoder(
    shop: Workshop, backbone: Backbone, data: PublicData, sources: Sources
) -> dict[str, Curve]:
    """Trains our own autoencoder, or goes on with it; a published one stays as it is."""
    further = sources.start is not None
    own = backbone.autoencoder
    if not isinstance(own, Autoencoder) or (further and not shop.recipe.further_autoencoder.steps):
        return {}
    name = "further_autoencoder" if further else "autoencoder"
    place = shop.place(backbone, name)
    curve = pretrain_autoencoder(
        own, data, shop.recipe, shop.stream, *place, further=further, compute=shop.compute
    )
    return {name: curve}


def _train_denoiser(
    shop: Workshop, backbone: Backbone, data: PublicData, sources: Sources
) -> dict[str, Curve]:
    """Trains the denoiser and the encoders of its conditions, or goes on with them."""
    backbone.to(shop.compute.device)
    latents = LatentData.encode(backbone, data, shop.recipe, shop.store)
    further = sources.start is not None
    if sources.start is not None and not load_manifest(sources.start).config.aligns and backbone.aligner:
        start_aligner(backbone, latents)
    name = "further" if further else "denoiser"
    place = shop.place(backbone, name)
    curve = pretrain_denoiser(
        backbone, latents, shop.recipe, shop.stream, *place, further=further, compute=shop.compute
    )
    return {name: curve}


def built(config: BackboneConfig, recipe: BackboneRecipe, sources: Sources) -> Backbone:
    """Returns the network before training: from nothing, or as its sources give it.

    Weights that it goes on from keep their network, and have the reference aligned where the configuration says so.
    Raises a `UserError` where the sources do not fit one another.
    """
    config = config.model_copy(update={"detail": recipe.detail_weight})
    heard = sources.listener
    if sources.start is not None:
        kept = load_manifest(sources.start).config
        if sources.autoencoder is not None or heard is not None:
            raise UserError(
                "--from goes on with its own autoencoder and ears; leave --autoencoder and --speech out"
            )
        aligned = {"alignment": config.alignment, "detail": config.detail, "size": config.size}
        config = kept.model_copy(update=aligned)
        backbone = widened(sources.start, config, recipe.seed)
        if kept.audio.listener is not None:
            backbone.listener_folder = sources.start / listener.FOLDER
        return backbone
    if heard is not None:
        audio = config.audio.model_copy(update={"listener": listener.describe(heard), "window": 8})
        config = config.model_copy(update={"audio": audio})
    if sources.autoencoder is None:
        backbone = Backbone.initial(config, recipe.seed)
    else:
        published, tensors = read_published(sources.autoencoder)
        backbone = Backbone.initial(config.model_copy(update={"autoencoder": published}), recipe.seed)
        if isinstance(backbone.autoencoder, PublishedAutoencoder):
            take_weights(backbone.autoencoder, tensors, sources.autoencoder)
    backbone.listener_folder = heard
    return backbone


def history(folder: Path) -> dict[str, Any]:
    """The making of the weights in a folder, as the manifest of those that go on from them keeps it."""
    return load_manifest(folder).model_dump(mode="json", exclude={"config", "validation", "before"})


TRAINING = "training.json"
"""The file that says of which network, recipe, people and sources checkpoints are."""


def _claim(
    checkpoints: Path, config: BackboneConfig, recipe: BackboneRecipe, pool: PublicPool, sources: Sources
) -> None:
    """Writes down what is trained in a folder; raises a `UserError` where another training stands there."""
    parts = {
        "network": config.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json"),
        "people": pool.provenance(),
        "starting weights": None if sources.start is None else load_manifest(sources.start).sha256,
        "autoencoder": None if sources.autoencoder is None else content_hash(_files(sources.autoencoder)),
        "speech model": None if sources.listener is None else listener.describe(sources.listener).sha256,
    }
    mine = {name: content_hash(part) for name, part in parts.items()}
    path = checkpoints / TRAINING
    if path.is_file():
        theirs = read_json(path)
        known = theirs if isinstance(theirs, dict) else {}
        if other := [name for name, hashed in mine.items() if known.get(name) != hashed]:
            raise UserError(
                f"{checkpoints.parent} holds another training (another {', '.join(other)}); name another folder with -o"
            )
        return
    if checkpoints.is_dir() and any(checkpoints.glob("*.safetensors")):
        raise UserError(
            f"{checkpoints} holds checkpoints that do not say of what; name another folder with -o, or delete them"
        )
    write_atomic(path, json.dumps(mine, indent=1) + "\n")


def _files(folder: Path) -> dict[str, str]:
    return {path.name: file_hash(path) for path in sorted(folder.iterdir()) if path.is_file()}


def _require_finished(path: Path, steps: int) -> None:
    if not path.exists() or finished_steps(path) < steps:
        raise ValueError(f"{path}: no finished autoencoder there; run first: bench pretrain autoencoder")
