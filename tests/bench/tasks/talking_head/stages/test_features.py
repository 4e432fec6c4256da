"""Cached features are what the backbone makes of each clip, whatever portion it was encoded in."""

from __future__ import annotations

import pytest
import torch

from privtalk.bench.corpus.filming import footage
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.corpus.spec import CorpusSpec
from privtalk.bench.execution import Succeeded, execute
from privtalk.bench.networks import find_network, open_backbone
from privtalk.bench.preparing import make
from privtalk.bench.tasks.talking_head.stages.features import FeatureStore
from privtalk.bench.tasks.talking_head.stages.prepare import features

SPEC = CorpusSpec.model_validate(
    {
        "size": 32,
        "clients": 3,
        "heldout": 2,
        "tested": 1,
        "attacked": 2,
        "train": {"clips": 2, "frames": 5},
        "test": {"clips": 1, "frames": 6},
        "fresh": {"clips": 2, "frames": 4},
    }
)


@pytest.fixture(scope="module")
def store(world):
    population = open_population(SPEC, None)
    network = find_network("tiny")
    assert make(footage(population), 1) == 5
    assert make(features(population, network, True), 1) == 5
    return FeatureStore(population, network, True)


def test_features_are_the_backbones(store):
    backbone = open_backbone(store.network)
    for person, purpose in (
        (store.population.people("clients")[2], "train"),
        (store.population.people("heldout")[1], "fresh"),
    ):
        kept = store.load(person, purpose)
        for number, clip in enumerate(store.population.clips(person, purpose)):
            fresh = backbone.features(clip.frames, clip.audio, clip.landmarks, clip.fps, masked=True)
            for name in ("latents", "audio", "landmarks", "masked"):
                torch.testing.assert_close(
                    getattr(kept, name)[number], getattr(fresh, name), rtol=1e-4, atol=1e-5
                )


def test_nothing_is_encoded_twice_and_damage_is_mended(store):
    assert store.missing() == []
    path = store.path(store.population.groups()[0])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    (task,) = store.missing()
    assert [type(outcome) for outcome in execute([task], 1)] == [Succeeded]
    assert path.read_bytes() == whole


def test_other_weights_and_tracks_are_other_files(store):
    group = store.population.groups()[0]
    others = (
        FeatureStore(store.population, store.network, False),
        FeatureStore(store.population, find_network("tiny", "cpu"), True),
    )
    assert others[0].path(group) != store.path(group)
    assert others[1].path(group) == store.path(group)


def test_footage_that_cannot_be_made_is_one_line(store, monkeypatch, capsys):
    from privtalk.bench import cli
    from privtalk.bench.corpus.rendered import embedded

    def silent(*arguments):
        raise RuntimeError("espeak-ng cannot be loaded; run: pip install espeakng-loader")

    monkeypatch.setattr(embedded, "film", silent)
    line = ["data", "build", "--preset", "smoke", "--workers", "1"]
    assert cli.guarded(line) == 2
    err = capsys.readouterr().err
    assert "bench: filming clients-train" in err
    assert "failed: RuntimeError: espeak-ng cannot be loaded; run: pip install espeakng-loader" in err
    assert "Traceback" not in err


def test_clips_that_nobody_filmed_are_a_key_error(store):
    with pytest.raises(KeyError):
        store.load(store.population.people("clients")[2], "test")
