"""The manifest beside an evaluator's weights."""

import hashlib
import json

import pytest

from privtalk.metrics.evaluators.fitting.manifest import write_manifest
from privtalk.metrics.evaluators.fitting.mouth_fitting import FitConfig, ReaderValidation
from privtalk.metrics.evaluators.talkhead.mouth_opening import WEIGHTS

UNSEEN = ReaderValidation(correlation=0.95, worst_tenth=0.9, error=0.01, spread=0.05, clips=10)


def test_manifest_states_the_recipe_the_data_and_the_validation(tmp_path):
    weights = tmp_path / "reader.npz"
    weights.write_bytes(b"weights")
    content = json.loads(
        write_manifest(weights, FitConfig(), {"unseen": UNSEEN}, "public, seed 0").read_text()
    )
    assert content["sha256"] == hashlib.sha256(b"weights").hexdigest()
    assert content["config"]["epochs"] == FitConfig().epochs
    assert content["validation"]["unseen"]["correlation"] == 0.95
    assert content["fitted_on"] == "public, seed 0"


@pytest.mark.skipif(not WEIGHTS.exists(), reason="no embedded mouth reader in this tree")
def test_embedded_reader_is_the_one_validated():
    content = json.loads(WEIGHTS.with_suffix(".json").read_text())
    assert content["sha256"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert WEIGHTS.stat().st_size < 300_000
    assert all(result["correlation"] >= 0.9 for result in content["validation"].values())
