"""Training of any row that trains, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.local import one_by_one
from privtalk.methods.federation.rounds import Federation, Observer, federate
from privtalk.methods.federation.stacks import StackRunner
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.summation import summation
from privtalk.methods.federation.transcript import KEEP_LOG, Keep
from privtalk.methods.privacy.accounting.ledger import Budget
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY
from privtalk.methods.references import centralised
from privtalk.methods.registry import METHODS, REFERENCES, build


def train(
    row: str,
    backbone: Backbone,
    template: AdapterBank,
    clients: Sequence[ClientData],
    config: FederationConfig,
    stream: Stream,
    *,
    options: Mapping[str, Any] | None = None,
    mechanism: RunMechanism = NO_PRIVACY,
    budget: Budget | None = None,
    keep: Keep = KEEP_LOG,
    state: TrainingState | None = None,
    observer: Observer | None = None,
    run: StackRunner = one_by_one,
) -> Iterator[TrainingState]:
    """The state after each round, going on from `state`; of rows that are trained in rounds.

    `options`: the method's own, by name; those left out are at their defaults. The mechanism is a federated method's
    only: reference rows are trained without privacy. `run` trains the stacks of a federated method's cohorts.
    """
    if row in METHODS:
        method = build(row, options)
        method = method if observer is None else observer.around(method)
        length = method.message_length(template)
        federation = Federation(
            backbone=backbone,
            template=template,
            clients=tuple(clients),
            config=config,
            method=method,
            stream=stream,
            mechanism=mechanism,
            aggregate=summation(config, mechanism, len(clients), length).aggregate,
            keep=keep,
            budget=budget,
            observer=observer,
            run=run,
        )
        return federate(federation, state)
    trains = REFERENCES[row].trains if row in REFERENCES else None
    if trains == "pooled":
        return centralised(backbone, template, clients, config, stream, state)
    trained = [*METHODS, *(name for name, reference in REFERENCES.items() if reference.trains == "pooled")]
    raise ValueError(f"row {row!r} is not trained in rounds; rows that are: {', '.join(trained)}")
