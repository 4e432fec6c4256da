"""Settings that would change nothing, told apart from those that do.

Whoever asks for a stronger guarantee and gets the weaker one must hear of it. So a setting of the user's is refused
where the program fills it in, where the suite's grids decide it, and where no row of the preset reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from privtalk.bench.spec import Cell, PrivacySpec, Settings
from privtalk.bench.suites.options import BRANCH
from privtalk.core.errors import UserError
from privtalk.methods.registry import METHODS, REFERENCES

FILLED_IN: Mapping[str, str] = {
    "corpus.name": "name a corpus with --corpus FOLDER",
    "corpus.version": "it is the embedded corpus's own",
    "backbone.name": "name a backbone with --set backbone=FOLDER",
    "backbone.sha256": "name a backbone with --set backbone=FOLDER",
    "evaluation.evaluators": "install networks with bench weights",
}
"""Setting -> the way to choose it. What says where figures come from is filled in by the program and by nobody else."""

BY_TIER = "privacy.epsilon"
"""Every row's tier decides it."""


class Condition(NamedTuple):
    """When a row reads a setting."""

    holds: Callable[[Cell], bool]
    rule: str
    """The condition in words."""


def _training(holds: Callable[[Cell], bool], rule: str) -> Condition:
    return Condition(lambda cell: cell.training is not None and holds(cell), rule)


def _federated(holds: Callable[[Any], bool], rule: str) -> Condition:
    """A condition of a method's row, by its `Training`."""
    return _training(lambda cell: cell.method in METHODS and holds(cell.training), rule)


def _private(holds: Callable[[PrivacySpec], bool], rule: str) -> Condition:
    return _federated(lambda training: training.privacy.epsilon is not None and holds(training.privacy), rule)


def _row(method: str, holds: Callable[[Any], bool] = lambda options: True, rule: str = "") -> Condition:
    """A condition of one method's row, by its options."""
    return _training(
        lambda cell: cell.method == method and holds(cell.training.options) if cell.training else False,
        f"a row of {method}{rule}",
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
_TRAINED = _training(lambda cell: True, "a row that trains")
_SAMPLED = Condition(
    lambda cell: cell.method == "difftalk" or cell.training is not None, "a row that generates by sampling"
)

_WEIGHED = _row(
    "privfedtalk", lambda options: options["gamma"] > 0, " with options.privfedtalk.gamma above 0"
)

CONDITIONS: Mapping[str, Condition] = {
    "partition.alpha": _DIRICHLET,
    "partition.attribute": _DIRICHLET,
    "partition.people": _DIRICHLET,
    "partition.skew": Condition(lambda cell: cell.partition.kind == "quantity", "partition.kind=quantity"),
    "adapter": _TRAINED,
    "federation": _TRAINED,
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
    "options.privfedtalk.alpha": _WEIGHED,
    "options.privfedtalk.expected_score": _WEIGHED,
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


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a tree with its value; an empty branch stands for itself.

    >>> list(leaves({"federation": {"rounds": 3}, "privacy": {}}))
    [('federation.rounds', 3), ('privacy', {})]
    """
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and path not in FILLED_IN:
            yield from leaves(value, f"{path}.")
        else:
            yield path, value


def check_reserved(tree: Mapping[str, Any]) -> None:
    """Refuses settings that are not the user's to choose: what the program fills in, and what tiers decide."""
    for path, value in leaves(tree):
        if path in FILLED_IN:
            raise UserError(f"{path} is filled in by the program, {FILLED_IN[path]}")
        if path == BY_TIER:
            tier = f"eps={value:g}" if isinstance(value, int | float) else "none"
            raise UserError(f"{path} has no effect: every row's tier decides it; use --tiers {tier}")
        if value == {}:
            raise UserError(f"{path}={{}} sets nothing; write {path}.NAME=VALUE")


def check_effect(tree: Mapping[str, Any], asked: Settings, cells: Sequence[Cell]) -> None:
    """Refuses settings that reach no row, or reach rows none of which reads them.

    `tree` holds what the user set, `asked` the settings with it, `cells` those of a whole preset.
    """
    wanted = asked.model_dump()
    for path, _ in leaves(tree):
        value = _at(wanted, path)
        placed = {id(cell): _placed(cell, path) for cell in cells}
        reached = [cell for cell in cells if placed[id(cell)] == (value,)]
        held = {repr(place[0]) for place in placed.values() if place is not None}
        if held and not reached:
            raise UserError(f"{path}={value} has no effect: rows have {', '.join(sorted(held))} there")
        condition = _condition(path)
        if condition is not None and not any(map(condition.holds, reached)):
            raise UserError(f"{path} has no effect here: what reads it is {condition.rule}")


def _condition(path: str) -> Condition | None:
    """That of the setting, or of the nearest branch that has one; a method's options are read by its own row."""
    own = _row(path.split(".")[1]) if path.startswith(f"{BRANCH}.") else None
    while path:
        if path in CONDITIONS:
            return CONDITIONS[path]
        path = path.rpartition(".")[0]
    return own


def _placed(cell: Cell, path: str) -> tuple[Any] | None:
    """A cell's own value of a setting; None where the cell has no such part."""
    branch, _, rest = path.partition(".")
    holder = cell if branch in Cell.model_fields else cell.training
    if holder is None:
        return None
    if branch != BRANCH:
        return (_at(holder.model_dump(), path),)
    method, _, option = rest.partition(".")
    return (_at(holder.model_dump()[BRANCH], option),) if cell.method == method else None


def _at(tree: Mapping[str, Any], path: str) -> Any:
    value: Any = tree
    for part in path.split("."):
        value = value[part]
    return value
