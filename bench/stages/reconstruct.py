"""Reconstruction of a few clients' footage from their messages, with pictures of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.reconstruction.attack import Settings, Victims, attack_messages
from privtalk.attacks.reconstruction.evidence import choose_victims
from privtalk.attacks.reconstruction.gallery import Gallery, Likeness
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm
from privtalk.attacks.views import ServerView
from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.partition import Client
from privtalk.bench.execution.task import Report
from privtalk.bench.media import write_strip
from privtalk.bench.networks import open_backbone
from privtalk.bench.records import AttackResult
from privtalk.bench.spec import Cell
from privtalk.bench.stages.features import FeatureStore
from privtalk.bench.stages.recording import all_recorded
from privtalk.bench.stages.score import evaluators, true_reading
from privtalk.bench.stages.train import Trained
from privtalk.metrics import Pair, Reading
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.scorers import SCORERS

COMPARED = ("lpips[talkhead]", "identity[talkhead]", "lpips[alex]", "identity[arcface]")
"""What is compared beside PSNR and SSIM, where its network is at hand."""
LEAST_PUBLIC = 8
"""People of the attacker's own that a prior is learned from, at least."""
COLUMNS = 4
"""Of a gallery: victim, prior, reconstruction, wrong client's."""


class Reconstructions(NamedTuple):
    """What was made of messages."""

    attacks: dict[str, AttackResult]
    gallery: Gallery | None


def reconstruct(
    report: Report,
    cell: Cell,
    trained: Trained,
    knowledge: Knowledge,
    clients: Sequence[Client],
    store: FeatureStore,
) -> Reconstructions:
    """The footage of some clients of the middle round; nothing where no messages were kept or nobody is asked about."""
    training = cell.training
    if training is None or not training.attack.victims or not trained.state.transcript.messages:
        return Reconstructions({}, None)
    if len(knowledge.public) < LEAST_PUBLIC:
        return Reconstructions({}, None)
    started = time.perf_counter()
    view = ServerView.of(open_backbone(store.network), trained.state)
    if not any(len(r.cohort) > 1 for r in view.rounds):
        return Reconstructions({}, None)
    chosen = choose_victims(view, training.attack.victims, knowledge.stream)
    footage = {client: _first_clip(client, clients, store) for client in chosen}
    victims = Victims(
        clients=chosen, frames=torch.from_numpy(np.stack([clip.frames for clip in footage.values()]))
    )

    settings = Settings(algorithm=LocalAlgorithm.of(training.federation))
    found, gallery = attack_messages(
        view,
        knowledge,
        victims,
        settings,
        progress=partial(_told, report),
        measure=likeness(footage.values(), cell.corpus.name),
    )
    return Reconstructions(all_recorded(found, time.perf_counter() - started), gallery)


def likeness(clips: Iterable[Clip], corpus: str) -> Likeness:
    """Perceptual distance and identity of made frames, by the networks that score this corpus; a face is looked for
    where it is in the true frames.
    """
    known = {clip.frames.tobytes(): clip for clip in clips}

    def measure(truth: NDArray[np.uint8], made: NDArray[np.uint8]) -> dict[str, float]:
        clip, using = known[truth.tobytes()], evaluators(corpus)
        pair = Pair(Reading(made, clip.landmarks, using), true_reading(clip, using))
        return {name: value for name in COMPARED if (value := _value(name, pair)) is not None}

    return measure


def _value(name: str, pair: Pair) -> float | None:
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
