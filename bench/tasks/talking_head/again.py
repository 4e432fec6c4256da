"""Metrics, or attacks, of a finished cell from what was kept of its training."""

from __future__ import annotations

from privtalk.bench.task import Anew, CellOutcome, Place, Work
from privtalk.bench.tasks.talking_head.run import (
    Shot,
    attack_all,
    data_of,
    generate,
    open_world,
    stage_of,
    variant_of,
)
from privtalk.bench.tasks.talking_head.settings import PERSONAL, TalkingHeadCell
from privtalk.bench.tasks.talking_head.stages import exhibits
from privtalk.bench.tasks.talking_head.stages.kept import retrieve
from privtalk.bench.tasks.talking_head.stages.personalise import banks_of
from privtalk.bench.tasks.talking_head.stages.reconstruct import write_gallery
from privtalk.core.records import Variant


def again(work: Work, anew: Anew, source: Place) -> CellOutcome:
    """Computes what is asked for as the run did, from its checkpoints; the other parts of the outcome are empty."""
    cell: TalkingHeadCell = work.cell
    with work.clock.stage("loading"):
        world = open_world(cell, work.place.resources)
        trained = None
        if cell.training is not None:
            data, evaluated = data_of(cell, world)
            trained = retrieve(
                cell,
                cell.training,
                world.backbone,
                data,
                evaluated,
                source.kept(cell),
                work.place.checkpoints(cell) / "retrieved",
                messages=anew == "attacks",
            )
    folder = work.place.artifacts(cell)
    if anew == "attacks":
        attacks, gallery, leaked = attack_all(work, cell, world, trained)
        with work.clock.stage("writing"):
            artifacts = write_gallery(work.place.folder, folder, gallery)
        places = list(banks_of(trained))
        last = [Variant(at={PERSONAL: places[-1]}, about="", metrics={}, attacks=leaked)] if leaked else []
        return CellOutcome(metrics={}, samples=[], attacks=attacks, variants=tuple(last), artifacts=artifacts)
    stage = stage_of(cell, world)
    shots: list[Shot] = generate(work, cell, world, stage, trained)
    with work.clock.stage("writing"):
        artifacts = exhibits.exhibit(work.place.folder, folder, shots[0].shown, stage, trained)
        variants = [variant_of(work, cell, stage, shot, {}, last=shot is shots[-1]) for shot in shots[1:]]
    return CellOutcome(
        metrics=shots[0].verdict.summary(cell.seed),
        samples=[sample for shot in shots for sample in shot.samples()],
        variants=tuple(variants),
        artifacts=artifacts,
    )
