"""The published networks by the name that metrics carry in brackets, built from installed weights, or from those
that a package holds.

Nothing is imported, let alone downloaded, before a network is asked for.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from privtalk.metrics.weights import WeightsError, verify


class Unavailable(ValueError):
    """A network that cannot be had here; the message is the reason, and the way out, in one line."""


class Loader(NamedTuple):
    """How an evaluator is built."""

    weights: str
    """Its name in the catalogue of weights."""
    module: str
    """The module that holds it, in this package."""
    build: str
    """Its class there."""
    arguments: tuple[str, ...] = ()
    """The arguments that its class takes before the path."""
    extra: str | None = None
    """The optional dependencies that it needs."""


LOADERS: dict[str, Loader] = {
    "alex": Loader("lpips-alex", "lpips_network", "Lpips", ("alex",)),
    "vgg": Loader("lpips-vgg", "lpips_network", "Lpips", ("vgg",)),
    "squeeze": Loader("lpips-squeeze", "lpips_network", "Lpips", ("squeeze",)),
    "inception": Loader("inception", "inception", "Inception"),
    "i3d": Loader("i3d", "i3d", "I3D"),
    "arcface": Loader("arcface", "arcface", "ArcFace", (), "faces"),
    "syncnet": Loader("syncnet", "syncnet", "SyncNet"),
    "pfld": Loader("pfld", "onnx_landmarks", "OnnxLandmarks", (), "faces"),
    "dlib": Loader("dlib", "dlib_faces", "DlibIdentity", (), "faces"),
    "dlib-68": Loader("dlib-68", "dlib_faces", "DlibLandmarks", (), "faces"),
}


def load(name: str, *, in_package: bool = False) -> object:
    """The evaluator of a name, its weights' hash checked first; `in_package`: see `weights.verify`.

    Raises `Unavailable` with the reason where its weights or its package are absent, or the weights are damaged
    or of another network; a `ValueError` for a name that is not known.
    """
    if name not in LOADERS:
        raise ValueError(f"unknown evaluator {name!r}; valid: {', '.join(LOADERS)}")
    loader = LOADERS[name]
    try:
        return _build(name, loader, verify(loader.weights, in_package=in_package).path)
    except Unavailable:
        raise
    except (WeightsError, ValueError) as error:
        raise Unavailable(str(error)) from error


def _build(name: str, loader: Loader, path: Path) -> object:
    try:
        module = import_module(f"privtalk.metrics.evaluators.published.{loader.module}")
    except ImportError as error:
        package = f"privtalk-bench[{loader.extra}]" if loader.extra else "privtalk-bench"
        raise Unavailable(
            f"{name} needs the package {error.name or error}: python3 -m pip install '{package}'"
        ) from error
    evaluator: object = getattr(module, loader.build)(*loader.arguments, path)
    return evaluator
