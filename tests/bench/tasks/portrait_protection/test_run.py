"""The whole path on toy weights: what a record holds, the same each time, and on from where it was killed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from privtalk.bench import runner
from privtalk.bench.commands import run as command
from privtalk.bench.corpus.opening import open_population
from privtalk.bench.execution.task import pinned_threads
from privtalk.core.cache import cache_folder, read_tensors, write_tensors
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from privtalk.metrics.protection.registry import PROTECTION_METRICS, UNDER_ATTACK
from privtalk.metrics.psnr import CAP, psnr
from tests.bench.runs import essence

OWNERS = [f"clients-{k:05d}" for k in range(3)]


@pytest.fixture(scope="module")
def records(whole):
    return {record.method: record for record in RunStore(whole)}


def test_a_protection_holds_its_block_and_the_clean_portrait_none(records):
    assert records["unprotected"].protection is None
    assert records["unprotected"].tier == "none"
    block = records["silencer"].protection
    assert (block.budget, block.bounded) == (8.0, True)
    assert 0 < block.largest <= 8
    assert list(block.controls) == [
        "noise of equal I-PSNR",
        "shuffled by blocks",
        "another's protection",
        "speech taken away",
    ]
    silence = block.controls["speech taken away"]
    assert (silence.estimate.value, silence.passed) == (0, True)
    assert {record.kind for record in records.values()} == {"reference", "method"}
    assert all(record.federation is None and not record.attacks for record in records.values())


def test_every_attacker_is_a_variant_with_what_it_can_change(records):
    for record in records.values():
        assert list(record.metrics) == list(PROTECTION_METRICS)
        [variant] = record.variants
        assert (variant.at, variant.about) == ({"attacker": "jpeg_75"}, "JPEG at quality 75")
        assert list(variant.metrics) == list(UNDER_ATTACK)


def test_every_score_declares_what_its_metric_does(records):
    for name, score in records["silencer"].metrics.items():
        metric = PROTECTION_METRICS[name]
        told = (score.unit, score.direction, score.family, score.about, score.level)
        assert told == (metric.unit, metric.direction, metric.family, metric.about, metric.level)
        assert (score.estimate.value is None) == bool(score.estimate.missing)


def test_samples_stand_at_their_places_and_their_mean_is_the_value(whole, records):
    for record in records.values():
        samples = RunStore(whole).samples(record.cell_id)
        places = [{}, {"attacker": "jpeg_75"}]
        assert [s.at for s in samples] == [at for at in places for _ in OWNERS]
        assert [s.client for s in samples] == OWNERS * 2
        for at, metrics in zip(places, (record.metrics, record.variants[0].metrics), strict=True):
            for name, score in metrics.items():
                values = [s.scores[name] for s in samples if s.at == at and s.scores[name] is not None]
                assert len(values) == score.estimate.n
                if values:
                    assert score.estimate.value == pytest.approx(np.mean(values))


def test_the_clean_portrait_is_at_every_limit(records):
    found = {name: score.estimate.value for name, score in records["unprotected"].metrics.items()}
    assert found["audio_control"] == found["mouth_energy"] == found["portrait_ssim"] == 1
    assert found["still_psnr"] == found["portrait_psnr"] == found["v_psnr"] == CAP
    assert found["face_shift[talkhead]"] == found["m_lmd[talkhead]"] == 0
    assert records["silencer"].metrics["portrait_psnr"].estimate.value < CAP


def test_attackers_pay_nothing_for_the_portrait_and_change_the_animation(records):
    purified = records["unprotected"].variants[0].metrics
    assert purified["v_psnr"].estimate.value < CAP


def test_what_a_run_leaves_to_look_at(whole, records):
    for record in records.values():
        for path in record.artifacts.values():
            assert (whole / path).is_file(), path
        for owner in OWNERS:
            with Image.open(whole / record.artifacts[f"portraits/{owner}.png"]) as picture:
                assert picture.size[0] == 3 * picture.size[1]
                before, after, change = np.split(np.asarray(picture).astype(int), 3, axis=1)
            clean = record.method == "unprotected"
            assert np.array_equal(before, after) == (np.ptp(change) == 0) == clean
            assert not clean or set(change.flat) == {128}
    assert records["silencer"].artifacts["truth/clips/clients-00000.mp4"].startswith("artifacts/truth/")


def test_the_checkpoints_are_gone_when_a_cell_is_done(whole):
    assert not list((whole / "checkpoints").rglob("*.safetensors"))


def test_a_second_run_has_the_same_bytes(whole, owners_request, tmp_path, capsys):
    """Without what the first left in the cache: the clean animation is made again."""
    shutil.rmtree(cache_folder() / "animations")
    request = owners_request("silencer", out=tmp_path / "again")
    assert command.run(request) == command.OK
    assert "What is left of it under attack?" in capsys.readouterr().out
    once, again = RunStore(whole), RunStore(request.out)
    [made] = again
    assert essence(made) == essence(once.read(made.cell_id))
    assert made.model_dump_json(include={"metrics", "variants", "protection"}) == (
        once.read(made.cell_id).model_dump_json(include={"metrics", "variants", "protection"})
    )
    paths = [store.samples_path(made.cell_id) for store in (once, again)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.fixture
def killed(owners_request, tmp_path):
    """Silencer's cell, its place, and the stages that a second go reports; killed when it had protected."""
    request = owners_request("silencer", out=tmp_path / "run")
    opened, plan, _ = command.prepare(request)
    [planned] = plan.cells
    place = runner.Place(request.out, opened.resources)

    def kill(stage, done, total):
        if stage == "animating":
            raise Killed

    # What executors pin and a direct call of `run_cell` does not: two threads give other last bits.
    with pinned_threads(1):
        with pytest.raises(Killed):
            runner.run_cell(kill, planned, place)
        yield planned, place


