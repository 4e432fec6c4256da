"""Cell -> what was found: portraits protected, animated by everybody, scored, and the controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
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
from privtalk.bench.tasks.portrait_protection.attack import (
    Animation,
    CleanAnimations,
    animate,
    attacker_streams,
    score,
    summary,
)
from privtalk.bench.tasks.portrait_protection.cast import Cast, FurtherPhotos, drivers, gather
from privtalk.bench.tasks.portrait_protection.settings import ATTACKER, DIRECT, PortraitProtectionCell
from privtalk.bench.tasks.portrait_protection.training import open_attacker
from privtalk.core.cache import cache_folder, content_hash, read_tensors, verified, write_tensors
from privtalk.core.record_parts import ControlCheck, ProtectionBlock, Variant
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.protection.method import Setting
from privtalk.methods.protection.perturbation import released
from privtalk.methods.protection.registry import find_protection
from privtalk.methods.protection.victim import OwnedPortraits, Victim
from privtalk.metrics.protection.registry import PROTECTION_METRICS, UNDER_ATTACK

QUIET = 2
"""Owners whose speech is taken away as a control."""
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
        photos, further = _protect(work, cast, backbone)
    with work.clock.stage("animating"):
        clean = CleanAnimations.of(clean_animation(cell, cast, backbone))
    metrics, samples, shown, heard = {}, [], {}, {}
    variants: list[Variant] = []
    attackers = (DIRECT, *cell.attackers)
    for place, name in enumerate(attackers):
        work.report("animating", place, len(attackers))
        whole = name == DIRECT
        with work.clock.stage("animating"):
            made = _animated(cell, cast, backbone, name, photos, further, whole=whole)
            if name in exhibits.HEARD:
                heard[name] = _first_film(cell, cast, backbone, name, photos)
        shown[name] = made
        at = {} if whole else {ATTACKER: name}
        with work.clock.stage("scoring"):
            only = PROTECTION_METRICS if whole else UNDER_ATTACK
            scores = score(made, clean, cast, cell.corpus.name, tuple(only))
            found, own = summary(scores, cast, cell.seed, at)
        samples += own
        if whole:
            metrics = found
        else:
            variants.append(Variant(at=at, about=find_attacker(name).about, metrics=found))
    block = _block(work, cast, backbone, photos, clean)
    with work.clock.stage("writing"):
        artifacts = exhibits.exhibit(
            work.place.folder, work.place.artifacts(cell), cast, photos, shown, heard
        )
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
    further: Sequence[FurtherPhotos] = (),
    *,
    whole: bool = False,
) -> Animation:
    published = cast.published(photos, cell.animation.steps, cell.budget, further)
    telling = _telling(cell, cast)
    return animate(open_attacker(attacker, cell), backbone, published, cast, cell.seed, telling, whole=whole)


def _first_film(
    cell: PortraitProtectionCell, cast: Cast, backbone: Backbone, attacker: str, photos: Tensor
) -> Tensor:
    """uint8 [F, H, W, 3] the first owner as an attacker animates it, at all frames, for people to hear."""
    published = cast.published(photos, cell.animation.steps, cell.budget)[:1]
    who = open_attacker(attacker, cell)
    purified = who.prepared(published, backbone, attacker_streams(cell.seed, attacker, cast.people[:1]))
    return who.animate(backbone, purified)[0]


def _protect(work: Work, cast: Cast, backbone: Backbone) -> tuple[Tensor, tuple[FurtherPhotos, ...]]:
    """uint8 [N, H, W, 3] the published portraits, and what else their owners publish, protected alike."""
    cell: PortraitProtectionCell = work.cell
    if cell.protection is None or cell.budget is None:
        return cast.photos, cast.further
    sets = [(cast.portraits, cast.photos), *((more.portraits, more.photos) for more in cast.further)]
    found = []
    for place, (portraits, photos) in enumerate(sets):
        kept = work.place.checkpoints(cell) / f"protected{f'-{place}' if place else ''}.safetensors"
        if verified(kept):
            found.append(torch.from_numpy(read_tensors(kept, "photos")["photos"]))
            continue
        found.append(_protected(work, portraits, photos, backbone, place, len(sets)))
        write_tensors(kept, {"photos": found[-1].numpy()})
    further = (replace(more, photos=photos) for more, photos in zip(cast.further, found[1:], strict=True))
    return found[0], tuple(further)


def _protected(
    work: Work, portraits: OwnedPortraits, photos: Tensor, backbone: Backbone, place: int, count: int
) -> Tensor:
    """The `place`-th of `count` photos of everybody, as they are published."""
    cell: PortraitProtectionCell = work.cell
    if cell.protection is None or cell.budget is None:
        raise ValueError("the clean row protects nothing")
    cls = find_protection(cell.method)
    method = cls(cls.Options.model_validate(cell.options))
    population = open_population(cell.corpus, work.place.resources.corpus)
    setting = Setting.of(
        portraits,
        Victim(backbone, cell.protection.path),
        drivers(population, backbone),
        cell.protection,
        cell.budget,
        partial(torch_stream, cell.seed),
        lambda done, total: work.report("protecting", place * total + done, count * total),
    )
    return released(photos, method.protect(setting), cell.budget if method.bounded else None)


def _block(
    work: Work, cast: Cast, backbone: Backbone, photos: Tensor, clean: CleanAnimations
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
    """Levels by which the two animations differ where both speeches are zero, of the first owners: made as all figures
    are, so that whatever else were to differ between the two would be seen.
    """
    few = cast.first(QUIET)
    quiet = replace(few, audio=torch.zeros_like(few.audio))
    made = _animated(cell, quiet, backbone, DIRECT, photos[:QUIET])
    return float((made.own.int() - made.other.int()).abs().max())
