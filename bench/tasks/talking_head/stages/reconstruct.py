"""Reconstruction of a few clients' footage from their messages, with pictures of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.reconstruction.attack import InversionSettings, Victims, attack_messages
from privtalk.attacks.reconstruction.catalogue import ATTACKS, Effort
from privtalk.attacks.reconstruction.evidence import choose_victims
from privtalk.attacks.reconstruction.gallery import Gallery, Likeness
from privtalk.attacks.reconstruction.matching import Snapshot
from privtalk.attacks.reconstruction.prior_guided import GUIDANCE
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm
from privtalk.attacks.server import readable
from privtalk.attacks.views import ServerView
from privtalk.bench.attack_records import all_recorded, missing
from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.partition import Client
from privtalk.bench.execution.task import Report
from privtalk.bench.media import write_strip
from privtalk.bench.networks import open_backbone
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.bench.tasks.talking_head.stages.score import evaluators, true_reading
from privtalk.bench.tasks.talking_head.stages.train import Trained
from privtalk.core.records import AttackResult
from privtalk.metrics import ClipPair, Reading
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.scorers import SCORERS

COMPARED = ("lpips[talkhead]", "identity[talkhead]", "lpips[alex]", "identity[arcface]", "identity[dlib]")
"""The metrics that are compared beside PSNR and SSIM, where its network is at hand."""
LEAST_PUBLIC = 12
"""People of the attacker's own that a prior is learned from, at least."""
SHOWN_EVERY = 10
"""Steps between two pictures of an attack that runs."""
COLUMNS = 4
"""The columns of a gallery: victim, prior, reconstruction, wrong client's."""


class Reconstructions(NamedTuple):
    """The reconstructions from messages."""

    attacks: dict[str, AttackResult]
    gallery: Gallery | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructionSetting:
    """A trained cell, and what is known of it."""

    cell: TalkingHeadCell
    trained: Trained
    knowledge: Knowledge
    clients: Sequence[Client]
    store: FeatureStore
    folder: Path
    """The folder in which the current picture is shown while an attack runs."""

    def view(self) -> ServerView | None:
        """The server's; None where no round has a message beside another's."""
        if not self.trained.state.transcript.messages:
            return None
        view = ServerView.of(open_backbone(self.store.network), self.trained.state)
        rounds = readable(view, self.knowledge.initial)
        return replace(view, rounds=rounds) if any(len(r.cohort) > 1 for r in rounds) else None


def reconstruct(scene: ReconstructionSetting, report: Report) -> Reconstructions:
    """The footage of some clients of the middle round; nothing where no messages were kept or nobody is asked about."""
    training, method = scene.cell.training, scene.trained.method
    if training is None or not training.attack.victims:
        return Reconstructions({}, None)
    if method is not None and method.messages_unread:
        reason = f"not run: {method.messages_unread}"
        names = training.attack.reconstructions
        return Reconstructions({name: missing(ATTACKS[name].declaration, reason) for name in names}, None)
    view = scene.view()
    if view is None or len(scene.knowledge.public) < LEAST_PUBLIC:
        return Reconstructions({}, None)
    started = time.perf_counter()
    chosen = choose_victims(view, training.attack.victims, scene.knowledge.stream)
    footage = [_first_clip(client, scene.clients, scene.store) for client in chosen]
    frames = torch.from_numpy(np.stack([clip.frames for clip in footage]))
    found, gallery = attack_messages(
        view,
        scene.knowledge,
        Victims(clients=chosen, frames=frames),
        InversionSettings(
            algorithm=LocalAlgorithm.of(training.federation),
            attacks=training.attack.reconstructions,
            effort=Effort(guidance=replace(GUIDANCE, steps=training.attack.inversion_steps)),
        ),
        progress=partial(_told, report, scene),
        measure=likeness(footage, scene.cell.corpus.name),
    )
    return Reconstructions(all_recorded(found, time.perf_counter() - started), gallery)


def _told(report: Report, scene: ReconstructionSetting, attack: str) -> Callable[[Snapshot], None]:
    """Passes an attack's steps on to the display, and shows what it has come to in the cell's folder."""
    backbone = open_backbone(scene.store.network)

    def tell(now: Snapshot) -> None:
        report("inverting", now.step, now.steps)
        if now.step % SHOWN_EVERY == 0:
            faces = backbone.decode(now.picture.flatten(0, -4)).cpu().numpy()
            write_strip(scene.folder / f"inverting-{attack}.png", faces)

    return tell


def likeness(clips: Iterable[Clip], corpus: str) -> Likeness:
    """Perceptual distance and identity of made frames, by the networks that score this corpus; a face is looked for
    where it is in the true frames. The same frames are measured once: the prior's face stands beside every attack's.
    """
    known = {clip.frames.tobytes(): clip for clip in clips}

    @cache
    def measured(truth: bytes, made: bytes) -> dict[str, float]:
        clip, using = known[truth], evaluators(corpus)
        frames = np.frombuffer(made, dtype=np.uint8).reshape(clip.frames.shape).copy()
        pair = ClipPair(Reading(frames, clip.landmarks, using), true_reading(clip, using))
        return {name: value for name in COMPARED if (value := _value(name, pair)) is not None}

    def measure(truth: NDArray[np.uint8], made: NDArray[np.uint8]) -> dict[str, float]:
        return dict(measured(truth.tobytes(), made.tobytes()))

    return measure


def _value(name: str, pair: ClipPair) -> float | None:
    try:
        return float(SCORERS[name].value(pair))
    except Undefined:
        return None


def write_gallery(run: Path, folder: Path, gallery: Gallery | None) -> dict[str, str]:
    """One picture an attack, a line a victim; `gallery/NAME` -> path relative to the run's folder."""
    if gallery is None:
        return {}
    found = {}
    for name in gallery.reconstruction:
        path = folder / "gallery" / f"{name}.png"
        write_strip(path, picture(gallery, name), count=COLUMNS)
        found[f"gallery/{name}"] = path.relative_to(run).as_posix()
    return found


def picture(gallery: Gallery, attack: str) -> NDArray[np.uint8]:
    """uint8 [4, V·H, W, 3]: columns of all victims, one below the other."""
    victims = len(gallery.clients)
    columns = (
        gallery.victim,
        gallery.prior.expand(victims, *gallery.prior.shape),
        gallery.reconstruction[attack],
        gallery.wrong_client[attack],
    )
    stacked = [column.numpy().reshape(-1, *column.shape[2:]) for column in columns]
    return np.stack(stacked)


def _first_clip(client: int, clients: Sequence[Client], store: FeatureStore) -> Clip:
    """The first clip that a client trained on."""
    name, number = next(c for c in clients if c.index == client).clips[0]
    person = next(p for p in store.population.people("clients") if p.name == name)
    return store.population.clips(person, "train")[number]
