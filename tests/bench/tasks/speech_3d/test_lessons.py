"""The graph of lessons: what must be learned before what, and what is shared."""

from __future__ import annotations

import pytest

from privtalk.bench import suites
from privtalk.bench.task import Wanted
from privtalk.bench.tasks.speech_3d.lessons import SpeechLesson, lesson_of
from privtalk.bench.tasks.speech_3d.settings import Speech3dSettings
from privtalk.bench.tasks.speech_3d.task import TASK
from privtalk.core.errors import UserError


def cell(method="diffusiontalker", at=None, seed=0, options=None, **changes):
    settings = Speech3dSettings.model_validate(changes)
    return TASK.cell(settings, Wanted(method, at or {}, seed, options or {}))


def names(lesson: SpeechLesson) -> set[tuple[str, int]]:
    return {(parent.method, parent.steps) for parent in lesson.parents}


def test_a_student_learns_from_one_with_twice_its_steps_and_the_first_from_the_teacher():
    two = lesson_of(cell())
    assert (two.steps, two.teacher.steps, two.teacher.teacher.steps) == (2, 4, 8)
    assert (two.teacher.teacher.teacher.method, two.teacher.teacher.teacher.steps) == ("teacher", 0)
    assert names(two) == {("speech_encoder", 0), ("small_encoder", 0), ("diffusiontalker", 4)}
    assert two.depth == 4


def test_rows_share_the_teacher_and_the_students_on_the_way():
    two, four = lesson_of(cell()), lesson_of(cell(at={"steps": "4"}))
    assert two.teacher.path == four.path
    assert four.teacher.teacher.path == lesson_of(cell("teacher")).path
    assert lesson_of(cell("teacher", {"steps": "2"})).path == lesson_of(cell("teacher")).path
    assert lesson_of(cell("facediffuser")).path == lesson_of(cell("facediffuser_released")).path


def test_a_student_without_a_part_has_a_teacher_without_it_but_for_the_enhancer():
    without = lesson_of(cell(options={"identity": False}))
    teacher = without.teacher.teacher.teacher
    assert teacher.options["identity"] is False
    assert teacher.path != lesson_of(cell("teacher")).path
    plain = lesson_of(cell(options={"enhancer": False}))
    assert plain.path != lesson_of(cell()).path
    assert plain.teacher.teacher.teacher.path == lesson_of(cell("teacher")).path


def test_without_distillation_there_is_no_teacher():
    alone = lesson_of(cell(options={"distillation": False}))
    assert alone.steps == 0
    assert names(alone) == {("speech_encoder", 0), ("small_encoder", 0)}


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"evaluation": {"samples": 5}}, True),
        ({"corpus": {"strangers": 3}}, True),
        ({"corpus": {"tested": 7}}, True),
        ({"corpus": {"speakers": 100}}, False),
        ({"training": {"steps": 7}}, False),
        ({"network": {"width": 32}}, False),
    ],
)
def test_a_lesson_is_known_by_what_it_depends_on(changes, same):
    assert (lesson_of(cell(**changes)).path == lesson_of(cell()).path) is same


def test_seeds_have_lessons_of_their_own():
    assert lesson_of(cell(seed=1)).path != lesson_of(cell()).path


def test_tiers_of_a_federation_share_the_base_and_not_the_rounds():
    plain, private = lesson_of(cell("federated")), lesson_of(cell("federated", {"eps": "8"}))
    assert plain.path != private.path
    assert {p.path for p in plain.parents} == {p.path for p in private.parents}


@pytest.mark.parametrize(
    ("method", "at", "line"),
    [
        ("diffusiontalker", {"steps": "3"}, "1, 2, 4 or 8 steps"),
        ("diffusiontalker", {"steps": "16"}, "1, 2, 4 or 8 steps"),
        ("regressor", {"steps": "2"}, "no denoising steps"),
        ("teacher", {"eps": "8"}, "not federated"),
    ],
)
def test_places_that_are_none_are_refused(method, at, line):
    with pytest.raises(UserError, match=line):
        cell(method, at)


def test_a_federation_needs_the_embedded_face():
    with pytest.raises(UserError, match="leave out --corpus"):
        cell("federated", corpus={"hash": "abc"})


def test_the_ablation_is_a_whole_factorial():
    plan = suites.expand(suites.load("speech_3d_ablation"), "small", seeds=[0])
    made = [planned for planned in plan.cells if planned.cell.method == "diffusiontalker"]
    assert len({tuple(sorted(planned.factors.items())) for planned in made}) == 16


@pytest.mark.parametrize(
    ("method", "changes", "same"),
    [
        ("speech_encoder", {"steps": 7}, True),
        ("speech_encoder", {"encoder_steps": 7}, False),
        ("teacher", {"distillation_steps": 7}, True),
        ("teacher", {"encoder_steps": 7}, False),
        ("diffusiontalker", {"distillation_steps": 7}, False),
    ],
)
def test_a_lesson_depends_on_the_steps_that_it_and_those_before_it_take(method, changes, same):
    def path(**training):
        row = cell(training=training)
        return SpeechLesson(row, method, 2 if method == "diffusiontalker" else 0).path

    assert (path(**changes) == path()) is same
