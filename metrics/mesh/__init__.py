"""Metrics of 3-D faces: one a file, each with its declaration, listed in `MESH_METRICS`."""

from privtalk.metrics.declaration import Metric
from privtalk.metrics.mesh.closure import CLOSURE, closure, lip_gap
from privtalk.metrics.mesh.diversity import DIVERSITY, diversity
from privtalk.metrics.mesh.eve import EVE, EVE_ABOVE_FLOOR, eve
from privtalk.metrics.mesh.fdd import ABSOLUTE_FDD, FDD, absolute_fdd, fdd
from privtalk.metrics.mesh.lve import LVE, lve
from privtalk.metrics.mesh.mve import MVE, mve
from privtalk.metrics.mesh.readability import READABILITY, VisemeReader, lip_shape

MESH_METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        LVE,
        EVE,
        EVE_ABOVE_FLOOR,
        MVE,
        FDD,
        ABSOLUTE_FDD,
        CLOSURE,
        READABILITY,
        DIVERSITY,
    )
}

__all__ = [
    "MESH_METRICS",
    "VisemeReader",
    "absolute_fdd",
    "closure",
    "diversity",
    "eve",
    "fdd",
    "lip_gap",
    "lip_shape",
    "lve",
    "mve",
]
