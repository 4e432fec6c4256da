"""Every row that can be run: the methods, and the reference rows between which they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from privtalk.methods.config import DEFAULT_OPTIONS, AdapterConfig, MethodOptions
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federated.fedprox import FedProx
from privtalk.methods.federated.ffa_lora import FFALoRA
from privtalk.methods.federated.privfedtalk import PrivFedTalk

Kind = Literal["method", "floor", "ceiling", "reference"]
Trains = Literal["each client", "pooled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A row that is not federated."""

    kind: Kind
    trains: Trains | None
    """One adapter a client, one adapter on everyone's data, or nothing."""
    about: str


METHODS: dict[str, type[FedAvg]] = {
    "fedavg": FedAvg,
    "fedprox": FedProx,
    "ffa_lora": FFALoRA,
    "privfedtalk": PrivFedTalk,
}

REFERENCES: dict[str, Reference] = {
    "noise": Reference(kind="floor", trains=None, about="uniform random pixels"),
    "static": Reference(kind="floor", trains=None, about="the reference frame, held"),
    "autoencoder": Reference(
        kind="ceiling", trains=None, about="the true frames through the frozen autoencoder"
    ),
    "difftalk": Reference(
        kind="reference", trains=None, about="the frozen backbone without an adapter (zero-shot)"
    ),
    "local_only": Reference(
        kind="reference", trains="each client", about="each client's own adapter, nothing shared"
    ),
    "centralised": Reference(
        kind="ceiling", trains="pooled", about="one adapter on the pooled data of all clients"
    ),
}


def build(name: str, options: MethodOptions = DEFAULT_OPTIONS) -> FedAvg:
    """A method by name.

    >>> build("fedprox").name
    'fedprox'
    """
    if name not in METHODS:
        raise ValueError(f"unknown method {name!r}; valid: {', '.join(METHODS)}")
    return METHODS[name](options=options)


def adapter_config(row: str, config: AdapterConfig) -> AdapterConfig:
    """The adapter that a row trains, of the one that is configured for all."""
    return METHODS[row].adapter(config) if row in METHODS else config


def kind(name: str) -> Kind:
    """Whether a row is a method, floor, ceiling or reference."""
    if name in METHODS:
        return "method"
    if name not in REFERENCES:
        raise ValueError(f"unknown row {name!r}; valid: {', '.join([*METHODS, *REFERENCES])}")
    return REFERENCES[name].kind
