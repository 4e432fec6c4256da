"""When a row of federated talking heads reads a setting; `bench.suites.effects` refuses those that nothing reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from privtalk.bench.task import Condition
from privtalk.bench.tasks.talking_head.settings import (
    PrivacySpec,
    Training,
    may_take_private_steps,
    trains_alone,
)
from privtalk.methods.registry import METHODS, REFERENCES

FILLED_IN: Mapping[str, str] = {
    "corpus.name": "name a corpus with --corpus FOLDER",
    "corpus.version": "it is the embedded corpus's own",
    "backbone.name": "name a backbone with --set backbone=FOLDER",
    "backbone.sha256": "name a backbone with --set backbone=FOLDER",
    "evaluation.evaluators": "install networks with bench weights",
}
"""Setting -> the way to choose it. What says where figures come from is filled in by the program and by nobody else."""


def _training(holds: Callable[[str, Training], bool], rule: str) -> Condition:
    """A condition of a row that trains, by its name and how it does."""
    return Condition(lambda cell: cell.training is not None and holds(cell.method, cell.training), rule)


def _federated(holds: Callable[[Any], bool], rule: str) -> Condition:
    """A condition of a method's row, by its `Training`."""
    return _training(lambda row, training: row in METHODS and holds(training), rule)


def _private(holds: Callable[[PrivacySpec], bool], rule: str) -> Condition:
    return _federated(lambda training: training.privacy.epsilon is not None and holds(training.privacy), rule)


def row_of(method: str, holds: Callable[[Any], bool] = lambda options: True, rule: str = "") -> Condition:
    """A condition of one method's row, by its options."""
    return _training(
        lambda row, training: row == method and holds(training.options), f"a row of {method}{rule}"
    )


_DIRICHLET = Condition(lambda cell: cell.partition.kind == "dirichlet", "partition.kind=dirichlet")
_ANY_TIER = _private(lambda privacy: True, "a row with an epsilon")
_FEDERATED = _federated(lambda training: True, "a federated row")


def _served(path: str) -> Condition:
    """A condition of rows whose method reads a setting of the server."""
    return Condition(
        lambda cell: cell.method in METHODS and path not in METHODS[cell.method].ignores,
        "a federated row whose method reads it",
    )


_WORLDS = _federated(
    lambda training: training.attack.worlds > 0, "a federated row with attack.worlds above 0"
)
_VICTIMS = _federated(
    lambda training: training.attack.victims > 0, "a federated row with attack.victims above 0"
)
_TRAINED = _training(lambda row, training: True, "a row that trains")
_SAMPLED = Condition(
    lambda cell: cell.method == "difftalk" or cell.training is not None, "a row that generates by sampling"
)


def _private_steps(holds: Callable[[Any], bool], rule: str = "") -> Condition:
    """A condition of rows whose clients take private steps, by how they do."""
    return _training(
        lambda row, training: bool(training.private_steps(row)) and holds(training.personalisation),
        f"a row with private steps (personalisation.steps){rule}",
    )


_IN_ROUNDS = _training(
    lambda row, training: not (trains_alone(row) and training.personalisation.steps),
    "a row that is trained in rounds",
)
_WEIGHED = row_of(
    "privfedtalk", lambda options: options["gamma"] > 0, " with options.privfedtalk.gamma above 0"
)

_DECODED = row_of(
    "privfedtalk",
    lambda options: options["lambda_perceptual"] > 0,
    " with options.privfedtalk.lambda_perceptual above 0",
)

CONDITIONS: Mapping[str, Condition] = {
    "partition.alpha": _DIRICHLET,
    "partition.attribute": _DIRICHLET,
    "partition.people": _DIRICHLET,
    "partition.skew": Condition(lambda cell: cell.partition.kind == "quantity", "partition.kind=quantity"),
    "adapter": _TRAINED,
    "federation": _TRAINED,
    "federation.rounds": _IN_ROUNDS,
    "federation.local_steps": _IN_ROUNDS,
    "federation.averaged_share": _IN_ROUNDS,
    "federation.sampling": _FEDERATED,
    "federation.server_lr": _served("federation.server_lr"),
    "federation.server_momentum": _served("federation.server_momentum"),
    "federation.reference_frames": _FEDERATED,
    "federation.normalisation": _FEDERATED,
    "federation.secure_aggregation": _FEDERATED,
    "federation.mean_weight": _federated(
        lambda training: training.federation.normalisation == "public",
        "a federated row with federation.normalisation=public",
    ),
    "federation.appended_share": _federated(
        lambda training: training.federation.normalisation != "public",
        "a federated row with federation.normalisation=appended",
    ),
    "federation.grid_bound": _federated(
        lambda training: training.federation.secure_aggregation and training.privacy.epsilon is None,
        "federation.secure_aggregation=true and a federated row without an epsilon",
    ),
    "federation.pooled_windows": Condition(
        lambda cell: cell.method in REFERENCES and REFERENCES[cell.method].trains == "pooled",
        "a row trained on pooled data",
    ),
    "personalisation": _private_steps(lambda using: True),
    "personalisation.steps": _training(
        lambda row, training: may_take_private_steps(row), "a federated row, or local_only"
    ),
    "personalisation.adapter": _private_steps(
        lambda using: using.part == "added", " and personalisation.part=added"
    ),
    "options.privfedtalk.alpha": _WEIGHED,
    "options.privfedtalk.expected_score": _WEIGHED,
    "options.privfedtalk.decode_every": _DECODED,
    "privacy": _ANY_TIER,
    "privacy.quantile": _private(
        lambda privacy: privacy.clipping == "adaptive", "a row with an epsilon and privacy.clipping=adaptive"
    ),
    "privacy.honest": _private(
        lambda privacy: privacy.placement == "distributed",
        "a row with an epsilon and privacy.placement=distributed",
    ),
    "evaluation.steps": _SAMPLED,
    "evaluation.track": _SAMPLED,
    "evaluation.progressive": _SAMPLED,
    "attack": _FEDERATED,
    "attack.world_steps": _WORLDS,
    "attack.inversion_steps": _VICTIMS,
    "attack.reconstructions": _VICTIMS,
}
"""Setting, or the branch it stands in -> when a row reads it; a setting without a condition is read by every row."""
