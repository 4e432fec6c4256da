"""How strong the attacks on messages and sums are where nothing is protected: a federation of the attacker's people.

Some of its people train by the run's recipe, all of them in every round, and send their messages in the clear; the
others are strangers. Sums are of one message: what is found there is what aggregation has to hide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.outcome import AttackOutcome, StrengthOutcome
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.server import ServerSettings, attack_server, attack_sums, last_candidates
from privtalk.attacks.views import ServerView
from privtalk.core.intervals import Interval
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.federation.transcript import Keep

SETTINGS = ServerSettings(sums=(1,))


def own_federation(
    backbone: Backbone,
    initial: AdapterBank,
    people: Sequence[ClientData],
    config: FederationConfig,
    rounds: int,
    stream: Stream,
) -> ServerView:
    """The server's view of a federation of `people`: every one of them in every round, nothing clipped or noised."""

    def own(*names: str | int) -> torch.Generator:
        return stream("attack", "planted", *names)

    plain = config.model_copy(
        update={
            "rounds": rounds,
            "rate": 1.0,
            "sampling": "poisson",
            "normalisation": "public",
            "secure_aggregation": False,
            "reference_frames": None,
            "mean_weight": None,
        }
    )
    clients = tuple(replace(person, index=index) for index, person in enumerate(people))
    federation = Federation(
        backbone=backbone,
        template=initial,
        clients=clients,
        config=plain,
        method=FedAvg(),
        stream=own,
        keep=Keep(messages=True, adapters=True),
    )
    return ServerView.of(backbone, list(federate(federation))[-1])


def message_strengths(
    view: ServerView, knowledge: Knowledge, truth: PairLabels, planted: str
) -> dict[str, StrengthOutcome]:
    """Strength of every attack on messages and on sums; `truth` says who of `knowledge.people` the clients are."""
    known = last_candidates(view, knowledge, SETTINGS)
    outcomes = attack_server(view, knowledge, truth, SETTINGS, known)
    outcomes |= attack_sums(view, knowledge, truth, SETTINGS, known)
    return {
        name: StrengthOutcome(estimate=found, planted=planted)
        for name, outcome in outcomes.items()
        if (found := headline(outcome)) is not None
    }


def headline(outcome: AttackOutcome) -> Interval | None:
    """The measure that a board shows; of attacks on sums, that on sums of one message. None where it is missing."""
    about = outcome.declaration
    name = "auc[n=1]" if about.view == "sums" else about.headline
    if name == "auc":
        return None if outcome.evaluation is None else outcome.evaluation.auc
    measure = outcome.measures.get(name)
    return None if measure is None or measure.estimate.value is None else measure.estimate
