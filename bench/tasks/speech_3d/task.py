"""Speech-driven 3-D faces behind the harness's seam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from privtalk.bench import task
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
from privtalk.bench.tasks.speech_3d.display import DISPLAY
from privtalk.bench.tasks.speech_3d.settings import (
    BASE,
    EPS,
    FEDERATED,
    SPEAKERS,
    STEPS,
    TEACHER_STEPS,
    Speech3dCell,
    Speech3dSettings,
)
from privtalk.core.errors import UserError
from privtalk.methods.speech_3d.registry import FEDERATED_METHODS, SPEECH_METHODS, find_speech_method

REFERENCES: Mapping[str, Row] = {
    "held_template": Row("floor", "the face at rest, held"),
    "mean_motion": Row("floor", "the mean of all training motion, held"),
    "other_sentence": Row("floor", "true motion of another person and sentence"),
    "linear_reconstruction": Row("ceiling", "true codes through a linear basis in place of the rig"),
    "conditional_mean": Row(
        "ceiling", "the mean of many takes of the very sentence: the best that speech allows"
    ),
}
STEPPED = ("diffusiontalker", "teacher", "teacher_enhanced", "facediffuser", "facediffuser_released")
"""Rows that may be placed on the axis of steps."""
STUDENTS = (1, 2, 4, 8)
FILLED_IN = {
    "corpus.name": "name a corpus with --corpus FOLDER",
    "corpus.hash": "name a corpus with --corpus FOLDER",
}


def parse_steps(text: str) -> str:
    """Returns the one spelling of a number of steps.

    >>> parse_steps("08")
    '8'
    """
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise UserError(f"steps={text}: steps are a whole number from 1 to 1000")
    return str(int(text))


def parse_epsilon(text: str) -> str:
    """Returns the one spelling of an ε.

    >>> parse_epsilon("8.0")
    '8'
    """
    try:
        value = float(text)
    except ValueError as error:
        raise UserError(f"eps={text}: an epsilon is a number above 0") from error
    if not 0 < value < 1e6:
        raise UserError(f"eps={text}: an epsilon is a number above 0")
    return f"{value:g}"


AXES = {
    EPS: Axis("client-level differential privacy of a federation", parse_epsilon),
    STEPS: Axis("denoising steps", parse_steps),
    SPEAKERS: Axis("whose speech is animated", str, planned=False),
}
CONDITIONS = {
    "federation": Condition(lambda cell: cell.method == FEDERATED, "a federated row"),
    "federation.faces": Condition(lambda cell: cell.public, "a federated row or its base"),
    "federation.clip": Condition(lambda cell: EPS in cell.at, "a federated row with an epsilon"),
    "training": Condition(lambda cell: cell.trains, "a row that learns"),
    "network": Condition(lambda cell: cell.trains, "a row that learns"),
    "training.distillation_steps": Condition(
        lambda cell: cell.method == "diffusiontalker" and cell.options["distillation"],
        "a row that is distilled",
    ),
    "evaluation.many_steps": Condition(
        lambda cell: cell.method.startswith("facediffuser") and STEPS not in cell.at, "a row of FaceDiffuser"
    ),
}


class Speech3d(task.Task):
    """Systems that move a face mesh by speech."""

    name = "speech_3d"
    about = "face meshes that speech moves: quality, speed, size, and who can be told from them"
    settings = Speech3dSettings
    axes = AXES
    display = DISPLAY
    conditions = CONDITIONS
    filled_in = FILLED_IN
    takes = frozenset({"corpus"})

    @property
    def rows(self) -> Mapping[str, Row]:
        methods = {
            name: Row("method", cls.about) for name, cls in (SPEECH_METHODS | FEDERATED_METHODS).items()
        }
        return {**REFERENCES, **methods}

    @property
    def metrics(self) -> Mapping[str, Any]:
        from privtalk.metrics.mesh import MESH_METRICS

        return MESH_METRICS

    def open(self, opening: Opening) -> Opened:
        from privtalk.bench.corpus.mesh.prepared import open_prepared

        if opening.corpus is None:
            return Opened(changes=opening.changes)
        prepared = open_prepared(Path(opening.corpus))
        tested = {clip.identity for clip in prepared.spec.clips if clip.role == "test"}
        if not tested:
            raise UserError(
                f"{opening.corpus}: nobody in training has a test sentence; hold some out when it is prepared "
                "(docs/speech-3d.md)"
            )
        sizes = {
            "speakers": len(prepared.spec.speakers),
            "tested": len(tested),
            "strangers": len(prepared.spec.strangers),
        }
        return Opened(
            resources=str(opening.corpus),
            changes=opening.changes,
            fixed={"corpus": {"name": f"prepared-{prepared.hash}", "hash": prepared.hash, **sizes}},
        )

    def cell(self, settings: Speech3dSettings, wanted: Wanted) -> Speech3dCell:
        reference = wanted.method in REFERENCES
        if STEPS in wanted.at and wanted.method not in STEPPED:
            raise UserError(f"row {wanted.method} has no denoising steps of its own; write none")
        if EPS in wanted.at and wanted.method != FEDERATED:
            raise UserError(f"row {wanted.method} is not federated, and has no epsilon; write none")
        if wanted.method in (BASE, FEDERATED) and settings.corpus.hash:
            raise UserError(
                f"row {wanted.method} starts from public people, who have the embedded face; leave out --corpus"
            )
        cell = Speech3dCell(
            method=wanted.method,
            at=dict(wanted.at),
            seed=wanted.seed,
            corpus=settings.corpus,
            network=settings.network,
            training=None if reference else settings.training,
            options={} if reference else _options(settings, wanted),
            federation=settings.federation if wanted.method in (BASE, FEDERATED) else None,
            evaluation=settings.evaluation,
        )
        if wanted.method == "diffusiontalker" and cell.steps not in STUDENTS:
            raise UserError(
                f"steps={cell.steps}: a student has 1, 2, 4 or 8 steps, each half of its teacher's ({TEACHER_STEPS})"
            )
        return cell

    def check(self, pending: Sequence[Planned], place: Place, workers: int) -> None:
        for planned in pending:
            spec = planned.cell.corpus if isinstance(planned.cell, Speech3dCell) else None
            if spec is not None and spec.tested > spec.speakers:
                raise UserError(
                    f"corpus.tested is {spec.tested}, and corpus.speakers {spec.speakers}: those who are tested "
                    "are among those who train"
                )

    def prepare(self, cells: Sequence[Speech3dCell], place: Place) -> Iterator[Preparation]:
        from privtalk.bench.tasks.speech_3d.footage import footage
        from privtalk.bench.tasks.speech_3d.lessons import preparations

        for spec in dict.fromkeys(cell.corpus for cell in cells):
            yield footage(spec, place.resources)
        yield from preparations(cells)

    def read_cell(self, raw: Mapping[str, Any]) -> Speech3dCell:
        return Speech3dCell.model_validate(raw)

    def prepare_again(
        self, cells: Sequence[Speech3dCell], place: Place, anew: task.Anew
    ) -> Iterator[Preparation]:
        from privtalk.bench.tasks.speech_3d.footage import footage

        for spec in dict.fromkeys(cell.corpus for cell in cells):
            yield footage(spec, place.resources)

    def again(self, work: Work, anew: task.Anew, source: Place) -> CellOutcome:
        """Runs the cell on the networks that the cache holds, with the messages of their rounds."""
        from privtalk.bench.tasks.speech_3d.lessons import missing
        from privtalk.bench.tasks.speech_3d.run import run

        if lacking := missing(work.cell):
            raise UserError(
                f"{lacking[0].key} is no longer in the cache ({lacking[0].path}); run the suite again"
            )
        return run(work)

    def costs(self, cell: Speech3dCell) -> Mapping[str, float]:
        clips = cell.corpus.tested * cell.corpus.test_clips
        frames = clips * cell.corpus.frames
        return {
            "loading": 2.0,
            "animating": 0.1 + frames * (cell.steps if cell.trains else 0) * 2e-5,
            "scoring": frames * 0.002,
            "strangers": cell.corpus.strangers * cell.corpus.test_clips * cell.corpus.frames * 0.002,
            "attacks": 1.0,
            "timing": 4.0 if cell.trains else 0.0,
            "writing": 3.0,
        }

    def run(self, work: Work) -> CellOutcome:
        from privtalk.bench.tasks.speech_3d.run import run

        return run(work)


def _options(settings: Speech3dSettings, wanted: Wanted) -> dict[str, Any]:
    own = settings.options.get(wanted.method, {})
    return row_options(wanted.method, find_speech_method(wanted.method).Options, own, wanted.options)


TASK = Speech3d()
