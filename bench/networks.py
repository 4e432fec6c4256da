"""The frozen backbone that a run uses, and where this process keeps it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from privtalk.core.errors import UserError, unknown
from privtalk.core.frozen import Frozen

if TYPE_CHECKING:
    from privtalk.bench.corpus.population import Population, Role
    from privtalk.methods.backbone.backbone import Backbone

DEVICES = ("auto", "cpu", "cuda")
TINY_SIZE = 32
"""Pixels a side that `Backbone.tiny` takes."""


class BackboneSpec(Frozen):
    """The frozen network. Filled in when a suite is expanded, from the weights at hand."""

    name: Literal["weights", "tiny"] = "weights"
    """`tiny`: toy weights, for tests."""
    sha256: str = ""
    """The hash of the weights' file."""


@dataclass(frozen=True, slots=True)
class Network:
    """A backbone, by the hash of its weights, and where they lie on this machine."""

    spec: BackboneSpec
    folder: str | None
    """None: not on disk (`tiny`)."""
    size: int
    """Pixels a side of its frames."""
    device: str = "cpu"
    seen: frozenset[str] = frozenset()
    """Identities of a prepared corpus that it was trained on."""
    recomputes: bool = False
    """Whether training keeps the inputs of blocks alone. No figure depends on it."""


@dataclass(frozen=True, slots=True)
class Means:
    """The things that a cell needs of this machine."""

    network: Network
    corpus: str | None = None
    """A prepared folder, or the reference of a corpus that somebody brought; None: the embedded corpus."""


def find_network(name: str, device: str = "cpu") -> Network:
    """`embedded`, `tiny` (toy weights, for tests) or a folder written by `bench pretrain`; its manifest is read."""
    if name == "tiny":
        return Network(BackboneSpec(name="tiny"), None, TINY_SIZE, device)
    folder = _embedded() if name == "embedded" else Path(name)
    if not (folder / "manifest.json").exists():
        raise UserError(
            f"{folder}: no backbone weights there; make them with: bench pretrain all -o {folder}"
        )
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        spec = BackboneSpec(sha256=manifest["sha256"])
        seen = frozenset(map(str, manifest.get("data", {}).get("people", ())))
        return Network(spec, str(folder), int(manifest["config"]["size"]), device, seen=seen)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}: its manifest cannot be read ({error}); make the weights again") from error


@lru_cache(maxsize=1)
def open_backbone(network: Network) -> Backbone:
    """The network, frozen, on its device; kept for the next task of this process."""
    from privtalk.methods.backbone import weights
    from privtalk.methods.backbone.backbone import Backbone

    found = Backbone.tiny() if network.folder is None else weights.load(Path(network.folder))
    found.recomputes = network.recomputes
    return found.to(network.device)


def split_backbone(changes: Sequence[str]) -> tuple[str, list[str]]:
    """Returns the network that `--set backbone=NAME` names, and the other changes."""
    named = [change.partition("=")[2] for change in changes if change.startswith("backbone=")]
    return (named[-1] if named else "embedded"), [c for c in changes if not c.startswith("backbone=")]


def choose_device(wanted: str) -> str:
    """`auto`: CUDA where there is one; `cpu`; `cuda`."""
    if wanted not in DEVICES:
        raise unknown("device", wanted, DEVICES)
    import torch

    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ValueError("no CUDA device is available to torch; use --device cpu")
    return wanted


def check_unseen(network: Network, population: Population) -> None:
    """Raises where the backbone was trained on somebody who has a role: then it knows members and non-members alike."""
    roles: tuple[Role, ...] = ("clients", "heldout", "shadow")
    known = {
        person.name: role
        for role in roles
        for person in population.people(role)
        if person.name in network.seen
    }
    if known:
        name, role = min(known.items())
        raise UserError(
            f"{name} is among the {role}, and the backbone was trained on that person; make people public with "
            "bench data prepare --public N, and pre-train on those"
        )


def _embedded() -> Path:
    return Path(str(files("privtalk.methods.backbone") / "weights_embedded"))
