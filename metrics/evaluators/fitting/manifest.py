"""The note beside an evaluator's weights: how it was fitted, on what, and how well it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from privtalk.core.files import file_hash, write_atomic
from privtalk.metrics.evaluators.fitting.mouth_fitting import FitConfig, ReaderValidation


def write_manifest(
    weights: Path, config: FitConfig, validation: Mapping[str, ReaderValidation], data: str
) -> Path:
    """Write ``<weights>.json`` beside the weights; data: what the evaluator was fitted on, in words or by hash."""
    content = {
        "weights": weights.name,
        "sha256": file_hash(weights),
        "fitted_on": data,
        "config": asdict(config),
        "validation": {name: asdict(result) for name, result in validation.items()},
    }
    path = weights.with_suffix(".json")
    write_atomic(path, json.dumps(content, indent=1) + "\n")
    return path
