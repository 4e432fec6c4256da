"""The Fréchet distance between two sets of features, and each clip's share in it.

Heusel et al. (2017): |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½). It is a figure of a whole set. To say how sure it is, and
to compare two rows pair by pair, each clip gets a share: the distance plus the clip's influence on it, its first-order
effect (the infinitesimal jackknife, Jaeckel 1972). The shares' mean is the distance, their spread over clients its
standard error, and the difference of two rows' shares that of the two distances, with what they have in common
cancelled.

N rows of D features, C clips.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.inputs import check_floats
from privtalk.metrics.spool import Spool

Array = NDArray[np.float64]

RANK = 1e-10
"""Eigenvalues below this share of the largest count as 0."""


class Moments(NamedTuple):
    """Mean [D] and covariance [D, D] of features."""

    mean: Array
    covariance: Array


class SetScore(NamedTuple):
    """A figure of many clips together."""

    value: float
    shares: tuple[float, ...]
    """One a clip, whose mean is the value."""


def moments(spool: Spool) -> Moments:
    """Mean and unbiased covariance, in two passes; needs more rows than features."""
    if len(spool) <= spool.dim:
        raise Undefined(
            f"{len(spool)} samples are too few for a covariance of {spool.dim} features (more than {spool.dim})"
        )
    mean = sum(block.rows.sum(0) for block in spool.blocks()) / len(spool)
    scatter = np.zeros((spool.dim, spool.dim))
    for block in spool.blocks():
        centred = block.rows - mean
        scatter += centred.T @ centred
    return Moments(np.asarray(mean), scatter / (len(spool) - 1))


def frechet_distance(first: Moments, second: Moments) -> float:
    """|μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁ Σ₂)^½; 0 for equal moments, lower is closer.

    >>> unit = Moments(np.zeros(2), np.eye(2))
    >>> frechet_distance(unit, Moments(np.array([3.0, 4.0]), 4 * np.eye(2)))
    27.0
    """
    for found in (first, second):
        check_floats(found.mean, "means", "[D]", 1)
        check_floats(found.covariance, "covariances", "[D, D]", 2)
        if found.covariance.shape != first.mean.shape * 2 or found.mean.shape != first.mean.shape:
            raise ValueError(
                f"moments of {list(found.mean.shape)} and {list(found.covariance.shape)}, all must be of the same "
                "features"
            )
    shift = first.mean - second.mean
    root = _power(second.covariance, 0.5)
    cross = np.linalg.eigvalsh(root @ first.covariance @ root)
    shared = np.sqrt(np.maximum(cross, 0)).sum()
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return max(float(shift @ shift + traces - 2 * shared), 0.0)


def frechet(generated: Spool, truth: Spool) -> SetScore:
    """The distance between the features of the same clips' generated and true frames, with each clip's share."""
    if len(generated.counts) != len(truth.counts):
        raise ValueError(
            f"{len(generated.counts)} generated and {len(truth.counts)} true clips; give both of each clip"
        )
    first, second = moments(generated), moments(truth)
    value = frechet_distance(first, second)
    moved = clip_influence(generated, first, second) + clip_influence(truth, second, first)
    return SetScore(value, tuple((value + moved).tolist()))


def clip_influence(spool: Spool, own: Moments, other: Moments) -> Array:
    """[C] first-order effect on the distance of each clip of `spool`, whose moments are `own`; their mean is 0.

    ψ(x) = 2 (μ₁ − μ₂)·(x − μ₁) + (x − μ₁)ᵀ (I − G)(x − μ₁) − tr((I − G) Σ₁), where G = Σ₂^½ (Σ₂^½ Σ₁ Σ₂^½)^−½ Σ₂^½
    is the derivative of 2 tr (Σ₁ Σ₂)^½, summed over a clip's rows and scaled by the mean number of rows.
    """
    root = _power(other.covariance, 0.5)
    bend = np.eye(spool.dim) - root @ _power(root @ own.covariance @ root, -0.5) @ root
    shift = 2 * (own.mean - other.mean)
    effect = np.zeros(len(spool.counts))
    for block in spool.blocks():
        centred = block.rows - own.mean
        each = centred @ shift + np.einsum("nd,nd->n", centred @ bend, centred)
        effect += np.bincount(block.clip, each, len(effect))
    counts = np.asarray(spool.counts, dtype=np.float64)
    expected = float(effect.sum()) / len(spool)
    scaled: Array = (effect - expected * counts) / counts.mean()
    return scaled


def _power(matrix: Array, exponent: float) -> Array:
    """Power of a symmetric positive semi-definite matrix, on its range."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    kept = values > RANK * max(values[-1], 0.0)
    raised = (
        np.where(kept, np.maximum(values, RANK) ** exponent, 0.0) if kept.any() else np.zeros_like(values)
    )
    result: Array = (vectors * raised) @ vectors.T
    return result
