"""The names of ARKit's weights, by which data sets are matched: their orders differ."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.bench.corpus.mesh.layouts.recordings import MeshFault

CHANNELS = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""The 51 that every data set has, by name; some also have tongueOut, which is left out."""


def places(names: Sequence[str]) -> list[int]:
    """Returns where each of `CHANNELS` stands among names, whose case may differ; a `MeshFault` where one is missing.

    >>> places(["jawOpen", *(name for name in CHANNELS if name != "jawOpen")])[24:26]
    [0, 25]
    """
    found = {name.casefold(): place for place, name in enumerate(names)}
    if len(found) < len(names):
        raise MeshFault("weights with the same name")
    missing = [name for name in CHANNELS if name.casefold() not in found]
    if missing:
        raise MeshFault("not all of ARKit's weights by name", f"no {missing[0]}")
    return [found[name.casefold()] for name in CHANNELS]
