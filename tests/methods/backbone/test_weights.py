from __future__ import annotations

from pathlib import Path

import pytest
import torch

from privtalk.methods.backbone import weights
from privtalk.methods.backbone.backbone import Backbone

PROVENANCE = {"data": {}, "recipe": {}, "curves": {"denoiser": [(50, 0.5)]}, "validation": {}}


def test_saved_weights_come_back_in_half_precision(backbone: Backbone, tmp_path: Path) -> None:
    weights.save(backbone, tmp_path, **PROVENANCE)
    loaded = Backbone.load(tmp_path)
    assert loaded.config == backbone.config
    assert not any(p.requires_grad for p in loaded.parameters())
    for name, tensor in backbone.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)


def test_a_damaged_file_is_refused_by_name(backbone: Backbone, tmp_path: Path) -> None:
    weights.save(backbone, tmp_path, **PROVENANCE)
    path = tmp_path / weights.WEIGHTS
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ValueError, match=r"backbone\.safetensors: sha256 differs"):
        Backbone.load(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no manifest\.json there; name a folder"):
        Backbone.load(tmp_path)
