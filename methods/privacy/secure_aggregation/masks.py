"""Masks: the AES-256-CTR key stream of a 32-byte key, as integers modulo 2^b.

Every coordinate has its own word of the stream. The key serves for one vector only, so the counter starts at zero.
"""

from __future__ import annotations

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import NDArray

Words = NDArray[np.unsignedinteger]
"""uint32 for b <= 32, uint64 above."""
_BLOCK = 16


def word(bits: int) -> np.dtype[np.unsignedinteger]:
    """Little-endian on every machine, so that all expand a key alike."""
    return np.dtype("<u4" if bits <= 32 else "<u8")


def key_stream(key: bytes, dim: int, bits: int) -> Words:
    """`dim` words of the key's stream; their lower `bits` bits are uniform."""
    size = dim * word(bits).itemsize
    stream = bytearray(size + _BLOCK)
    Cipher(AES(key), CTR(bytes(_BLOCK))).encryptor().update_into(bytes(size), stream)
    return np.frombuffer(stream, word(bits), dim)


def add_mask(total: Words, key: bytes, bits: int) -> None:
    """Onto `total` [d], in place; words wrap around."""
    np.add(total, key_stream(key, len(total), bits), out=total)


def subtract_mask(total: Words, key: bytes, bits: int) -> None:
    """Off `total` [d], in place."""
    np.subtract(total, key_stream(key, len(total), bits), out=total)


def to_words(integers: NDArray[np.int64], bits: int) -> Words:
    """Integers modulo the word's size; a copy."""
    return integers.astype(word(bits))


def reduce(words: Words, bits: int) -> Words:
    """Modulo 2^b, a copy."""
    return words & words.dtype.type(2**bits - 1)


def centred(words: Words, bits: int) -> NDArray[np.int64]:
    """Integers in [-2^(b-1), 2^(b-1)) that equal the words modulo 2^b.

    >>> centred(np.array([1, 255], "<u4"), 8)
    array([ 1, -1])
    """
    lifted = reduce(words, bits).astype(np.int64)
    return np.where(lifted >= 2 ** (bits - 1), lifted - 2**bits, lifted)
