"""Portrait protection behind the harness's seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from privtalk.attacks.purification import pixel_diffusion
from privtalk.attacks.purification.registry import ATTACKERS, find_attacker
from privtalk.attacks.purification.training import TrainedAttacker
from privtalk.bench import task
from privtalk.bench.networks import Means, choose_device, find_network, split_backbone
from privtalk.bench.planning.forecast import TaskForecast
from privtalk.bench.row_options import row_options
from privtalk.bench.task import (
    Axis,
    CellOutcome,
    Condition,
    Opened,
    Opening,
    Place,
    Planned,
    Preparation,
    Row,
    Wanted,
    Work,
)
from privtalk.bench.tasks.portrait_protection.display import DISPLAY
from privtalk.bench.tasks.portrait_protection.settings import (
    ATTACKER,
    BUDGET,
    PortraitProtectionCell,
    PortraitProtectionSettings,
)
from privtalk.core.errors import UserError
from privtalk.core.files import file_hash
from privtalk.core.records import Kind
from privtalk.methods.protection.config import Movement, ProtectionConfig, Timesteps
from privtalk.methods.protection.registry import PROTECTIONS, find_protection
from privtalk.methods.protection.victim import GradientPath

CLEAN = "unprotected"
KINDS: Mapping[str, Kind] = {CLEAN: "reference", "random_noise": "floor", "audio_swap": "ceiling"}
"""Rows that are no methods of anybody's."""
PURIFIERS = ("diffpure", "gridpure", "learned_purifier")
"""Attackers who use the pixel diffusion model, or start from it."""


def parse_budget(text: str) -> str:
    """Returns the one spelling of a budget: whole levels of 255.

    >>> parse_budget("8.0")
    '8'
    """
    try:
        levels = float(text)
    except ValueError as error:
        raise UserError(f"unknown budget {text!r}; write budget=LEVELS, such as budget=8") from error
    if not (1 <= levels <= 255 and levels == int(levels)):
        raise UserError(f"budget={text}: a budget is a whole number of levels from 1 to 255")
    return str(int(levels))


def _one_of(axis: str, valid: tuple[str, ...]) -> Callable[[str], str]:
    """A parser of an axis of names."""

    def parse(text: str) -> str:
        if text not in valid:
            raise UserError(f"{axis}={text}: {axis} is one of {', '.join(valid)}")
        return text

    return parse


AXES = {
    BUDGET: Axis("largest change of a pixel, in levels of 255", parse_budget),
    "timesteps": Axis(
        "noise levels at which the denoiser is attacked", _one_of("timesteps", get_args(Timesteps))
    ),
    "path": Axis("the portrait's way into the denoiser", _one_of("path", get_args(GradientPath))),
    "movement": Axis("landmarks while a protection is made", _one_of("movement", get_args(Movement))),
    ATTACKER: Axis("who animates the published portrait", str, planned=False),
}
AT_MAIN, ELSEWHERE = "animation.attackers", "animation.elsewhere"
"""The settings of which a cell holds one, as its own attackers."""
CONDITIONS = {
    "protection": Condition(lambda cell: cell.protection is not None, "a row that protects"),
    AT_MAIN: Condition(lambda cell: True, "a row at the main budget"),
    ELSEWHERE: Condition(lambda cell: True, "a row at another budget than the main one"),
}
FILLED_IN = {
    "purifier": "from the weights at hand",
    "backbone": "choose a network with --set backbone=FOLDER",
    "animation.evaluators": "install networks with bench weights",
}


