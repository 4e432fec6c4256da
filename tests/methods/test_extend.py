"""The example that docs/extend/method.md shows is the file beside it, and is a method like any other."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from privtalk.core.streams import Stream
from privtalk.methods import registry
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.training import train
from privtalk.methods.privacy.mechanisms.noise import GaussianMechanism

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "extend"
EXAMPLE, PAGE = FOLDER / "examples" / "my_method.py", FOLDER / "method.md"


@pytest.fixture
def example() -> Iterator[type[FederatedMethod]]:
    """The class of the example, registered for one test."""
    spec = importlib.util.spec_from_file_location("my_method", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield registry.register(module.MyMethod)
    registry._methods.pop("my_method")


def test_the_page_shows_the_example_as_it_is() -> None:
    assert f"```python\n{EXAMPLE.read_text(encoding='utf-8')}```" in PAGE.read_text(encoding="utf-8")
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) <= 30


def test_the_page_names_every_hook_and_links_that_lead_somewhere() -> None:
    text = PAGE.read_text(encoding="utf-8")
    hooks = [
        name for name, part in vars(FederatedMethod).items() if callable(part) and not name.startswith("_")
    ]
    told = set(re.findall(r"`(\w+)", text))
    assert {"prepare", "start", "report", "server_update"} <= set(hooks)
    left = (
        set(hooks) - told - {"Options", "adapter", "download_length", "expected_reliability", "step_factor"}
    )
    assert left == set()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (PAGE.parent / link).exists(), link


def test_the_example_trains_through_the_registry(
    example: type[FederatedMethod],
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    assert registry.kind("my_method") == "method"
    plain, long = (
        list(train("my_method", backbone, template, clients, config, stream, options={"step": step}))
        for step in (1e-3, 1e-2)
    )
    moved = (plain[0].adapters - template.flatten()).abs().unique()
    assert {round(float(m), 6) for m in moved} <= {0.0, 0.001}
    assert float((long[-1].adapters - plain[-1].adapters).abs().max()) > 5e-3
    mechanism = GaussianMechanism(clip=0.1, noise_multiplier=1.0)
    args = ("my_method", backbone, template, clients, config, stream)
    whole = list(train(*args, mechanism=mechanism))
    resumed = list(train(*args, mechanism=mechanism, state=whole[0]))
    assert torch.equal(whole[-1].adapters, resumed[-1].adapters)
