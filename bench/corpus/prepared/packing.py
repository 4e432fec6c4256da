"""Pictures as what changes in them, and an npz file of arrays, each packed as it becomes smallest.

From one frame to the next, and from the green to the other colours, faces differ by little and by much the same
amounts everywhere; Huffman's code alone then packs them better than a search for repeats does, and several times
faster. What is written is an ordinary zip file of ordinary arrays, so that it is read, and checked, like any.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

CHANGES = "changes"
"""Name of the array that holds pictures as changes."""
LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
VERSION, DEFLATED, DAY = 20, 8, 0x21
"""Version of zip that is needed, the method, and the first day that zip can name: equal arrays give equal bytes."""


def changes(frames: Pixels) -> Pixels:
    """Returns pictures [T, H, W, 3] as changes [3, T, H, W], modulo 256: over time, and red and blue less green.

    >>> frames = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3) * np.uint8(11)
    >>> bool((restored(changes(frames)) == frames).all())
    True
    """
    found = frames.copy()
    found[1:] -= frames[:-1]
    found[..., 0] -= found[..., 1]
    found[..., 2] -= found[..., 1]
    return np.ascontiguousarray(found.transpose(3, 0, 1, 2))


def restored(found: Pixels) -> Pixels:
    """Returns the pictures [T, H, W, 3] of changes [3, T, H, W]; raises `ValueError` where it is none."""
    if found.dtype != np.uint8 or found.ndim != 4 or len(found) != 3:
        raise ValueError(f"changes of pictures are {found.dtype} {list(found.shape)}, not uint8 [3, T, S, S]")
    frames = np.ascontiguousarray(found.transpose(1, 2, 3, 0))
    frames[..., 0] += frames[..., 1]
    frames[..., 2] += frames[..., 1]
    for number in range(1, len(frames)):
        frames[number] += frames[number - 1]
    return frames


def array_bytes(array: NDArray[Any]) -> bytes:
    """Returns an array as an .npy file."""
    buffer = io.BytesIO()
    npy.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Returns an npz file of arrays; equal arrays give equal bytes."""
    body, index = bytearray(), bytearray()
    for name, array in arrays.items():
        data = array_bytes(array)
        packed = _packed(data, zlib.Z_HUFFMAN_ONLY if name == CHANGES else zlib.Z_DEFAULT_STRATEGY)
        title, crc = f"{name}.npy".encode(), zlib.crc32(data)
        sizes = crc, len(packed), len(data)
        index += CENTRAL.pack(
            b"PK\1\2", VERSION, VERSION, 0, DEFLATED, 0, DAY, *sizes, len(title), 0, 0, 0, 0, 0, len(body)
        )
        index += title
        body += LOCAL.pack(b"PK\3\4", VERSION, 0, DEFLATED, 0, DAY, *sizes, len(title), 0) + title + packed
    end = END.pack(b"PK\5\6", 0, 0, len(arrays), len(arrays), len(index), len(body), 0)
    return bytes(body + index + end)


def _packed(data: bytes, strategy: int) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, 9, strategy)
    return packer.compress(data) + packer.flush()
