"""Weights of published networks: what they are, where they come from, and where they lie."""

from privtalk.metrics.weights.catalogue import CATALOGUE, Archive, Weights, weights
from privtalk.metrics.weights.errors import LicenceNotAccepted, WeightsError, WeightsMissing
from privtalk.metrics.weights.packages import Packaged
from privtalk.metrics.weights.store import (
    InstalledWeights,
    add,
    fetch,
    find,
    folder,
    installed,
    packaged,
    verify,
)

__all__ = [
    "CATALOGUE",
    "Archive",
    "InstalledWeights",
    "LicenceNotAccepted",
    "Packaged",
    "Weights",
    "WeightsError",
    "WeightsMissing",
    "add",
    "fetch",
    "find",
    "folder",
    "installed",
    "packaged",
    "verify",
    "weights",
]
