"""A small federation that methods are compared in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.registry import build

Play = Callable[..., TrainingState]


@pytest.fixture
def play(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> Play:
    """The last state of a method, given by name and options; settings of the federation are changed by name."""

    def run(
        name: str,
        options: dict[str, float] | None = None,
        *,
        of: tuple[ClientData, ...] = clients,
        **changes: object,
    ) -> TrainingState:
        return list(federate(federation(build(name, options), of, **changes)))[-1]

    def federation(method: FederatedMethod, of: tuple[ClientData, ...], **changes: object) -> Federation:
        plain = Federation(
            backbone=backbone, template=template, clients=of, config=config, method=method, stream=stream
        )
        return replace(plain, config=FederationConfig.model_validate(config.model_dump() | changes))

    return run


def same_adapter(a: TrainingState, b: TrainingState) -> bool:
    return torch.equal(a.adapters, b.adapters)
