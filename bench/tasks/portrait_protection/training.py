"""The training of attackers, made once before the cells that share it: pairs first, then what is learned of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from privtalk.attacks.purification.attacker import PortraitAttacker
from privtalk.attacks.purification.registry import find_attacker
from privtalk.attacks.purification.training import (
    KINDS,
    AttackerMeans,
    PhotoPairs,
    TrainedAttacker,
    joined,
    make_pairs,
)
from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.population import Population, Role
from privtalk.bench.corpus.spec import EMBEDDED
from privtalk.bench.execution import Job
from privtalk.bench.execution.task import Report
from privtalk.bench.media import spread
from privtalk.bench.networks import Means, open_backbone
from privtalk.bench.task import Place, Preparation
from privtalk.bench.tasks.portrait_protection.cast import drivers
from privtalk.bench.tasks.portrait_protection.settings import PortraitProtectionCell
from privtalk.core.cache import cache_folder, content_hash, read_tensors, verified, write_tensors
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.autoencoder import to_images
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import ClipFeatures, upper_face
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.protection.victim import OwnedPortraits

VERSION = 2
"""Raise it whenever what attackers of the same cell train on changes."""
PHOTOS = 3
"""Photos of each shadow person, from one clip: pairs differ by pose as well as by person."""


def open_attacker(name: str, cell: PortraitProtectionCell) -> PortraitAttacker:
    """Returns an attacker, with what it learned before the cell began."""
    cls = find_attacker(name)
    if not issubclass(cls, TrainedAttacker):
        return cls()
    learned = read_tensors(Lesson(cell, name).path)
    return cls({key: torch.from_numpy(array) for key, array in learned.items()})


def preparations(cells: Sequence[PortraitProtectionCell], place: Place) -> Iterator[Preparation]:
    """Yields the pairs that are missing, then the training."""
    trained = [(cell, name, cls) for cell in cells for name, cls in _trained(cell)]
    pairs = [Lesson(cell, name, kind) for cell, name, cls in trained if cls.pairs for kind in KINDS]
    yield Preparation(title="attackers' pairs", jobs=_jobs(pairs, place))
    lessons = [Lesson(cell, name) for cell, name, _ in trained]
    yield Preparation(title="attackers' training", jobs=_jobs(lessons, place))


def lacking(cell: PortraitProtectionCell) -> str | None:
    """Returns the line that says which of a cell's attackers cannot train, and what to do; None where all can."""
    shadows, frames = cell.corpus.shadows, cell.corpus.train.frames
    few = [name for name, cls in _trained(cell) if shadows < (len(KINDS) if cls.pairs else 1)]
    short = [name for name, cls in _trained(cell) if frames < cls.frames]
    if not few and not short:
        return None
    own = cell.corpus.name == EMBEDDED
    if few:
        rule = f"need shadow people ({len(KINDS)} to make pairs of, else 1), and the corpus has {shadows}"
        way = "raise corpus.shadows" if own else "prepare more people"
    else:
        least = max(cls.frames for _, cls in _trained(cell))
        rule = f"train on windows of {least} frames, and corpus.train has {frames}"
        way = "raise corpus.train.frames" if own else "prepare longer clips"
    names = few or short
    kept = ", ".join(name for name in cell.attackers if name not in names)
    return (
        f"attackers {', '.join(names)} {rule}; {way}, or leave them out: --set 'animation.attackers=[{kept}]'"
    )


@dataclass(frozen=True, slots=True)
class Lesson:
    """A file that cells of a seed share: an attacker's training, or of `kind` the pairs for it."""

    cell: PortraitProtectionCell
    attacker: str
    kind: str = ""

    @property
    def path(self) -> Path:
        """Its place in the cache, by all that it depends on."""
        cell, cls = self.cell, find_attacker(self.attacker)
        on_pairs = issubclass(cls, TrainedAttacker) and cls.pairs
        made_of = {
            "version": [VERSION, 0 if self.kind else getattr(cls, "version", 0)],
            "what": self.kind or self.attacker,
            "corpus": cell.corpus.model_dump(mode="json"),
            "backbone": cell.backbone.model_dump(mode="json"),
            "seed": cell.seed,
            "protection": cell.pairs.model_dump(mode="json") if cell.pairs and on_pairs else None,
            "budget": cell.animation.main_budget if on_pairs else None,
            "purifier": cell.purifier
            if not self.kind and getattr(cls, "starts_from_purifier", False)
            else None,
            "steps": None if self.kind else cell.animation.training_steps,
        }
        return cache_folder() / "attackers" / f"{content_hash(made_of)}.safetensors"


