"""Tensor files whose bytes follow from their content alone, written whole or not at all."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from privtalk.core.files import write_bytes

ALIGNMENT = 8
"""Bytes to a multiple of which safetensors pads its header."""


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """A safetensors file, whole or not at all, readable by whom the process's mask lets read it."""
    write_bytes(path, tensor_bytes(tensors, metadata))


def tensor_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file of this content, the same at every call.

    The library writes several entries of metadata in random order; here they are sorted.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    written = save(whole, dict(metadata) if metadata else None)
    return sorted_metadata(written) if metadata and len(metadata) > 1 else written


def sorted_metadata(written: bytes) -> bytes:
    """A safetensors file with the entries of its metadata in the order of their names."""
    (length,) = struct.unpack("<Q", written[:8])
    header = json.loads(written[8 : 8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    return struct.pack("<Q", len(text)) + text + written[8 + length :]
