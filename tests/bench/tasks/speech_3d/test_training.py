"""The training of lessons: in order, once, from the cache, by any number of workers."""

from __future__ import annotations

from itertools import pairwise

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.tasks.speech_3d import lessons
from privtalk.bench.tasks.speech_3d.lessons import lesson_of, preparations
from privtalk.core.records import RunStore


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A cache in which nothing lies."""
    monkeypatch.setenv("PRIVTALK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def jobs(preparation):
    return [job.arguments[0] for job in preparation.jobs]


def test_lessons_come_after_all_that_they_learn_from_and_once(cell_of, empty):
    rows = ("diffusiontalker", "teacher", "scratch", "unitalker", "facediffuser", "facediffuser_released")
    cells = [cell_of(row) for row in rows] + [cell_of("diffusiontalker", "steps=4")]
    turns = [jobs(preparation) for preparation in preparations(cells)]
    learned: set = set()
    for turn in turns:
        for lesson in turn:
            assert {parent.path for parent in lesson.parents} <= learned
        learned |= {lesson.path for lesson in turn}
    every = [lesson.path for turn in turns for lesson in turn]
    assert len(every) == len(set(every))
    assert {lesson_of(cell).path for cell in cells} <= learned
    names = [{(lesson.method, lesson.steps) for lesson in turn} for turn in turns]
    assert names[0] == {("speech_encoder", 0)}
    assert ("small_encoder", 0) in names[1]
    steps = [steps for turn in names for method, steps in turn if method == "diffusiontalker"]
    assert all(later == earlier // 2 for earlier, later in pairwise(steps))


def test_floors_and_ceilings_learn_nothing(cell_of, empty):
    assert not list(preparations([cell_of("mean_motion"), cell_of("conditional_mean")]))


def test_what_is_learned_is_not_due_again(cell_of):
    assert not [job for turn in preparations([cell_of("diffusiontalker")]) for job in turn.jobs]


def test_a_lesson_that_was_cut_short_is_due_again(cell_of, empty):
    path = lesson_of(cell_of("unitalker")).path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut short")
    due = [lesson.path for turn in preparations([cell_of("unitalker")]) for lesson in jobs(turn)]
    assert path in due


def test_steps_of_halving_belong_to_students_alone(cell_of):
    change = ("training.distillation_steps=5",)
    for method, same in (
        ("teacher", True),
        ("unitalker", True),
        ("scratch", True),
        ("diffusiontalker", False),
    ):
        assert (lesson_of(cell_of(method, changes=change)).path == lesson_of(cell_of(method)).path) is same


def test_a_run_that_is_killed_between_lessons_goes_on_to_the_same_metrics_with_more_workers(
    speech_request, spoken, tmp_path, empty, monkeypatch
):
    """Killed in one process after the encoder; finished by two; compared with the run of one that nobody killed."""
    request = speech_request("unitalker", out=tmp_path / "run")
    learn = lessons.learn

    def killed(report, lesson):
        if lesson.method == "unitalker":
            raise KeyboardInterrupt
        learn(report, lesson)

    with monkeypatch.context() as patch:
        patch.setattr(lessons, "learn", killed)
        with pytest.raises(KeyboardInterrupt):
            command.run(request)
    [encoder] = (empty / "speech_3d").glob("*.safetensors")
    before = encoder.stat().st_mtime_ns
    again = speech_request("unitalker", out=tmp_path / "run", workers=2)
    assert command.run(again) == command.OK
    assert encoder.stat().st_mtime_ns == before
    [found] = RunStore(tmp_path / "run")
    whole = next(record for record in RunStore(spoken) if record.method == "unitalker")
    assert found.cell_id == whole.cell_id
    assert found.metrics == whole.metrics
    assert found.variants == whole.variants
    assert {name: a.measures for name, a in found.attacks.items()} == {
        name: a.measures for name, a in whole.attacks.items()
    }
    timed = ("speeds", "times_reference")
    assert found.efficiency.model_dump(exclude=set(timed)) == whole.efficiency.model_dump(exclude=set(timed))
