"""`bench pretrain evaluators`: fits the in-domain networks on public people and validates them on people unseen.

Four networks, each trained once on CPU: who a face is, which sound a mouth belongs to, where its points are, what a
frame looks like. (`bench.pretraining.mouth_reader` fits the fifth.) Checkpoints let a killed call go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import nn

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.rendered import studio
from privtalk.bench.corpus.rendered.studio import Portraits, Sittings
from privtalk.bench.execution import Failed, execute
from privtalk.bench.pretraining.pools import Pool, Tell, film
from privtalk.core.seeds import torch_stream
from privtalk.methods.backbone.optimise import Optimisation, OptimiserConfig
from privtalk.metrics.evaluators.crops import face_crop, mouth_crop
from privtalk.metrics.evaluators.crops.face_crop import FACE
from privtalk.metrics.evaluators.fitting import identity_fitting, landmark_fitting
from privtalk.metrics.evaluators.fitting.feature_fitting import FeatureConfig, FeatureProblem, calibrate
from privtalk.metrics.evaluators.fitting.identity_fitting import IdentityConfig, IdentityProblem
from privtalk.metrics.evaluators.fitting.landmark_fitting import LandmarkConfig, LandmarkProblem
from privtalk.metrics.evaluators.fitting.sync_fitting import SyncConfig, SyncProblem
from privtalk.metrics.evaluators.talkhead.feature_network import FeatureNetwork
from privtalk.metrics.evaluators.talkhead.identity_network import TalkheadIdentity
from privtalk.metrics.evaluators.talkhead.landmark_network import TalkheadLandmarks
from privtalk.metrics.evaluators.talkhead.speech_features import mel_windows
from privtalk.metrics.evaluators.talkhead.storage import save_network
from privtalk.metrics.evaluators.talkhead.sync_network import LENGTH, SPAN, TalkheadSync
from privtalk.metrics.lip_sync import lip_sync
from privtalk.metrics.regions import eye_distance

SEED = 0
MARGIN = 8
"""Samples by which training faces exceed what the network sees, so that they can be misplaced."""
MOUTH_MARGIN = 6


class EvaluatorRecipe(BaseModel):
    """Whom and how long the embedded networks were trained on; the defaults are what made them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public: int = 2560
    """Public people who sit for landmarks and features; for identity the first `known` of them."""
    known: int = 768
    made_up: int = 768
    """Further public people for identity, with looks of the broader world."""
    speakers: int = 960
    """Public people who speak, for sync."""
    unseen: int = 128
    """Held-out people to validate on."""
    heard: int = 64
    """Held-out people whose speech sync is validated on."""
    identity: OptimiserConfig = OptimiserConfig(
        steps=3000, batch=128, learning_rate=3e-3, weight_decay=1e-2, average=0.995, report_every=100
    )
    sync: OptimiserConfig = OptimiserConfig(
        steps=2000, batch=16, learning_rate=2e-3, weight_decay=1e-2, average=0.995, report_every=100
    )
    landmarks: OptimiserConfig = OptimiserConfig(
        steps=2000, batch=128, learning_rate=2e-3, weight_decay=1e-4, average=0.995, report_every=100
    )
    features: OptimiserConfig = OptimiserConfig(
        steps=3000, batch=64, learning_rate=2e-3, weight_decay=1e-4, average=0.995, report_every=100
    )


def fit_evaluators(
    out: Path,
    recipe: EvaluatorRecipe | None = None,
    only: Sequence[str] = (),
    workers: int = 2,
    tell: Tell = lambda stage, done, total, loss: None,
) -> dict[str, dict[str, Any]]:
    """Weights and manifests in `out`, of all networks or of `only` some; name -> validation."""
    recipe = recipe or EvaluatorRecipe()
    unknown = set(only) - set(FITS)
    if unknown:
        raise ValueError(f"unknown evaluators {sorted(unknown)}; valid: {', '.join(FITS)}")
    return {name: FITS[name](out, recipe, workers, tell) for name in only or FITS}


