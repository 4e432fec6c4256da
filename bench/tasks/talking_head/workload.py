"""The work of a cell in frames: how many pass through which part of the backbone at each stage.

Pure counts from settings. `forecast` multiplies them with what a frame costs; boards and records never see them.
"""

from __future__ import annotations

from typing import NamedTuple

from privtalk.bench.tasks.talking_head.preflight import client_count, cohorts
from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell, Training, trains_alone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.references import pooled_schedule
from privtalk.methods.registry import METHODS, REFERENCES

PLANTED, REPEATS = 8, 3
"""The work of reconstruction: planted people and simulated messages a person, by default."""
DECODED = 4.0
"""Passes that a frame's step of a reconstruction is worth, on average: forwards and backwards through the network that
explains a message."""
ASKED = 12
"""Passes of the attacks on the release over each frame that it is asked about, for each timestep and draw."""


class FrameWork(NamedTuple):
    """Frames of a stage."""

    forward: float = 0.0
    """Through the denoiser, without gradient."""
    step: float = 0.0
    """Through the denoiser and back to the adapters."""
    encode: float = 0.0
    decode: float = 0.0
    score: float = 0.0
    """Read by the metrics' networks, on the processor."""

    def __bool__(self) -> bool:
        return any(value > 0 for value in self)


def updates(cell: TalkingHeadCell) -> int:
    """Returns the client updates of a cell: each client of each round, and each client who trains by itself at the end.

    Rounds are drawn by the streams that training draws from; where that takes long, the expected number stands for it.
    """
    training = cell.training
    if training is None:
        return 0
    federated = 0
    if cell.method in METHODS:
        federation, count = training.federation, client_count(cell)
        drawn = cohorts(federation, count, cell.seed)
        federated = sum(drawn) if drawn else round(federation.rounds * federation.share * count)
    private = training.private_steps(cell.method)
    return federated + (cell.corpus.tested if private else 0)


def stages(cell: TalkingHeadCell) -> dict[str, FrameWork]:
    """Returns the frames of every stage of a cell that has any.

    Attacks are counted by their probes of the network; what they compute beside, on numbers at hand, has no frames.
    """
    training = cell.training
    shots = 1
    found: dict[str, FrameWork] = {}
    if training is not None:
        counts = training.private_steps(cell.method)
        alone = trains_alone(cell.method)
        shots = len(counts) + (not alone)
        found["training"] = FrameWork(step=0.0 if alone else _trained(cell, training))
        found["personalising"] = FrameWork(step=_private(cell, training, max(counts, default=0)))
        if not alone:
            found["attacking"] = FrameWork(forward=_asked(cell, training, bool(counts)))
        if cell.method in METHODS and training.attack.victims:
            found["inverting"] = FrameWork(step=_inverted(cell, training))
    return {name: work for name, work in {**found, **_shown(cell, shots)}.items() if work}


def encoded_frames(cell: TalkingHeadCell) -> int:
    """Returns the frames of a corpus that are encoded before any cell runs."""
    corpus = cell.corpus
    people = {
        "train": corpus.clients + corpus.heldout + corpus.shadows,
        "test": corpus.tested,
        "fresh": corpus.attacked + corpus.heldout + corpus.shadows,
    }
    footage = {"train": corpus.train, "test": corpus.test, "fresh": corpus.fresh}
    return sum(people[name] * use.clips * use.frames for name, use in footage.items())


def shadow_work(cell: TalkingHeadCell) -> FrameWork:
    """Returns the frames of the shadow worlds of a cell, which all cells whose adapters start alike share."""
    training = cell.training
    if training is None:
        return FrameWork()
    corpus, probe, federation = cell.corpus, training.attack, training.federation
    people = corpus.attacked + corpus.heldout + corpus.shadows
    window = federation.windows * federation.window_frames
    probes = len(probe.timesteps) * probe.draws * max(probe.exact, probe.windows * probe.frames)
    own = min(corpus.shadows, 32) * 3 * federation.local_steps
    return FrameWork(
        forward=people * probes * (2 * probe.worlds + 2 * ASKED * PLANTED / 4),
        step=window * (probe.worlds * probe.world_steps + own),
    )


def _trained(cell: TalkingHeadCell, training: Training) -> float:
    """Frames of the rounds; of the pooled row its own schedule's."""
    federation, count = training.federation, client_count(cell)
    if cell.method not in METHODS:
        if REFERENCES[cell.method].trains != "pooled":
            return 0.0
        pooled = pooled_schedule(count, federation)
        merged = federation.model_copy(update=pooled)
        return float(merged.rounds * merged.local_steps * _window(merged))
    drawn = cohorts(federation, count, cell.seed)
    took_part = sum(drawn) if drawn else federation.rounds * federation.share * count
    effort = METHODS[cell.method].effort / FederatedMethod.effort
    return effort * took_part * federation.local_steps * _window(federation)


def _private(cell: TalkingHeadCell, training: Training, steps: int) -> float:
    config = training.personalisation.schedule(training.federation)
    return float(cell.corpus.tested * steps * _window(config))


def _window(config: FederationConfig) -> int:
    return config.windows * config.window_frames


def _asked(cell: TalkingHeadCell, training: Training, leaks: bool) -> float:
    corpus, probe = cell.corpus, training.attack
    people = corpus.attacked + corpus.heldout
    frames = probe.windows * max(probe.frames, probe.exact) * len(probe.timesteps) * probe.draws
    messages = 3 * min(probe.clients, corpus.clients) * probe.rounds if cell.method in METHODS else 0
    return (ASKED + (probe.leaked if leaks else 0)) * people * frames + messages


def _inverted(cell: TalkingHeadCell, training: Training) -> float:
    probe = training.attack
    descent = (2 * probe.victims + PLANTED) * probe.inversion_steps
    simulated = cell.corpus.shadows * REPEATS * training.federation.local_steps
    return (DECODED * descent + simulated) / 2


def _shown(cell: TalkingHeadCell, shots: int) -> dict[str, FrameWork]:
    """Clips that are generated and scored, at each of a row's places."""
    frames = shots * cell.corpus.tested * cell.corpus.test.clips * cell.corpus.test.frames
    sampled = cell.method in METHODS or cell.method in ("difftalk", "local_only", "centralised")
    steps = cell.evaluation.steps if sampled else 0
    decoded = frames if sampled or cell.method == "autoencoder" else 0
    return {
        "generating": FrameWork(forward=frames * steps, decode=decoded),
        "scoring": FrameWork(score=frames),
    }