def study(report: Report, lesson: Lesson, means: Means) -> None:
    """Makes a lesson's file."""
    cell = lesson.cell
    population, backbone = open_population(cell.corpus, means.corpus), open_backbone(means.network)
    made = _pairs(report, lesson, population, backbone) if lesson.kind else None
    if made is not None:
        write_tensors(lesson.path, {"clean": made.clean.numpy(), "protected": made.protected.numpy()})
        return
    cls = find_attacker(lesson.attacker)
    if not issubclass(cls, TrainedAttacker):
        raise TypeError(f"attacker {lesson.attacker} does not train")
    learned = cls.train(
        AttackerMeans(
            backbone=backbone,
            shadows=_clients(population, backbone, "shadow"),
            owners=_clients(population, backbone, "clients", cell.corpus.tested),
            pairs=_kept(cell, lesson.attacker) if cls.pairs else None,
            steps=cell.animation.training_steps,
            stream=partial(torch_stream, cell.seed, "attacker"),
            tell=lambda done, total: report(lesson.attacker, done, total),
        )
    )
    write_tensors(lesson.path, {name: tensor.cpu().numpy() for name, tensor in learned.items()})


def _trained(cell: PortraitProtectionCell) -> list[tuple[str, type[TrainedAttacker]]]:
    found = [(name, find_attacker(name)) for name in cell.attackers]
    return [(name, cls) for name, cls in found if issubclass(cls, TrainedAttacker)]


def _jobs(lessons: Sequence[Lesson], place: Place) -> list[Job]:
    """One for each file that is absent or damaged."""
    missing = {lesson.path: lesson for lesson in lessons if not verified(lesson.path)}
    return [
        Job(
            f"{lesson.kind or lesson.attacker} seed {lesson.cell.seed} {lesson.path.stem}",
            study,
            (lesson, place.resources),
        )
        for lesson in missing.values()
    ]


def _kept(cell: PortraitProtectionCell, attacker: str) -> PhotoPairs:
    """All pairs of a cell's attackers."""
    found = [read_tensors(Lesson(cell, attacker, kind).path) for kind in KINDS]
    return joined(
        [
            PhotoPairs(clean=torch.from_numpy(part["clean"]), protected=torch.from_numpy(part["protected"]))
            for part in found
        ]
    )


def _pairs(report: Report, lesson: Lesson, population: Population, backbone: Backbone) -> PhotoPairs:
    """Shadow people's photos, protected by the attacker."""
    cell, names, photos, landmarks = lesson.cell, [], [], []
    if cell.pairs is None:
        raise ValueError("a cell whose attackers make no pairs has none")
    for person in population.people("shadow"):
        clip = population.clips(person, "train")[0]
        for frame in spread(clip.length, PHOTOS):
            names.append(f"{person.name}/{frame}")
            photos.append(torch.from_numpy(clip.frames[frame]))
            points = upper_face(clip.landmarks[frame : frame + 1], backbone.config.size)
            landmarks.append(torch.from_numpy(points[0]))
    # A quarter each: no photo is protected in two ways, so that no pair tells of another.
    share = slice(KINDS.index(lesson.kind), None, len(KINDS))
    shown = torch.stack(photos)[share]
    portraits = OwnedPortraits(
        names=tuple(names)[share], images=to_images(shown), landmarks=torch.stack(landmarks)[share]
    )
    return make_pairs(
        lesson.kind,
        backbone,
        portraits,
        shown,
        drivers(population, backbone),
        cell.pairs,
        cell.animation.main_budget,
        partial(torch_stream, cell.seed, "attacker", "pairs", lesson.kind),
        lambda done, total: report(lesson.kind, done, total),
    )


def _clients(
    population: Population, backbone: Backbone, role: Role, count: int | None = None
) -> tuple[ClientData, ...]:
    """People's first training clips, as adapters are trained on them."""
    people = population.people(role)[:count]
    return tuple(
        ClientData.of(k, [_features(population.clips(person, "train")[0], backbone)])
        for k, person in enumerate(people)
    )


def _features(clip: Clip, backbone: Backbone) -> ClipFeatures:
    return backbone.features(clip.frames, clip.audio, clip.landmarks, clip.fps)