def fit_identity(out: Path, recipe: EvaluatorRecipe, workers: int, tell: Tell) -> dict[str, Any]:
    """ArcFace over public people, half of them made up as the broader world's."""
    seen = [
        *studio.files("public", recipe.known),
        *studio.files("public", recipe.made_up, start=recipe.public, made_up=True),
    ]
    sat = sittings(seen, workers, tell)
    config = IdentityConfig()
    problem = IdentityProblem(face_crops(sat, MARGIN), sat.person, config, _stream())
    curve = _minimised("identity", problem, recipe.identity, out, tell)
    path = out / "identity.safetensors"
    manifest = _manifest("identity", recipe, config, curve)
    save_network(problem.network, path, manifest)
    found = {
        "broader world": _verified(path, studio.files("heldout", recipe.unseen), workers, tell),
        "public world": _verified(path, studio.files("public", recipe.unseen, start=UNSEEN), workers, tell),
    }
    save_network(problem.network, path, manifest | {"validation": found})
    return found


def fit_sync(out: Path, recipe: EvaluatorRecipe, workers: int, tell: Tell) -> dict[str, Any]:
    """Multi-way matching of mouths and sounds of public people."""
    clips = film(Pool(people=recipe.speakers).training(), workers, tell)
    config = SyncConfig()
    sounds = np.stack([mel_windows(clip.audio, clip.length, clip.fps, SPAN, LENGTH) for clip in clips])
    problem = SyncProblem(np.stack([mouth_crops(clip) for clip in clips]), sounds, config, _stream())
    curve = _minimised("sync", problem, recipe.sync, out, tell)
    path, manifest = out / "sync.safetensors", _manifest("sync", recipe, config, curve)
    save_network(problem.encoders, path, manifest)
    held_out = Pool(validation_people=recipe.heard, validation_frames=96)
    found = _synchronised(TalkheadSync(path), film(held_out.validation(), workers, tell))
    save_network(problem.encoders, path, manifest | {"validation": found})
    return found


def fit_landmarks(out: Path, recipe: EvaluatorRecipe, workers: int, tell: Tell) -> dict[str, Any]:
    """Regression of the exact points of public people."""
    sat = sittings(studio.files("public", recipe.public), workers, tell)
    config = LandmarkConfig()
    problem = LandmarkProblem(face_crops(sat, MARGIN), crop_points(sat), config, _stream())
    curve = _minimised("landmarks", problem, recipe.landmarks, out, tell)
    path, manifest = out / "landmarks.safetensors", _manifest("landmarks", recipe, config, curve)
    save_network(problem.network, path, manifest)
    unseen = sittings(studio.files("heldout", recipe.unseen), workers, tell)
    found = _located(TalkheadLandmarks(path), unseen)
    save_network(problem.network, path, manifest | {"validation": found})
    return found


def fit_features(out: Path, recipe: EvaluatorRecipe, workers: int, tell: Tell) -> dict[str, Any]:
    """Teaches the features what is where, how it is posed, a thumbnail, and the detail of clean and damaged frames."""
    sat = sittings(studio.files("public", recipe.public), workers, tell)
    config = FeatureConfig()
    problem = FeatureProblem(sat.frames, sat.masks, sat.landmarks, sat.controls, config, _stream())
    curve = _minimised("features", problem, recipe.features, out, tell)
    clips = film(Pool(people=recipe.speakers).training()[:CALIBRATION], workers, tell)
    network: FeatureNetwork = problem.network
    calibrate(network, sat.frames[::4], [clip.frames for clip in clips])
    save_network(network, out / "features.safetensors", _manifest("features", recipe, config, curve))
    return {"loss": curve[-1][1]} if curve else {}


FITS: dict[str, Callable[[Path, EvaluatorRecipe, int, Tell], dict[str, Any]]] = {
    "identity": fit_identity,
    "sync": fit_sync,
    "landmarks": fit_landmarks,
    "features": fit_features,
}
UNSEEN = 4000
"""Number from which on public people sit for no training."""
CALIBRATION = 10
"""Files of spoken clips that the usual speed of features is measured on."""


def sittings(wanted: Sequence[Sittings], workers: int, tell: Tell) -> Portraits:
    """Everybody's sittings, which are filmed where they are missing."""
    tasks = studio.missing(wanted)
    for number, outcome in enumerate(execute(tasks, workers), start=1):
        if isinstance(outcome, Failed):
            raise RuntimeError(f"{outcome.key}: {outcome.reason}")
        tell("studio", number, len(tasks), None)
    return studio.load(wanted)


def face_crops(sat: Portraits, margin: int) -> NDArray[np.uint8]:
    """[N, R + margin, C + margin, 3] faces, placed sitting by sitting."""
    grid = FACE._replace(rows=FACE.rows + margin, columns=FACE.columns + margin)
    return np.concatenate(
        [
            np.rint(face_crop.face_crops(sat.frames[part], sat.landmarks[part], grid)).astype(np.uint8)
            for part in _sitting_slices(sat)
        ]
    )