def finished(planned, place):
    """The record after the same call again, and the stages that it went through."""
    stages = []
    runner.run_cell(lambda stage, done, total: stages.append(stage), planned, place)
    return RunStore(place.folder).read(planned.cell.id), stages


def test_a_killed_cell_goes_on_after_what_was_protected(killed, records):
    planned, place = killed
    assert not RunStore(place.folder).has(planned.cell.id)
    assert (place.checkpoints(planned.cell) / "protected.safetensors").is_file()
    record, stages = finished(planned, place)
    assert "protecting" not in stages
    assert essence(record) == essence(records["silencer"])


def test_what_was_kept_is_what_is_published(killed):
    """Another photo in the checkpoint is animated, and a budget that it does not keep is told."""
    planned, place = killed
    path = place.checkpoints(planned.cell) / "protected.safetensors"
    kept = read_tensors(path, "photos")["photos"]
    planted = 255 - kept
    write_tensors(path, {"photos": planted})
    record, stages = finished(planned, place)
    assert "protecting" not in stages
    assert record.protection.largest > record.protection.budget
    costs = [s.scores["portrait_psnr"] for s in RunStore(place.folder).samples(record.cell_id)[:3]]
    kept_at = [
        psnr(photo[None], clean[None]) for photo, clean in zip(planted, portraits(planned), strict=True)
    ]
    assert costs == pytest.approx(kept_at)


def portraits(planned):
    """The clean photos of a cell's owners."""
    population = open_population(planned.cell.corpus, None)
    people = population.people("clients")[:3]
    return [population.clips(person, "train")[0].frames[0] for person in people]


def test_a_protection_that_keeps_no_budget_says_so(owners_request, tmp_path):
    request = owners_request("silencer_latent", out=tmp_path / "run")
    assert command.run(request) == command.OK
    [record] = RunStore(request.out)
    assert not record.protection.bounded
    assert record.protection.largest > record.protection.budget


def test_other_budgets_have_few_attackers_and_no_noise_to_compare_with(owners_request, tmp_path):
    request = owners_request(
        "random_noise", out=tmp_path / "run", tiers=("budget=4",), changes=("animation.elsewhere=[blur]",)
    )
    assert command.run(request) == command.OK
    [record] = RunStore(request.out)
    assert [variant.at for variant in record.variants] == [{"attacker": "blur"}]
    assert list(record.protection.controls) == ["speech taken away"]
    assert record.protection.largest <= 4


def test_frames_of_another_size_than_the_backbones_are_refused(owners_request, tmp_path):
    with pytest.raises(UserError, match=r"corpus\.size is 64, the backbone takes 32 pixels"):
        command.prepare(owners_request("silencer", out=tmp_path / "run", changes=("corpus.size=64",)))
