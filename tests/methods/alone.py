"""Each client's local training as if it took part in every round: what federated methods come to without a server."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.local import train_stacked


def trained_alone(
    backbone: Backbone,
    template: AdapterBank,
    clients: Sequence[ClientData],
    config: FederationConfig,
    stream: Stream,
) -> Tensor:
    """[K, d] the adapters after all rounds, optimisers started afresh in each."""
    theta = template.flatten().expand(len(clients), -1).contiguous()
    for number in range(config.rounds):
        theta = train_stacked(backbone, template, theta, clients, config, FedAvg(), stream, number).theta
    return theta
