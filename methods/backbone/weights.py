"""Weights on disk: safetensors in half precision beside a manifest that says where they come from."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file

from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig

WEIGHTS = "backbone.safetensors"
MANIFEST = "manifest.json"


class Manifest(BaseModel):
    """Provenance of a folder of weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: BackboneConfig
    sha256: str
    """Of the weights' file."""
    data: dict[str, Any]
    """Public identities that were seen: configuration and hash of the frames."""
    recipe: dict[str, Any]
    curves: dict[str, list[tuple[int, float]]]
    """(step, loss) by stage."""
    validation: dict[str, float]
    """Measured on held-out identities after training."""


def embedded() -> Path:
    """Folder of the weights in the package."""
    return Path(str(files("privtalk.methods.backbone") / "weights_embedded"))


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save(backbone: Backbone, folder: Path, **provenance: Any) -> Manifest:
    """Write weights (float16) and manifest; `provenance` holds the manifest's data, recipe, curves, validation."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: t.detach().to("cpu", torch.float16).contiguous() for name, t in backbone.state_dict().items()
    }
    partial = folder / f"{WEIGHTS}.part"
    save_file(tensors, partial)
    partial.replace(folder / WEIGHTS)
    manifest = Manifest(config=backbone.config, sha256=sha256(folder / WEIGHTS), **provenance)
    (folder / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return manifest


def load_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.exists():
        raise FileNotFoundError(f"{folder}: no {MANIFEST} there; name a folder that `bench pretrain` wrote")
    return Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))


def load(folder: Path | None = None) -> Backbone:
    """Frozen float32 backbone; the file must be the one that its manifest names."""
    folder = folder or embedded()
    manifest = load_manifest(folder)
    if sha256(folder / WEIGHTS) != manifest.sha256:
        raise ValueError(
            f"{folder / WEIGHTS}: sha256 differs from the manifest's; the file is damaged, fetch it again"
        )
    backbone = Backbone(manifest.config)
    tensors = load_file(folder / WEIGHTS)
    backbone.load_state_dict({name: t.float() for name, t in tensors.items()})
    return backbone.freeze()
