"""Cell -> what was found: portraits protected, animated by everybody, scored, and the controls."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.attacks.purification.registry import find_attacker
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.networks import Means, open_backbone
from privtalk.bench.task import CellOutcome, Work
from privtalk.bench.tasks.portrait_protection import controls, exhibits
from privtalk.bench.tasks.portrait_protection.attack import Animation, animate, score, summary
from privtalk.bench.tasks.portrait_protection.cast import Cast, drivers, gather
from privtalk.bench.tasks.portrait_protection.settings import ATTACKER, DIRECT, PortraitProtectionCell
from privtalk.core.cache import cache_folder, content_hash, read_tensors, verified, write_tensors
from privtalk.core.record_parts import ControlCheck, ProtectionBlock, Variant
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.method import Setting
from privtalk.methods.protection.perturbation import released
from privtalk.methods.protection.registry import find_protection
from privtalk.methods.protection.victim import Victim
from privtalk.metrics.protection.registry import PROTECTION_METRICS, UNDER_ATTACK
from privtalk.metrics.protection.scoring import AnimatedPortrait

CLEAN_VERSION = 2
"""Raise it whenever the clean animation of the same cell changes."""


def run(work: Work) -> CellOutcome:
    """Runs a cell. What was protected is kept in its checkpoints, so that a killed run goes on from there."""
    cell: PortraitProtectionCell = work.cell
    means: Means = work.place.resources
    with work.clock.stage("loading"):
        population = open_population(cell.corpus, means.corpus)
        backbone = open_backbone(means.network)
        cast = gather(cell, population, backbone)
    with work.clock.stage("protecting"):
        photos = _protect(work, cast, backbone)
    with work.clock.stage("animating"):
        clean = clean_animation(cell, cast, backbone)
    beside = {True: clean.each(), False: clean.telling.each()}
    metrics, samples, shown = {}, [], {}
    variants: list[Variant] = []
    attackers = (DIRECT, *cell.attackers)
    for place, name in enumerate(attackers):
        work.report("animating", place, len(attackers))
        whole = name == DIRECT
        with work.clock.stage("animating"):
            made = _animated(cell, cast, backbone, name, photos, whole=whole)
        shown[name] = made
        at = {} if whole else {ATTACKER: name}
        with work.clock.stage("scoring"):
            only = PROTECTION_METRICS if whole else UNDER_ATTACK
            scores = score(made, beside[whole], cast, cell.corpus.name, tuple(only))
            found, own = summary(scores, cast, cell.seed, at)
        samples += own
        if whole:
            metrics = found
        else:
            variants.append(Variant(at=at, about=find_attacker(name).about, metrics=found))
    block = _block(work, cast, backbone, photos, beside[False])
    with work.clock.stage("writing"):
        artifacts = exhibits.exhibit(work.place.folder, work.place.artifacts(cell), cast, photos, shown)
    return CellOutcome(
        metrics=metrics, samples=samples, variants=tuple(variants), artifacts=artifacts, protection=block
    )


def clean_animation(cell: PortraitProtectionCell, cast: Cast, backbone: Backbone) -> Animation:
    """Returns the clean portraits' animation, which all cells of a seed share; made once and kept in the cache."""
    path = _clean_path(cell)
    if verified(path):
        found = read_tensors(path, "own", "other")
        own, other = (torch.from_numpy(found[name]) for name in ("own", "other"))
        return Animation(photos=cast.photos, own=own, other=other, at=_telling(cell, cast))
    made = _animated(cell, cast, backbone, DIRECT, cast.photos, whole=True)
    write_tensors(path, {"own": made.own.numpy(), "other": made.other.numpy()})
    return made


def _clean_path(cell: PortraitProtectionCell) -> Path:
    made_of = {
        "version": CLEAN_VERSION,
        "corpus": cell.corpus.model_dump(mode="json"),
        "backbone": cell.backbone.model_dump(mode="json"),
        "steps": cell.animation.steps,
        "frames": cell.animation.frames,
        "seed": cell.seed,
    }
    return cache_folder() / "animations" / f"{content_hash(made_of)}.safetensors"


def _telling(cell: PortraitProtectionCell, cast: Cast) -> NDArray[np.int64]:
    """[N, K] the frames that are animated with both speeches."""
    return cast.telling(cell.animation.frames)


def _animated(
    cell: PortraitProtectionCell,
    cast: Cast,
    backbone: Backbone,
    attacker: str,
    photos: Tensor,
    *,
    whole: bool = False,
) -> Animation:
    published = cast.published(photos, cell.animation.steps, cell.budget)
    telling = _telling(cell, cast)
    return animate(find_attacker(attacker)(), backbone, published, cast, cell.seed, telling, whole=whole)


def _protect(work: Work, cast: Cast, backbone: Backbone) -> Tensor:
    """uint8 [N, H, W, 3] the published portraits."""
    cell: PortraitProtectionCell = work.cell
    if cell.protection is None or cell.budget is None:
        return cast.photos
    kept = work.place.checkpoints(cell) / "protected.safetensors"
    if verified(kept):
        return torch.from_numpy(read_tensors(kept, "photos")["photos"])
    cls = find_protection(cell.method)
    method = cls(cls.Options.model_validate(cell.options))
    population = open_population(cell.corpus, work.place.resources.corpus)
    setting = Setting.of(
        cast.portraits,
        Victim(backbone, cell.protection.path),
        drivers(population, backbone),
        cell.protection,
        cell.budget,
        partial(torch_stream, cell.seed),
        lambda done, total: work.report("protecting", done, total),
    )
    photos = released(cast.photos, method.protect(setting), cell.budget if method.bounded else None)
    write_tensors(kept, {"photos": photos.numpy()})
    return photos


def _block(
    work: Work, cast: Cast, backbone: Backbone, photos: Tensor, clean: Sequence[AnimatedPortrait]
) -> ProtectionBlock | None:
    """The budget that was kept, and at the main budget the controls; None for the clean portrait."""
    cell: PortraitProtectionCell = work.cell
    if cell.budget is None:
        return None
    checks: dict[str, ControlCheck] = {}
    with work.clock.stage("controls"):
        found = (
            list(controls.control_photos(cast.photos, photos, cast.people, cell.seed))
            if cell.at_main_budget
            else []
        )
        for place, control in enumerate(found):
            work.report("controls", place, len(found) + 1)
            made = _animated(cell, cast, backbone, DIRECT, control.photos)
            scores = score(made, clean, cast, cell.corpus.name, ("audio_control",))
            metrics, _ = summary(scores, cast, cell.seed, {})
            checks[control.name] = controls.kept(
                metrics["audio_control"].estimate, control.about, must=control.keeps
            )
        checks["speech taken away"] = controls.silent(
            _difference_without_speech(cell, cast, backbone, photos)
        )
    return ProtectionBlock(
        budget=cell.budget,
        largest=int((photos.int() - cast.photos.int()).abs().max()),
        bounded=find_protection(cell.method).bounded,
        controls=checks,
    )


def _difference_without_speech(
    cell: PortraitProtectionCell, cast: Cast, backbone: Backbone, photos: Tensor
) -> float:
    """Levels by which two animations differ whose speech is zero: the first owner's, all frames."""
    published = cast.published(photos, cell.animation.steps, cell.budget)[:1]
    quiet = published.saying(torch.zeros_like(published.audio))
    attacker = find_attacker(DIRECT)()
    first, second = (attacker.animate(backbone, quiet.saying(q)) for q in (quiet.audio, -quiet.audio))
    return float((first.int() - second.int()).abs().max())
