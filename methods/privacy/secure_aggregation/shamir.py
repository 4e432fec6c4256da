"""Shamir's secret sharing (1979) of 32-byte secrets in the prime field of p = 2^256 + 297.

A secret is f(0) of a random polynomial f of degree t - 1, client k holds f(k + 1). Any t shares give the
secret, t - 1 tell nothing. Python's integers do not run in constant time: the protocol's adversary sees
messages, not clocks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from privtalk.methods.privacy.secure_aggregation.errors import (
    TamperedError,
    TooFewClientsError,
    UnknownClientError,
)
from privtalk.methods.privacy.secure_aggregation.keys import SECRET_BYTES, Secrets

PRIME = 2**256 + 297
"""The least prime above 2^256, so that every 32 bytes are a field element."""
SHARE_BYTES = 33
_DRAW_BYTES = 64
"""The bytes of a coefficient before it is reduced modulo p: its bias is below 2^-255."""


def share(secret: bytes, holders: Sequence[int], threshold: int, secrets: Secrets) -> dict[int, bytes]:
    """Holder -> its share; any `threshold` of them recover the secret."""
    if not 1 <= threshold <= len(holders):
        raise TooFewClientsError(f"{len(holders)} holders cannot share a secret of threshold {threshold}")
    _check_points(holders)
    drawn = secrets(_DRAW_BYTES * (threshold - 1))
    cuts = range(0, len(drawn), _DRAW_BYTES)
    polynomial = [_integer(secret), *(_integer(drawn[i : i + _DRAW_BYTES]) % PRIME for i in cuts)]
    return {k: _evaluate(polynomial, k + 1).to_bytes(SHARE_BYTES, "big") for k in holders}


def recover(shares: Mapping[int, bytes], threshold: int) -> bytes:
    """The 32-byte secret of at least `threshold` shares by holder; of more, the lowest numbers are used."""
    if len(shares) < threshold:
        raise TooFewClientsError(f"{len(shares)} shares of {threshold} that are needed")
    _check_points(shares)
    chosen = tuple(sorted(shares)[:threshold])
    value = sum(w * _integer(shares[k]) for k, w in zip(chosen, _weights(chosen), strict=True)) % PRIME
    if value >> (8 * SECRET_BYTES):
        raise TamperedError("shares do not lie on one polynomial: one of them was changed")
    return value.to_bytes(SECRET_BYTES, "big")


def _check_points(holders: Collection[int]) -> None:
    """Raises unless all hold shares at different points other than 0, where the polynomial is the secret itself."""
    points = {(k + 1) % PRIME for k in holders}
    if 0 in points:
        raise UnknownClientError("a client's number is -1 in the field: its share would be the secret itself")
    if len(points) < len(holders):
        raise UnknownClientError("two clients' numbers are one in the field: they would hold the same share")


@lru_cache(maxsize=256)
def _weights(holders: tuple[int, ...]) -> tuple[int, ...]:
    """Lagrange's weights at zero: Π_j x_j / (x_j - x_i)."""
    points = [k + 1 for k in holders]
    weights = []
    for i in points:
        above = below = 1
        for j in points:
            if j != i:
                above, below = above * j % PRIME, below * (j - i) % PRIME
        weights.append(above * pow(below, -1, PRIME) % PRIME)
    return tuple(weights)


def _evaluate(polynomial: Sequence[int], x: int) -> int:
    value = 0
    for coefficient in reversed(polynomial):
        value = (value * x + coefficient) % PRIME
    return value


def _integer(data: bytes) -> int:
    return int.from_bytes(data, "big")
