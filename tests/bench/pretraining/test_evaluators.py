"""The recipe of the embedded networks at toy size: every one is fitted, validated, written, read again."""

from __future__ import annotations

import json

import pytest

from privtalk.bench.pretraining.evaluators import FITS, EvaluatorRecipe, fit_evaluators
from privtalk.core.files import file_hash
from privtalk.methods.backbone.optimise import OptimiserConfig
from privtalk.metrics.evaluators.talkhead.feature_network import load_features
from privtalk.metrics.evaluators.talkhead.identity_network import TalkheadIdentity
from privtalk.metrics.evaluators.talkhead.landmark_network import TalkheadLandmarks
from privtalk.metrics.evaluators.talkhead.sync_network import TalkheadSync

QUICK = OptimiserConfig(steps=2, batch=4, learning_rate=1e-3, report_every=1)
TOY = EvaluatorRecipe(
    public=4, known=2, made_up=2, speakers=2, unseen=3, heard=2,
    identity=QUICK, sync=QUICK, landmarks=QUICK, features=QUICK,
)  # fmt: skip
READERS = {
    "identity": TalkheadIdentity,
    "sync": TalkheadSync,
    "landmarks": TalkheadLandmarks,
    "features": load_features,
}


@pytest.fixture(scope="module")
def fitted(world, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluators")
    return out, fit_evaluators(out, TOY, workers=1)


def test_every_network_is_written_with_how_it_came_about(fitted):
    out, _ = fitted
    for name, read in READERS.items():
        read(out / f"{name}.safetensors")
        manifest = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
        assert manifest["sha256"] == file_hash(out / f"{name}.safetensors")
        assert manifest["optimiser"]["steps"] == 2
        assert [step for step, _ in manifest["curve"]] == [1, 2]
        assert manifest["people"]["speakers"] == 2


def test_validation_is_of_people_unseen(fitted):
    _, found = fitted
    assert list(found) == list(FITS)
    assert set(found["identity"]) == {"broader world", "public world"}
    # 3 people x 6 pairs of their 4 sittings; single frames: x 4 x 4
    assert found["identity"]["broader world"]["templates"]["pairs"] == 18
    assert found["identity"]["broader world"]["frames"]["pairs"] == 18 * 16
    assert found["sync"]["clips"] == 4
    assert found["landmarks"]["frames"] == 48


def test_a_finished_fit_is_not_done_again(fitted):
    out, found = fitted
    before = {name: file_hash(out / f"{name}.safetensors") for name in FITS}
    told = []
    again = fit_evaluators(out, TOY, ["landmarks"], 1, lambda stage, *_: told.append(stage))
    assert again == {"landmarks": found["landmarks"]}
    assert told == []
    assert {name: file_hash(out / f"{name}.safetensors") for name in FITS} == before


def test_unknown_networks_are_named_with_the_valid_ones(tmp_path):
    with pytest.raises(ValueError, match=r"unknown evaluators \['ears'\]; valid: identity, sync"):
        fit_evaluators(tmp_path, TOY, ["ears"])
