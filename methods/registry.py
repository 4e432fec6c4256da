"""Every row that can be run: the methods, and the reference rows between which they lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from privtalk.core.errors import unknown
from privtalk.core.frozen import Frozen
from privtalk.methods.config import AdapterConfig
from privtalk.methods.federated.ditto import Ditto
from privtalk.methods.federated.fedadam import FedAdam
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federated.fedprox import FedProx
from privtalk.methods.federated.fedsa_lora import FedSALoRA
from privtalk.methods.federated.ffa_lora import FFALoRA
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federated.privfedtalk import PrivFedTalk
from privtalk.methods.federated.scaffold import Scaffold
from privtalk.methods.federated.smp_lora import SMPLoRA

Kind = Literal["method", "floor", "ceiling", "reference"]
Trains = Literal["each client", "pooled"]
Method = TypeVar("Method", bound=type[FederatedMethod])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A row that is not federated."""

    kind: Kind
    trains: Trains | None
    """One adapter a client, one adapter on everyone's data, or nothing."""
    about: str


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
        kind="reference",
        trains="each client",
        about="each client's own adapter after private steps, nothing shared",
    ),
    "centralised": Reference(
        kind="ceiling", trains="pooled", about="one adapter on the pooled data of all clients"
    ),
}

_methods: dict[str, type[FederatedMethod]] = {}
METHODS: Mapping[str, type[FederatedMethod]] = MappingProxyType(_methods)
"""Name -> method, of all that are registered so far; `register` adds to it."""


# ---- methods by name


def register(cls: Method) -> Method:
    """Enters a method, so that it has a row; `ValueError` in one line where it is none or its name is not free.

    Entering the same class again does nothing.
    """
    check(cls)
    if METHODS.get(cls.name, cls) is not cls or cls.name in REFERENCES:
        raise ValueError(
            f"method {cls.name!r}: the name is taken by {_holder(cls.name)}; give it another name"
        )
    _methods[cls.name] = cls
    return cls


def forget(name: str) -> None:
    """Takes out a method that was entered, so that its name is free again."""
    del _methods[name]


def check(cls: object) -> None:
    """Raises `ValueError` in one line unless a thing is a method that can be built without arguments."""
    if not (isinstance(cls, type) and issubclass(cls, FederatedMethod)):
        raise ValueError(f"{cls!r} is not a method; make it a subclass of FederatedMethod")
    if missing := sorted(cls.__abstractmethods__):
        raise ValueError(
            f"method {cls.__name__}: {missing[0]} is abstract and missing; write it, or subclass FedAvg"
        )
    for said in ("name", "about"):
        if not isinstance(getattr(cls, said, None), str) or said not in vars(cls):
            raise ValueError(f'method {cls.__name__}: it has no {said} of its own; write {said} = "..."')
    if not cls.name.isidentifier():
        raise ValueError(f"method {cls.name!r}: a name is letters, digits and _; write it so")
    if not issubclass(cls.Options, Frozen):
        raise ValueError(f"method {cls.name!r}: its Options are no Frozen; subclass FederatedMethod.Options")
    for name, field in cls.Options.model_fields.items():
        if field.is_required():
            raise ValueError(f"method {cls.name!r}: option {name} has no default; give it one")


def _holder(name: str) -> str:
    """Who has a name."""
    if name in REFERENCES:
        return "a reference row"
    return f"{METHODS[name].__module__}.{METHODS[name].__qualname__}"


def method(name: str) -> type[FederatedMethod]:
    """The class of a method.

    >>> method("fedavg").__name__
    'FedAvg'
    """
    if name not in METHODS:
        raise unknown("method", name, list(METHODS))
    return METHODS[name]


def options(name: str, given: Mapping[str, Any] | None = None) -> FederatedMethod.Options:
    """A method's options, the given ones validated and the others at their defaults; `ValueError` in one line.

    >>> options("fedprox", {"mu": 1})
    Options(mu=1.0)
    """
    own = method(name).Options
    for option in given or {}:
        if option not in own.model_fields:
            valid = list(own.model_fields)
            raise (
                unknown(f"option of {name}", option, valid)
                if valid
                else ValueError(f"{name} has no options, {option!r} is none of them; leave it out")
            )
    try:
        return own.model_validate(dict(given or {}))
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(["options", name, *map(str, first["loc"])])
        raise ValueError(f"{path}: {first['msg'].removeprefix('Value error, ')}") from error


def build(name: str, given: Mapping[str, Any] | FederatedMethod.Options | None = None) -> FederatedMethod:
    """A method by name, with its options.

    >>> build("fedprox", {"mu": 0.5})
    fedprox(mu=0.5)
    """
    found = method(name)
    return found(given if isinstance(given, Frozen) else options(name, given))


def holders(option: str) -> Iterator[str]:
    """Methods that have an option of a name."""
    return (name for name, found in METHODS.items() if option in found.Options.model_fields)


# ---- rows


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


for _own in (FedAvg, FedProx, FFALoRA, PrivFedTalk, Scaffold, FedAdam, Ditto, FedSALoRA, SMPLoRA):
    register(_own)
