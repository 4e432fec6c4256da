"""`bench pretrain mouth_reader`: fits the in-domain reader of mouth openings on public people."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.pretraining.pools import Pool, Tell, film
from privtalk.core.seeds import torch_stream
from privtalk.metrics.evaluators.fitting.manifest import write_manifest
from privtalk.metrics.evaluators.fitting.mouth_fitting import FitConfig, ReaderValidation, fit, validate
from privtalk.metrics.evaluators.talkhead.mouth_opening import WEIGHTS

SEED = 0


def fit_mouth_reader(
    out: Path,
    pool: Pool | None = None,
    config: FitConfig | None = None,
    workers: int = 2,
    tell: Tell = lambda stage, done, total, loss: None,
) -> ReaderValidation:
    """Weights and manifest in `out`, from the first clip of every public person; how it does on held-out people."""
    pool, config = pool or Pool(), config or FitConfig()
    fitted = first_clips(film(pool.training(), workers, tell))
    reader = fit(
        [clip.frames for clip in fitted],
        [clip.landmarks for clip in fitted],
        partial(torch_stream, SEED, "pretrain"),
        config,
        lambda epoch, loss: tell("mouth_reader", epoch + 1, config.epochs, loss),
    )
    held_out = film(pool.validation(), workers, tell)
    found = validate(reader, [clip.frames for clip in held_out], [clip.landmarks for clip in held_out])
    out.mkdir(parents=True, exist_ok=True)
    weights = out / WEIGHTS.name
    reader.save(weights)
    words = f"first clips of {pool.people} public people of the embedded corpus, seed {pool.seed}"
    write_manifest(weights, config, {"heldout": found}, words)
    return found


def first_clips(clips: Sequence[Clip]) -> list[Clip]:
    """One clip of each person."""
    return [next(own) for _, own in groupby(clips, key=lambda clip: clip.identity)]
