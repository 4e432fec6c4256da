"""Weights on disk: safetensors in half precision beside a manifest that says where they come from."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import load_file

from privtalk.core.files import file_hash, write_atomic, write_bytes
from privtalk.core.tensor_files import tensor_bytes
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig

WEIGHTS = "backbone.safetensors"
MANIFEST = "manifest.json"


class Manifest(BaseModel):
    """Provenance of a folder of weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: BackboneConfig
    sha256: str
    """The hash of the weights' file."""
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


def save(backbone: Backbone, folder: Path, **provenance: Any) -> Manifest:
    """Write weights (float16) and manifest; `provenance` holds the manifest's data, recipe, curves, validation."""
    written = tensor_bytes({name: t.to("cpu", torch.float16) for name, t in backbone.state_dict().items()})
    made = hashlib.sha256(written).hexdigest()
    manifest = Manifest(config=backbone.config, sha256=made, **provenance)
    write_bytes(folder / WEIGHTS, written)
    write_atomic(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
    return manifest


def load_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.exists():
        raise FileNotFoundError(f"{folder}: no {MANIFEST} there; name a folder that `bench pretrain` wrote")
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path}: not a manifest of weights ({_line(error)}); run `bench pretrain` again"
        ) from error


def load(folder: Path | None = None) -> Backbone:
    """Frozen float32 backbone; the file must be the one that its manifest names."""
    folder = folder or embedded()
    manifest, path = load_manifest(folder), (folder or embedded()) / WEIGHTS
    if not path.is_file():
        raise ValueError(f"{path}: no such file, though {MANIFEST} is there; run `bench pretrain` again")
    if file_hash(path) != manifest.sha256:
        raise ValueError(f"{path}: sha256 differs from the manifest's; the file is damaged, fetch it again")
    try:
        backbone = Backbone(manifest.config)
        backbone.load_state_dict({name: t.float() for name, t in load_file(path).items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ValueError(f"{path}: not the weights of its manifest's network ({_line(error)})") from error
    return backbone.freeze()


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