class PortraitProtection(task.Task):
    """Protections of portraits against everybody who would make them speak."""

    name = "portrait_protection"
    about = "portraits that their owners protect, and attackers who make them speak all the same"
    settings = PortraitProtectionSettings
    axes = AXES
    display = DISPLAY
    conditions = CONDITIONS
    filled_in = FILLED_IN
    takes = frozenset({"corpus"})

    @property
    def rows(self) -> Mapping[str, Row]:
        return {name: Row(KINDS.get(name, "method"), cls.about) for name, cls in PROTECTIONS.items()}

    @property
    def metrics(self) -> Mapping[str, Any]:
        from privtalk.metrics.protection.registry import PROTECTION_METRICS

        return PROTECTION_METRICS

    def open(self, opening: Opening) -> Opened:
        from privtalk.metrics.evaluators.bundle import fingerprint

        name, changes = split_backbone(opening.changes)
        network = find_network(name, choose_device(opening.device))
        return Opened(
            resources=Means(network, opening.corpus),
            device=network.device,
            changes=tuple(changes),
            given={"corpus": {"size": network.size}},
            fixed={
                "backbone": network.spec.model_dump(),
                "purifier": file_hash(pixel_diffusion.embedded() / pixel_diffusion.WEIGHTS),
                "animation": {"evaluators": fingerprint(embedded=opening.corpus is None)},
            },
        )

    def settle(
        self, opened: Opened, opening: Opening, settings: PortraitProtectionSettings
    ) -> Mapping[str, Any]:
        from privtalk.bench.corpus.opening import recorded_settings

        if settings.corpus.size != opened.resources.network.size:
            raise UserError(
                f"corpus.size is {settings.corpus.size}, the backbone takes {opened.resources.network.size} pixels"
            )
        if opening.corpus is None:
            return {}
        return {"corpus": recorded_settings(opening.corpus, settings.corpus)}

    def cell(self, settings: PortraitProtectionSettings, wanted: Wanted) -> PortraitProtectionCell:
        clean = wanted.method == CLEAN
        if clean != (BUDGET not in wanted.at):
            rule = "has no budget; write none" if clean else "needs a budget, such as budget=8"
            raise UserError(f"row {wanted.method} {rule}")
        main = clean or float(wanted.at[BUDGET]) == settings.animation.main_budget
        made = {name: value for name, value in wanted.at.items() if name in ProtectionConfig.model_fields}
        if clean and made:
            raise UserError(f"row {wanted.method} is not made by any {' or '.join(made)}; write none")
        attackers = settings.animation.attackers if main else settings.animation.elsewhere
        return PortraitProtectionCell(
            method=wanted.method,
            at=dict(wanted.at),
            seed=wanted.seed,
            corpus=settings.corpus,
            animation=settings.animation.model_copy(update={"attackers": (), "elsewhere": ()}),
            backbone=settings.backbone,
            purifier=settings.purifier if set(attackers) & set(PURIFIERS) else "",
            attackers=tuple(name for name in ATTACKERS if name in attackers),
            protection=None if clean else settings.protection.model_copy(update=made),
            pairs=settings.protection if any(map(_on_pairs, attackers)) else None,
            options=row_options(
                wanted.method,
                find_protection(wanted.method).Options,
                settings.options.get(wanted.method, {}),
                wanted.options,
            ),
        )

    def placed(self, cell: PortraitProtectionCell, path: str) -> tuple[Any] | None:
        if path in (AT_MAIN, ELSEWHERE):
            main = cell.budget is None or cell.at_main_budget
            return (cell.attackers,) if main == (path == AT_MAIN) else None
        return super().placed(cell, path)

    def check(self, pending: Sequence[Planned], place: Place, workers: int) -> None:
        from privtalk.bench.tasks.portrait_protection.training import lacking

        pixel_diffusion.load()
        for cell in (planned.cell for planned in pending):
            if not isinstance(cell, PortraitProtectionCell):
                continue
            if cell.corpus.tested < 2:
                raise UserError(
                    f"corpus.tested is {cell.corpus.tested}: the other speech of an owner is another owner's; test "
                    "at least 2"
                )
            if (reason := lacking(cell)) is not None:
                raise UserError(reason)

    def prepare(self, cells: Sequence[PortraitProtectionCell], place: Place) -> Iterator[Preparation]:
        from privtalk.bench.corpus.filming import footage
        from privtalk.bench.corpus.opening import open_population
        from privtalk.bench.tasks.portrait_protection.training import preparations

        yield footage(open_population(cells[0].corpus, place.resources.corpus))
        yield from preparations(cells, place)

    def costs(self, cell: PortraitProtectionCell) -> Mapping[str, float]:
        owners, iterations = cell.corpus.tested, cell.protection.iterations if cell.protection else 0
        photos = max((find_attacker(name).photos for name in cell.attackers), default=1)
        frame = 0.004 * (cell.corpus.size / 64) ** 2 * (cell.animation.steps + 1)
        shots = 2 * (cell.corpus.test.frames + cell.animation.frames * len(cell.attackers))
        return {
            "protecting": 0.012 * photos * owners * iterations * (4 if cell.method == "audio_swap" else 1),
            "animating": owners * frame * shots + len(cell.attackers),
            "scoring": 0.05 * owners * (1 + len(cell.attackers)),
            "controls": 0.0 if cell.protection is None else owners * frame * 6 * cell.animation.frames,
        }

    def plan(self, pending: Sequence[Planned], place: Place, workers: int) -> TaskForecast:
        from privtalk.bench.corpus.opening import open_population
        from privtalk.bench.corpus.rendered.shards import lacking_bytes

        found = super().plan(pending, place, workers)
        corpora = {
            planned.cell.corpus for planned in pending if isinstance(planned.cell, PortraitProtectionCell)
        }
        there = [open_population(corpus, place.resources.corpus) for corpus in corpora]
        return found.model_copy(update={"cache_bytes": sum(map(lacking_bytes, there))})

    def run(self, work: Work) -> CellOutcome:
        from privtalk.bench.tasks.portrait_protection.run import run

        return run(work)


def _on_pairs(attacker: str) -> bool:
    """Whether an attacker trains on pairs of its own."""
    cls = find_attacker(attacker)
    return issubclass(cls, TrainedAttacker) and cls.pairs


TASK = PortraitProtection()
