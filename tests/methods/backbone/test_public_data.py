"""Public data in memory and in files: the same numbers, and memory that does not grow with the corpus."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.latent_data import LatentData
from privtalk.methods.backbone.public_data import FRAMES, PublicData, RowSink
from privtalk.methods.backbone.recipe import BackboneRecipe


def clips(count: int, frames: int = 8, size: int = 32) -> Iterator[SimpleNamespace]:
    rng = np.random.default_rng(0)
    for number in range(count):
        yield SimpleNamespace(
            frames=rng.integers(0, 256, (frames, size, size, 3), np.uint8),
            audio=(0.1 * rng.standard_normal(frames * 640 + number)).astype(np.float32),
            fps=25.0,
            landmarks=(rng.random((frames, 68, 2)) * size).astype(np.float32),
            identity=f"person-{number % 3}",
        )


def test_files_hold_what_memory_would(tmp_path):
    kept, filed = PublicData.gather(clips(5)), PublicData.gather(clips(5), tmp_path)
    assert torch.equal(kept.frames, filed.frames)
    assert kept.digest() == filed.digest()
    for ours, theirs, clip in zip(kept.audio, filed.audio, clips(5), strict=True):
        np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(ours, clip.audio)
    assert (tmp_path / FRAMES).stat().st_size == kept.frames.numel()


def test_latents_in_files_are_those_in_memory_and_are_found_again(tmp_path):
    backbone, recipe, data = Backbone.tiny(), BackboneRecipe(), PublicData.gather(clips(4))
    kept = LatentData.encode(backbone, data, recipe)
    filed = LatentData.encode(backbone, data, recipe, tmp_path)
    for name in ("latents", "masked", "windows", "landmarks", "near"):
        assert torch.equal(getattr(kept, name), getattr(filed, name)), name
    filed.latents[0] = 0
    again = LatentData.encode(backbone, data, recipe, tmp_path)
    assert not again.latents[0].any(), "they were found, not made anew"
    other = LatentData.encode(Backbone.tiny(seed=1), data, recipe, tmp_path)
    assert other.latents[0].any(), "another autoencoder's latents are others"


def test_positions_weigh_one_on_average():
    data = PublicData.gather(clips(6))
    found = LatentData.encode(Backbone.tiny(), data, BackboneRecipe(detail_weight=3.0))
    weights = found.weights(torch.arange(len(data.frames)))
    assert weights.shape == (48, 4, 4)
    assert float(weights.mean()) == pytest.approx(1, abs=1e-5)
    assert float(weights.std()) > 0.1


def test_memory_does_not_grow_with_the_frames(tmp_path):
    """Frames of 400 clips would take 118 MB; mapped pages that nobody asked for take none."""

    tracemalloc.start()
    try:
        data = PublicData.gather(clips(400, 24, 64), tmp_path / "many")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data.frames) == 9600
    assert peak < 40 * 2**20


def test_no_clips_and_clips_of_two_sizes_are_refused(tmp_path):
    for store in (None, tmp_path):
        with pytest.raises(ValueError, match="no public clips"):
            PublicData.gather([], store)
        with pytest.raises(ValueError, match="one size"):
            PublicData.gather([*clips(1), *clips(1, size=64)], store)
        sink = RowSink(np.float32, None if store is None else store / "rows")
        with pytest.raises(ValueError, match="no public clips"):
            sink.close()
