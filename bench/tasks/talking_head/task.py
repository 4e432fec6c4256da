"""Federated, personalised 2-D talking heads behind the harness's seam."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from privtalk.bench import task
from privtalk.bench.networks import Means, choose_device, find_network, split_backbone
from privtalk.bench.planning.forecast import TaskForecast
from privtalk.bench.task import (
    Axis,
    CellOutcome,
    Condition,
    MemoryBounded,
    Opened,
    Opening,
    Place,
    Planned,
    Preparation,
    Row,
    Wanted,
    Work,
)
from privtalk.bench.tasks.talking_head import effects
from privtalk.bench.tasks.talking_head import settings as own_settings
from privtalk.bench.tasks.talking_head.display import DISPLAY
from privtalk.bench.tasks.talking_head.options import BRANCH, owned
from privtalk.bench.tasks.talking_head.settings import (
    PERSONAL,
    PrivacySpec,
    TalkingHeadCell,
    TalkingHeadSettings,
    Training,
    may_take_private_steps,
    trains_alone,
)
from privtalk.core.errors import UserError
from privtalk.methods.config import PersonalisationConfig
from privtalk.methods.registry import METHODS, REFERENCES
from privtalk.methods.registry import options as method_options


def parse_epsilon(text: str) -> str:
    """Returns the one spelling of a target ε.

    >>> parse_epsilon("8.0")
    '8'
    """
    try:
        epsilon = float(text)
    except ValueError as error:
        raise UserError(f"unknown tier {'eps=' + text!r}; write none or eps=NUMBER") from error
    if not 0 < epsilon < math.inf:
        raise UserError(
            f"tier {'eps=' + text!r}: epsilon is a number above 0; write none for a row without privacy"
        )
    return f"{epsilon:g}"


AXES = {
    "eps": Axis("target ε of client-level differential privacy", parse_epsilon),
    PERSONAL: Axis("private steps of each client after federated training", str, planned=False),
}
BY_AXIS = {"privacy.epsilon": "eps"}


class TalkingHead(task.Task):
    """Adapters of a latent-diffusion talking head, trained by many clients at several privacy tiers."""

    name = "talking_head"
    about = "federated, personalised 2-D talking heads under client-level differential privacy"
    settings = TalkingHeadSettings
    axes = AXES
    display = DISPLAY
    conditions = effects.CONDITIONS
    filled_in = effects.FILLED_IN
    by_axis = BY_AXIS
    takes = frozenset({"method", "attack", "metric", "corpus"})

    @property
    def rows(self) -> Mapping[str, Row]:
        methods = {name: Row("method", method.about) for name, method in METHODS.items()}
        return methods | {name: Row(found.kind, found.about) for name, found in REFERENCES.items()}

    @property
    def metrics(self) -> Mapping[str, Any]:
        from privtalk.metrics import METRICS

        return METRICS

    def open(self, opening: Opening) -> Opened:
        from privtalk.metrics.evaluators.bundle import fingerprint

        name, changes = split_backbone(opening.changes)
        network = find_network(name, choose_device(opening.device))
        small = network.folder is None or opening.corpus is not None
        return Opened(
            resources=Means(network, opening.corpus),
            device=network.device,
            changes=tuple(changes),
            given={"corpus": {"size": network.size}} if small else {},
            fixed={
                "backbone": network.spec.model_dump(),
                "evaluation": {"evaluators": fingerprint(embedded=opening.corpus is None)},
            },
        )

    def settle(self, opened: Opened, opening: Opening, settings: TalkingHeadSettings) -> Mapping[str, Any]:
        from privtalk.bench.corpus.opening import recorded_settings

        size, takes = settings.corpus.size, opened.resources.network.size
        if size != takes:
            raise UserError(
                f"corpus.size is {size}, the backbone takes {takes} pixels; make one with: "
                f"bench pretrain --size {size} -o weights, and add --set backbone=weights"
            )
        if opening.corpus is None:
            return {}
        return {"corpus": recorded_settings(opening.corpus, settings.corpus)}

    def cell(self, settings: TalkingHeadSettings, wanted: Wanted) -> TalkingHeadCell:
        trained = wanted.method in METHODS or REFERENCES[wanted.method].trains is not None
        return TalkingHeadCell(
            method=wanted.method,
            at=_place(settings, wanted),
            seed=wanted.seed,
            corpus=settings.corpus,
            partition=settings.partition,
            evaluation=settings.evaluation,
            backbone=settings.backbone,
            training=_training(settings, wanted) if trained else None,
        )

    def tidied(self, tree: Mapping[str, Any]) -> Mapping[str, Any]:
        return owned(tree)

    def condition(self, path: str) -> Condition | None:
        """Returns the setting's own, or that a method's options are read by its own row."""
        branch, _, rest = path.partition(".")
        own = effects.row_of(rest.partition(".")[0]) if branch == BRANCH else None
        return super().condition(path) or own

    def placed(self, cell: TalkingHeadCell, path: str) -> tuple[Any] | None:
        branch, _, rest = path.partition(".")
        holder = cell if branch in TalkingHeadCell.model_fields else cell.training
        if branch == BRANCH:
            method, _, option = rest.partition(".")
            path = f"{BRANCH}.{option}"
            holder = cell.training if cell.method == method else None
        return None if holder is None else super().placed(holder, path)

    def check(self, pending: Sequence[Planned], place: Place, workers: int) -> None:
        from privtalk.bench.corpus.opening import open_population
        from privtalk.bench.tasks.talking_head import preflight

        means: Means = place.resources
        own = cast("Sequence[own_settings.PlannedTalkingHead]", pending)
        if not own:
            return
        population = open_population(own[0].cell.corpus, means.corpus)
        preflight.check(own, means.network, population, workers)

    def remarks(self, pending: Sequence[Planned]) -> Sequence[str]:
        from privtalk.bench.tasks.talking_head import honesty

        own = cast("Sequence[own_settings.PlannedTalkingHead]", pending)
        return honesty.conditions(own, honesty.needs(own[0].cell.corpus.name)) if own else ()

    def prepare(self, cells: Sequence[TalkingHeadCell], place: Place) -> Iterator[Preparation]:
        from privtalk.bench.tasks.talking_head.stages.prepare import preparations

        yield from preparations(cells, place.resources)

    def costs(self, cell: TalkingHeadCell) -> Mapping[str, float]:
        from privtalk.bench.tasks.talking_head.costs import costs

        return costs(cell)

    def plan(self, pending: Sequence[Planned], place: Place, workers: int) -> TaskForecast:
        from privtalk.bench.tasks.talking_head.forecast import forecast

        return forecast(cast("Sequence[own_settings.PlannedTalkingHead]", pending), place.resources, workers)

    def read_cell(self, raw: Mapping[str, Any]) -> TalkingHeadCell:
        return TalkingHeadCell.model_validate(raw)

    def keep(self, cell: TalkingHeadCell, place: Place) -> None:
        from privtalk.bench.tasks.talking_head.stages.kept import keep

        keep(cell, place.checkpoints(cell), place.kept(cell), messages=place.keep == "transcripts")

    def prepare_again(
        self, cells: Sequence[TalkingHeadCell], place: Place, anew: task.Anew
    ) -> Iterator[Preparation]:
        from privtalk.bench.tasks.talking_head.stages.prepare import preparations

        yield from preparations(cells, place.resources, attacked=anew == "attacks")

    def again(self, work: Work, anew: task.Anew, source: Place) -> CellOutcome:
        from privtalk.bench.tasks.talking_head.again import again

        return again(work, anew, source)

    def bound_memory(
        self, cells: Sequence[Planned], opened: Opened, workers: int, bound: float
    ) -> MemoryBounded:
        from privtalk.bench.tasks.talking_head.bounding import bounded

        own = cast("Sequence[own_settings.PlannedTalkingHead]", cells)
        return bounded(own, opened.resources, workers, bound)

    def run(self, work: Work) -> CellOutcome:
        from privtalk.bench.tasks.talking_head.run import run

        return run(work)


def _place(settings: TalkingHeadSettings, wanted: Wanted) -> dict[str, str]:
    """The place of a row: a row that trains each client alone is what private steps made, after the last of them."""
    steps = settings.personalisation.steps
    alone = {PERSONAL: str(steps[-1])} if steps and trains_alone(wanted.method) else {}
    return {**wanted.at, **alone}


def _training(settings: TalkingHeadSettings, wanted: Wanted) -> Training:
    personal = may_take_private_steps(wanted.method)
    target = {"epsilon": float(wanted.at["eps"]) if "eps" in wanted.at else None}
    return Training(
        adapter=settings.adapter,
        federation=settings.federation,
        personalisation=settings.personalisation if personal else PersonalisationConfig(),
        options=_options(wanted.method, {**settings.options.get(wanted.method, {}), **wanted.options}),
        privacy=PrivacySpec.model_validate(settings.privacy.model_dump() | target),
        attack=settings.attack,
    )


def _options(row: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a row's method; none of a reference row."""
    if row not in METHODS:
        return {}
    try:
        return method_options(row, given).model_dump(mode="json")
    except ValueError as error:
        raise UserError(str(error)) from error


TASK = TalkingHead()
