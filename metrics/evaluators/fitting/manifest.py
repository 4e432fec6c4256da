"""What is written beside an evaluator's weights: how it was fitted, on what, and how well it does."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from privtalk.metrics.evaluators.fitting.mouth_fitting import FitConfig, Validation


def write_manifest(weights: Path, config: FitConfig, validation: Mapping[str, Validation], data: str) -> Path:
    """Write ``<weights>.json`` beside the weights; data: what the evaluator was fitted on, in words or by hash."""
    content = {
        "weights": weights.name,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "fitted_on": data,
        "config": asdict(config),
        "validation": {name: asdict(result) for name, result in validation.items()},
    }
    path = weights.with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path
