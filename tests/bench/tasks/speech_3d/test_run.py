"""The whole path on toy networks: what records hold, and that they hold it again."""

from __future__ import annotations

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.tasks.speech_3d import lessons
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from privtalk.metrics.mesh import MESH_METRICS


@pytest.fixture(scope="module")
def records(spoken):
    return {(record.method, record.tier): record for record in RunStore(spoken)}


@pytest.fixture(scope="module")
def federated(together):
    return {(record.method, record.tier): record for record in RunStore(together)}


def test_every_tier_of_a_row_is_run(records):
    assert {tier for method, tier in records if method == "teacher"} == {
        "none",
        "steps=8",
        "steps=4",
        "steps=2",
    }
    assert {tier for method, tier in records if method == "diffusiontalker"} == {"none", "steps=8", "steps=4"}


def test_records_hold_every_metric_in_millimetres_and_the_truth_beside_what_it_is_not_trivial_of(records):
    for record in records.values():
        assert list(record.metrics) == list(MESH_METRICS)
        assert {record.metrics[name].unit for name in ("lve", "eve", "fdd")} == {"mm²"}
        assert record.metrics["mve"].unit == "mm"
        assert 0.2 < record.metrics["readability"].ground_truth <= 1
        assert record.metrics["diversity"].ground_truth > 0


def test_the_mean_of_many_takes_has_the_true_lips_and_no_eve_above_its_floor(records):
    ceiling = records["conditional_mean", "none"].metrics
    assert ceiling["lve"].estimate.value == pytest.approx(0, abs=1e-6)
    assert ceiling["eve_above_floor"].estimate.value == 0
    assert ceiling["eve"].estimate.value > 0
    assert ceiling["closure"].estimate.value == 1
    assert records["mean_motion", "none"].metrics["lve"].estimate.value > 0


def test_strangers_are_a_variant_with_samples_of_their_own(records):
    for record in records.values():
        [variant] = record.variants
        assert variant.at == {"speakers": "strangers"}
        assert variant.metrics["lve"].estimate.clusters == 2


def test_passes_are_the_steps_and_a_student_needs_no_large_encoder(records):
    passes = {key: r.efficiency.passes for key, r in records.items() if r.efficiency is not None}
    assert passes["teacher", "none"] == 16
    assert passes["teacher", "steps=2"] == passes["diffusiontalker", "none"] == 2
    assert passes["unitalker", "none"] == 1
    student, teacher = (records[name, "none"].efficiency for name in ("diffusiontalker", "teacher"))
    assert student.needed < teacher.needed
    assert {speed.audio for speed in student.speeds} == {True}
    assert {speed.audio for speed in teacher.speeds} == {True, False}
    assert records["mean_motion", "none"].efficiency is None
    sixteen, two = (records["teacher", tier].efficiency.macs_per_frame for tier in ("none", "steps=2"))
    assert 3 < sixteen / two < 16


def test_rows_that_draw_nothing_have_no_diversity_and_those_that_draw_do(records):
    assert records["unitalker", "none"].metrics["diversity"].estimate.value == 0
    assert records["teacher", "none"].metrics["diversity"].estimate.value > 0


def test_attacks_have_their_strength_and_their_controls(records):
    found = records["diffusiontalker", "none"].attacks
    assert set(found) == {"motion_identity", "identity_embedding", "emotion_embedding"}
    assert all(attack.strength is not None and attack.controls for attack in found.values())
    assert set(records["unitalker", "none"].attacks) == {"motion_identity"}


def test_nobody_asks_who_is_told_from_somebody_elses_motion(speech_request, tmp_path):
    out = tmp_path / "other"
    assert command.run(speech_request("other_sentence", "held_template", out=out)) == 0
    found = {record.method: record.attacks for record in RunStore(out)}
    assert found["other_sentence"] == {}
    assert set(found["held_template"]) == {"motion_identity"}


def test_clips_to_look_at_are_there(records, spoken):
    artifacts = records["diffusiontalker", "none"].artifacts
    assert any(name.startswith("clips/") for name in artifacts)
    assert any(name.startswith("truth/clips/") for name in artifacts)
    assert all((spoken / path).stat().st_size > 0 for path in artifacts.values())


def test_a_guarantee_is_of_what_was_said_and_names_its_mechanism(federated):
    none, private = (federated["federated", tier].federation.privacy for tier in ("none", "eps=8"))
    assert not none.guarantee
    assert private.mechanism == "central-gaussian"
    assert private.target_epsilon == 8
    assert private.noise_multiplier > 0
    assert 0 < private.epsilons.outsider <= 8 or not private.guarantee
    assert federated["federated_base", "none"].federation is None


def test_the_servers_view_is_attacked(federated):
    found = federated["federated", "none"].attacks
    assert {"fedmia", "update_cosine", "motion_identity"} <= set(found)
    assert found["update_cosine"].view == "server"
    assert found["update_cosine"].strength is not None


def test_a_finished_lesson_is_not_learned_again(speech_request, spoken, tmp_path, monkeypatch):
    def fail(*_):
        raise AssertionError("learned again")

    monkeypatch.setattr(lessons, "learn", fail)
    out = tmp_path / "again"
    assert command.run(speech_request("unitalker", out=out)) == 0
    [again] = RunStore(out)
    first = next(r for r in RunStore(spoken) if r.method == "unitalker")
    assert again.cell_id == first.cell_id
    assert again.metrics == first.metrics
    assert again.variants == first.variants


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        (
            {"rows": ("teacher",), "changes": ("corpus.tested=9",)},
            "those who are tested are among those who train",
        ),
        ({"rows": ("teacher",), "tiers": ("steps=0",)}, "whole number from 1"),
        ({"rows": ("diffusiontalker",), "changes": ("options.nobody.x=1",)}, "nobody"),
        ({"rows": ("diffusiontalker",), "changes": ("options.diffusiontalker.x=1",)}, "diffusiontalker.x"),
    ],
)
def test_mistakes_are_told_in_a_line(speech_request, tmp_path, fields, line):
    rows = fields.pop("rows")
    with pytest.raises(UserError, match=line):
        command.run(speech_request(*rows, out=tmp_path / "run", **fields))
    assert not list((tmp_path / "run").rglob("records/*.json"))
