"""Weights of the in-domain networks on disk: half precision, safetensors, a manifest beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from privtalk.core.files import write_atomic, write_bytes
from privtalk.core.tensor_files import tensor_bytes
from privtalk.metrics.evaluators.talkhead.blocks import Network

FOLDER = Path(__file__).parent
"""The embedded networks, for the embedded corpus."""
CHUNK = 16
"""Images that pass a network at a time: few enough for their maps to stay in the cache (a quarter faster than 64)."""


def save_network(module: nn.Module, path: Path, manifest: Mapping[str, Any]) -> None:
    """Write ``<path>`` and, with its hash, ``<path>.json``: how it was fitted, on what, and how well it does.

    Each is written whole or not at all.
    """
    written = tensor_bytes({name: tensor.detach().half() for name, tensor in module.state_dict().items()})
    content = {"weights": path.name, "sha256": hashlib.sha256(written).hexdigest(), **manifest}
    text = json.dumps(content, indent=1) + "\n"
    write_bytes(path, written)
    write_atomic(path.with_suffix(".json"), text)


def load_network(module: Network, path: Path) -> Network:
    """Weights from `save_network` put into `module`, which is frozen and returned."""
    try:
        tensors = {name: tensor.float() for name, tensor in load_file(path).items()}
        module.load_state_dict(tensors)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ValueError(
            f"{path}: no {type(module).__name__} ({str(error).splitlines()[0]}); "
            "make it with: bench pretrain evaluators"
        ) from error
    return module.eval().requires_grad_(False)


def to_images(crops: NDArray[np.float32] | NDArray[np.uint8]) -> Tensor:
    """[N, 3, R, C] float32 of pictures [N, R, C, 3] in grey levels."""
    return torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float()
