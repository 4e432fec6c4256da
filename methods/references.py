"""Reference rows: what a federated adapter lies between.

Floors: `noise`, `static`. Ceilings: `autoencoder` (the decoder's limit), `centralised`. Between: `difftalk`
(zero-shot) and `local_only`, whose clients take private steps (`federation.personalisation`) from the initial adapter.
`centralised` runs as many rounds of as many windows as the federation, with its optimiser, streams and initial adapter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData, pooled
from privtalk.methods.federation.local import train_stacked
from privtalk.methods.federation.memory import ServerState
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.privacy.mechanisms.clipping import norm


def centralised(
    backbone: Backbone,
    template: AdapterBank,
    clients: Sequence[ClientData],
    config: FederationConfig,
    stream: Stream,
    state: TrainingState | None = None,
) -> Iterator[TrainingState]:
    """One adapter on everyone's data. A round sees as many windows as an expected cohort's, in batches of its own size.

    There is no server, so its learning rate and momentum do not apply. With one client it is the federation of that
    client at q = 1 and a server rate of 1, bit for bit.
    """
    everyone = pooled(clients)
    config = config.model_copy(update=pooled_schedule(len(clients), config))
    plain = FedAvg()
    state = state or TrainingState.start(template, server=plain.server_state(template))
    while state.round < config.rounds:
        start = state.adapters.to(backbone.device)
        result = train_stacked(backbone, template, start, [everyone], config, plain, stream, state.round)
        update = (result.theta - start).cpu()[0]
        server = plain.server_update(
            ServerState(template, state.adapters[0], state.server), update.double(), config
        )
        mean, averaged = state.averaging(server.adapter[None], config)
        state = TrainingState(
            round=state.round + 1,
            adapters=server.adapter[None],
            mean=mean,
            averaged=averaged,
            server=server.tensors,
            curves=_extended(state, result.loss, server.adapter - state.adapters[0]),
        )
        yield state


def pooled_schedule(clients: int, config: FederationConfig) -> dict[str, float]:
    """Settings of the pooled row: one client's own are left as they are.

    >>> pooled_schedule(384, FederationConfig(rate=0.25, windows=1, local_steps=2, pooled_windows=24))
    {'server_lr': 1.0, 'server_momentum': 0.0, 'windows': 24, 'local_steps': 8}
    """
    alone = {"server_lr": 1.0, "server_momentum": 0.0}
    if clients == 1:
        return alone
    seen = config.share * clients * config.windows * config.local_steps
    steps = max(1, round(seen / config.pooled_windows))
    return alone | {"windows": max(1, round(seen / steps)), "local_steps": steps}


def _extended(state: TrainingState, losses: Tensor, moved: Tensor) -> dict[str, tuple[float | None, ...]]:
    steps = float(torch.atleast_1d(norm(moved)).mean())
    return dict(state.curves_with({"loss": float(losses.mean()), "step_norm": steps}))
