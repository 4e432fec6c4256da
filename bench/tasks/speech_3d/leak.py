"""Who speaks, from what was made: the identity attacks of a row."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from privtalk.attacks.identity import animation as attacks
from privtalk.attacks.outcome import AttackOutcome, StrengthOutcome
from privtalk.bench.attack_records import recorded
from privtalk.bench.tasks.speech_3d.animation import Animated
from privtalk.bench.tasks.speech_3d.footage import MeshCorpus
from privtalk.bench.tasks.speech_3d.lessons import heard
from privtalk.bench.tasks.speech_3d.settings import Speech3dCell
from privtalk.core.record_parts import AttackResult
from privtalk.core.seeds import torch_stream
from privtalk.methods.speech_3d.diffusiontalker import DiffusionTalker
from privtalk.methods.speech_3d.method import SpeechToMotion

PLANTED = "true motion of the same sentences"
PLANTED_CLIPS = "embeddings of the very clips that the attacker holds"


def leaks(
    cell: Speech3dCell, corpus: MeshCorpus, network: SpeechToMotion | None, made: Animated
) -> Mapping[str, AttackResult]:
    """Returns what attackers who hold true motion, and embeddings, of everybody find in a row's animations."""
    start = time.perf_counter()
    outcomes = [_by_motion(cell, corpus, made)]
    if isinstance(network, DiffusionTalker):
        outcomes += _by_embeddings(cell, corpus, network)
    seconds = time.perf_counter() - start
    return {outcome.declaration.name: recorded(outcome, seconds) for outcome in outcomes}


def _by_motion(cell: Speech3dCell, corpus: MeshCorpus, made: Animated) -> AttackOutcome:
    known = attacks.motion_features(corpus.parts["train"].codes)
    who, own = _people(corpus)
    outcomes = [
        attacks.judged(
            attacks.MOTION,
            attacks.likelihoods(known, who, attacks.motion_features(codes), len(corpus.speakers)),
            own,
            torch_stream(cell.seed, "speech_3d", "attack", name),
        )
        for name, codes in (("motion", made.codes), ("true", corpus.parts["test"].codes))
    ]
    found, true = outcomes
    return replace(found, strength=_strength(true, PLANTED))


def _strength(planted: AttackOutcome, what: str) -> StrengthOutcome:
    """The headline on what is planted."""
    found = planted.measures["rank1"].estimate
    if planted.declaration.headline == "auc" and planted.evaluation is not None:
        found = planted.evaluation.auc
    return StrengthOutcome(estimate=found, planted=what)


def _by_embeddings(cell: Speech3dCell, corpus: MeshCorpus, network: DiffusionTalker) -> list[AttackOutcome]:
    who, own = _people(corpus)
    with torch.no_grad():
        known, shown = (
            network.personaliser.look_up(heard(cell, part).speech.mel) for part in ("train", "test")
        )
    found = []
    for about, library, before, after in (
        (attacks.IDENTITY_EMBEDDING, network.personaliser.identity, known.identity, shown.identity),
        (attacks.EMOTION_EMBEDDING, network.personaliser.emotion, known.emotion, shown.emotion),
    ):
        if library is None:
            continue
        outcomes = [
            attacks.judged(
                about,
                attacks.likelihoods(_wide(before), who, _wide(values), len(corpus.speakers)),
                people,
                torch_stream(cell.seed, "speech_3d", "attack", about.name),
            )
            for values, people in ((after, own), (before, who))
        ]
        found.append(replace(outcomes[0], strength=_strength(outcomes[1], PLANTED_CLIPS)))
    return found


def _people(corpus: MeshCorpus) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the people of training clips, and of test clips."""
    among = corpus.speakers
    return tuple(attacks.numbered(corpus.parts[part].people, among) for part in ("train", "test"))  # type: ignore[return-value]


def _wide(values: torch.Tensor) -> NDArray[np.float64]:
    return np.asarray(values.numpy(), dtype=np.float64)