def crop_points(sat: Portraits) -> NDArray[np.float32]:
    """[N, 68, 2] landmarks in samples from the middle of `face_crops`."""
    placed = [
        face_crop.to_crop(
            sat.landmarks[part].astype(np.float64), face_crop.face_placement(sat.landmarks[part])
        )
        for part in _sitting_slices(sat)
    ]
    return np.concatenate(placed).astype(np.float32)


def mouth_crops(clip: Clip) -> NDArray[np.uint8]:
    """[T, ROWS + margin, COLUMNS + margin, 3] mouths."""
    place = mouth_crop.placement(clip.landmarks)
    rows, columns = mouth_crop.ROWS + MOUTH_MARGIN, mouth_crop.COLUMNS + MOUTH_MARGIN
    return np.rint(face_crop.sample(clip.frames, place, rows, columns)).astype(np.uint8)


def _sitting_slices(sat: Portraits) -> Iterator[slice]:
    key = sat.person * (int(sat.sitting.max()) + 1) + sat.sitting
    edges = np.concatenate([[0], np.flatnonzero(np.diff(key)) + 1, [len(key)]]).tolist()
    return (slice(first, end) for first, end in pairwise(edges))


def _stream() -> Callable[..., torch.Generator]:
    return partial(torch_stream, SEED, "pretrain")


def _minimised(
    name: str, problem: nn.Module, config: OptimiserConfig, out: Path, tell: Tell
) -> list[tuple[int, float]]:
    """The loss's curve; the averaged weights are in the problem."""
    checkpoint = out / "checkpoints" / f"{name}.safetensors"
    return Optimisation(problem, config, checkpoint).run(problem.loss, partial(tell, name))  # type: ignore[arg-type]


def _manifest(
    name: str, recipe: EvaluatorRecipe, config: BaseModel, curve: Sequence[tuple[int, float]]
) -> dict[str, Any]:
    people = recipe.model_dump(include={"public", "known", "made_up", "speakers"})
    return {
        "fitted_on": f"public people of the embedded corpus, seed {SEED}",
        "people": people,
        "optimiser": getattr(recipe, name).model_dump(),
        "config": config.model_dump(),
        "curve": [[step, round(loss, 4)] for step, loss in curve],
    }


def _verified(path: Path, wanted: Sequence[Sittings], workers: int, tell: Tell) -> dict[str, Any]:
    """Verification by single frames and by templates of a sitting."""
    sat = sittings(wanted, workers, tell)
    embed = TalkheadIdentity(path)
    parts = list(_sitting_slices(sat))
    vectors = [embed(sat.frames[part], sat.landmarks[part]) for part in parts]
    means = np.stack([own.mean(0) for own in vectors])
    templates = means / np.linalg.norm(means, axis=1, keepdims=True)
    first = [part.start for part in parts]
    frames = identity_fitting.verification(np.concatenate(vectors), sat.person, sat.sitting)
    together = identity_fitting.verification(templates, sat.person[first], sat.sitting[first])
    return {"frames": frames._asdict(), "templates": together._asdict()}


def _synchronised(network: TalkheadSync, clips: Sequence[Clip]) -> dict[str, Any]:
    """Share of clips whose sound is found to be where it is, and of those with another's sound."""
    seen = [network.video(clip.frames, clip.landmarks) for clip in clips]
    heard = [network.audio(clip.audio, clip.length, clip.fps) for clip in clips]
    own = [lip_sync(video, audio) for video, audio in zip(seen, heard, strict=True)]
    others = [lip_sync(video, audio) for video, audio in zip(seen, heard[1:] + heard[:1], strict=True)]
    return {
        "clips": len(clips),
        "exact": float(np.mean([sync.offset == 0 for sync in own])),
        "exact, another's sound": float(np.mean([sync.offset == 0 for sync in others])),
        "confidence": float(np.mean([sync.confidence for sync in own])),
        "confidence, another's sound": float(np.mean([sync.confidence for sync in others])),
    }


def _located(network: TalkheadLandmarks, sat: Portraits) -> dict[str, Any]:
    parts = list(_sitting_slices(sat))
    read = np.concatenate([network(sat.frames[part], sat.landmarks[part]) for part in parts])
    distance = np.concatenate(
        [np.full(part.stop - part.start, eye_distance(sat.landmarks[part])) for part in parts]
    )
    return landmark_fitting.validate(read, sat.landmarks, distance)._asdict()
