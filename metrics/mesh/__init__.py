"""Metrics of 3-D faces: one a file, each with its declaration, listed in `MESH_METRICS`."""

from privtalk.metrics.declaration import Metric
from privtalk.metrics.mesh.eve import EVE, eve
from privtalk.metrics.mesh.fdd import ABSOLUTE_FDD, FDD, absolute_fdd, fdd
from privtalk.metrics.mesh.lve import LVE, lve
from privtalk.metrics.mesh.mve import MVE, mve

MESH_METRICS: dict[str, Metric] = {
    "lve": LVE,
    "eve": EVE,
    "mve": MVE,
    "fdd": FDD,
    "absolute_fdd": ABSOLUTE_FDD,
}

__all__ = ["MESH_METRICS", "absolute_fdd", "eve", "fdd", "lve", "mve"]
