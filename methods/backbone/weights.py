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
from torch import Tensor

from privtalk.core.files import file_hash, write_atomic, write_bytes
from privtalk.core.json_files import read_json
from privtalk.core.tensor_files import tensor_bytes
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.backbone.listener import FOLDER

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
    before: dict[str, float] | None = None
    """The same of the weights that these went on from; None where they began from nothing, or by a tool that did not
    ask."""
    start: dict[str, Any] | None = None
    """The hash, recipe and curves of the weights that these went on from; None where they began from nothing."""


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
        return Manifest.model_validate(_of_today(read_json(path)))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path}: not a manifest of weights ({_line(error)}); run `bench pretrain` again"
        ) from error


def _of_today(raw: Any) -> Any:
    """A manifest as it is written now: until references could be aligned none was, and no place weighed more."""
    config = raw.get("config") if isinstance(raw, dict) else None
    if isinstance(config, dict):
        return raw | {"config": {"alignment": "none", "detail": 0.0} | config}
    return raw


def load(folder: Path | None = None) -> Backbone:
    """Frozen float32 backbone; the file must be the one that its manifest names."""
    folder = folder or embedded()
    manifest = load_manifest(folder)
    backbone = Backbone.initial(manifest.config, 0)
    tensors = read_tensors(folder, manifest)
    try:
        backbone.load_state_dict(_later(backbone) | tensors)
    except RuntimeError as error:
        raise ValueError(
            f"{folder / WEIGHTS}: not the weights of its manifest's network ({_line(error)})"
        ) from error
    backbone.listener_folder = None if manifest.config.audio.listener is None else folder / FOLDER
    return backbone.freeze()


def widened(folder: Path, config: BackboneConfig, seed: int) -> Backbone:
    """Untrained backbone of `config` that begins as the weights in `folder` do: what those lack is new, and further
    inputs of the denoiser start with weight 0, so that it gives what it gave.
    """
    manifest, backbone = load_manifest(folder), Backbone.initial(config, seed)
    if manifest.config.size != config.size:
        raise ValueError(
            f"{folder}: weights for {manifest.config.size} pixels, not {config.size}; name others"
        )
    new, old = backbone.state_dict(), read_tensors(folder, manifest)
    entry = "denoiser.conv_in.weight"
    wide = torch.zeros_like(new[entry])
    wide[:, : old[entry].shape[1]] = old[entry]
    try:
        backbone.load_state_dict(new | old | {entry: wide})
    except RuntimeError as error:
        raise ValueError(
            f"{folder / WEIGHTS}: weights of another network ({_line(error)}); name a folder that `bench pretrain` "
            "wrote"
        ) from error
    return backbone


LATER = "synchrony."
"""The encoder of lips and speech came after the first weights, which are whole without it."""


def _later(backbone: Backbone) -> dict[str, Tensor]:
    return {name: t for name, t in backbone.state_dict().items() if name.startswith(LATER)}


def read_tensors(folder: Path, manifest: Manifest) -> dict[str, Tensor]:
    """The weights (float32) of a folder; the file must be the one that its manifest names."""
    path = folder / WEIGHTS
    if not path.is_file():
        raise ValueError(f"{path}: no such file, though {MANIFEST} is there; run `bench pretrain` again")
    if file_hash(path) != manifest.sha256:
        raise ValueError(f"{path}: sha256 differs from the manifest's; the file is damaged, fetch it again")
    try:
        return {name: t.float() for name, t in load_file(path).items()}
    except (OSError, SafetensorError) as error:
        raise ValueError(f"{path}: not the weights of its manifest's network ({_line(error)})") from error


def _line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
