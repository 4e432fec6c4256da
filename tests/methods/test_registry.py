"""Methods by name: what is registered is a method, and a name is one method's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from privtalk.methods import registry
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federated.fedprox import FedProx
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.registry import METHODS, build, options, register


@pytest.fixture(autouse=True)
def _own_registry() -> Iterator[None]:
    """What a test registers is gone after it."""
    before = dict(METHODS)
    yield
    registry._methods.clear()
    registry._methods.update(before)


def method(base: type[FederatedMethod] = FedAvg, /, **parts: Any) -> type[FederatedMethod]:
    """A class of a plugin."""
    return type("Mine", (base,), {"name": "mine", "about": "Mine.", "__module__": __name__, **parts})


def test_a_registered_method_is_built_by_its_name() -> None:
    found = register(method())
    assert registry.method("mine") is found
    assert isinstance(build("mine"), found)
    assert registry.kind("mine") == "method"
    assert register(found) is found  # a file that is loaded twice


class Bare(FedAvg):
    name: ClassVar[str] = "bare"


class Required(FedAvg.Options):
    much: float


class Loose(BaseModel):
    pass


@pytest.mark.parametrize(
    ("thing", "line"),
    [
        (3, "3 is not a method; make it a subclass of FederatedMethod"),
        (dict, "<class 'dict'> is not a method"),
        (
            method(FederatedMethod),
            "method Mine: server_update is abstract and missing; write it, or subclass FedAvg",
        ),
        (Bare, "method Bare: it has no about of its own"),
        (method(name="my method"), "method 'my method': a name is letters, digits and _"),
        (
            method(name="fedavg"),
            "method 'fedavg': the name is taken by privtalk.methods.federated.fedavg.FedAvg",
        ),
        (method(name="static"), "method 'static': the name is taken by a reference row"),
        (method(name=3), "method Mine: it has no name of its own"),
        (method(Options=Required), "method 'mine': option much has no default; give it one"),
        (method(Options=Loose), "method 'mine': its Options are no Frozen"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_method_is_refused_in_one_line(thing: Any, line: str) -> None:
    with pytest.raises(ValueError, match="method") as caught:
        register(thing)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


def test_a_name_is_one_methods() -> None:
    register(method())
    with pytest.raises(ValueError, match="the name is taken by"):
        register(method())


def test_options_are_the_methods_own() -> None:
    assert options("fedprox", {"mu": 1}) == FedProx.Options(mu=1.0)
    assert build("fedprox", FedProx.Options(mu=1.0)).options == FedProx.Options(mu=1.0)
    for name, given, line in (
        ("fedprox", {"gamma": 1}, "unknown option of fedprox 'gamma'; valid: mu"),
        ("fedavg", {"gamma": 1}, "fedavg has no options, 'gamma' is none of them; leave it out"),
        ("fedprox", {"mu": -1}, "options.fedprox.mu: Input should be greater than or equal to 0"),
        ("fedporx", {}, "unknown method 'fedporx' (did you mean fedprox?); valid: fedavg, "),
    ):
        with pytest.raises(ValueError, match=name) as caught:
            options(name, given)
        assert str(caught.value).startswith(line)
        assert "\n" not in str(caught.value)
