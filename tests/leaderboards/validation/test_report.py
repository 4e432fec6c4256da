"""From the tasks' results to the folder that a reader opens."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest

from privtalk.bench.cli import guarded
from privtalk.bench.commands import validate_metrics as command
from privtalk.bench.execution import Job
from privtalk.core.errors import UserError
from privtalk.leaderboards.board import validation as result
from privtalk.leaderboards.validation import distortions, footage, identity, page, readers, synchrony, work
from privtalk.leaderboards.validation.footage import ValidationFootage
from privtalk.leaderboards.validation.ladder import REQUIRED
from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.bundle import TALKHEAD, Given
from privtalk.metrics.regions import mouth_opening
from tests.leaderboards.conftest import make_runs
from tests.leaderboards.validation.test_identity import FRAMES, embeddings, lights, portraits
from tests.leaderboards.validation.toys import Hearing, Pixels, Squared, toy_clip

PEOPLE = 12
REASON = "no weights of it: bench weights fetch it"


class Mouths:
    """Reads the exact opening."""

    def __call__(self, frames, landmarks):
        return mouth_opening(landmarks)


@pytest.fixture(scope="module")
def scene():
    networks = {
        ("perceptual", TALKHEAD): Squared(),
        ("frames", TALKHEAD): Pixels(),
        ("sync", TALKHEAD): Hearing(),
        ("mouth", TALKHEAD): Mouths(),
    }
    return work.ValidationSetting(
        footage=ValidationFootage(people=PEOPLE), evaluators=Given(networks, REASON)
    )


@pytest.fixture(scope="module")
def patched():
    """Toy clips and portraits instead of films."""
    clips = tuple(toy_clip(person, take) for person in range(PEOPLE) for take in range(2))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(footage, "clips", lambda wanted: clips)
        patch.setattr(page.studio, "load", lambda wanted: portraits())
        patch.setattr(identity, "lights", lambda wanted: lights())
        patch.setattr(work, "conditions", lambda: [c for c in distortions.ladder() if c.kind in REQUIRED])
        patch.setattr(footage, "LEAST", 6)
        patch.setattr(work, "FRAMES", 12)
        patch.setattr(page, "FRAMES", 12)
        yield clips


@pytest.fixture(scope="module")
def measured(scene, patched):
    jobs = work.jobs(scene)
    results = work.run([job.task for job in jobs], 1, lambda event: None)
    found = work.conclude(scene, results)
    verified = identity.verify("heldout", embeddings(0.5), portraits(), lights(), FRAMES)
    found.verified[TALKHEAD, "heldout"] = verified
    return found


@pytest.fixture(scope="module")
def report(measured, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "validation"
    page.write(out, measured, work.checks(measured), measured.floors, {"talkhead": "ab" * 32}, "facts")
    return out


@pytest.fixture(scope="module")
def text(report):
    return (report / "index.html").read_text(encoding="utf-8")


def test_jobs_cost_something_and_are_named_once(scene):
    jobs = work.jobs(scene)
    assert len({job.task.key for job in jobs}) == len(jobs)
    assert all(sum(job.costs.values()) > 0 for job in jobs)


def test_what_is_absent_is_not_passed(measured):
    verdicts = {check.name: check.verdict for check in work.checks(measured)}
    assert verdicts["sync[talkhead]: known shifts"] == "pass"
    assert verdicts["lpips[talkhead]"] == "pass"
    assert verdicts["sync[syncnet]: known shifts"] == "not done"
    assert verdicts["landmarks[talkhead]"] == "not done"
    assert verdicts["identity[talkhead]: unseen people of the public world"] == "not done"
    assert verdicts["identity[talkhead]: people of the broader world"] == "pass"


def test_boards_find_the_noise_floors(report):
    found = result.find([report.parent])
    assert found is not None
    assert found.page
    assert found.noise_floor["psnr"].n == 40
    assert found.noise_floor["psnr"].value > 0


def test_figures_are_numbers(report):
    def no_constant(name):
        raise AssertionError(f"{name} is no JSON")

    raw = json.loads((report / "metrics.json").read_text(encoding="utf-8"), parse_constant=no_constant)
    assert {check["verdict"] for check in raw["checks"]} <= {"pass", "fail", "not done"}
    assert raw["sync"]["talkhead"]["shares"]["72"]["-10"]["value"] == 1.0
    assert raw["sync"]["syncnet"] == {"missing": f"no syncnet network: {REASON}"}
    assert all(math.isfinite(floor["value"]) for floor in raw["noise_floor"].values())


def test_every_link_leads_to_a_file_or_a_place(report, text):
    for link in re.findall(r'(?:href|src|srcset)="([^"]+)"', text):
        if link.startswith("#"):
            assert f'id="{link[1:]}"' in text, link
        elif not link.startswith("data:"):
            assert (report / link).is_file(), link
    assert "http" not in text.replace("https://vega.github.io", "")


def test_verdicts_stand_in_words_and_colour(text):
    assert '<span class="tag good">pass</span>' in text
    assert "What could not be checked is not passed" in text
    assert "no weights of it" in text


def test_every_metric_is_listed_or_said_to_be_missing(text):
    from privtalk.metrics import METRICS

    for name, metric in METRICS.items():
        assert name in text or metric.base in text, name


def test_a_report_is_replaced_and_nothing_else(report, measured, tmp_path):
    page.writable(report)
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="no report"):
        page.writable(tmp_path)
    with pytest.raises(UserError, match="is a file"):
        page.writable(tmp_path / "thesis.tex")


def test_the_command_writes_beside_the_run(measured, tmp_path, monkeypatch):
    run = make_runs(seeds=(0,), clients=5).write(tmp_path / "run")
    monkeypatch.setattr(command, "measure", lambda scene, workers: measured)
    code = guarded(["validate-metrics", str(run), "--people", "16"])
    failed = any(check.verdict == "fail" for check in work.checks(measured))
    assert code == int(failed)
    found = result.find([run])
    assert found is not None
    assert found.noise_floor["psnr"].n == 15
    assert "median over pairs of this run" in (run / "validation" / "index.html").read_text(encoding="utf-8")


def test_floors_of_a_run_are_those_of_its_pairs():
    runs = make_runs(
        {("fedavg", "none"): 0.9, ("fedprox", "none"): 0.9, ("static", "none"): -3.0}, seeds=(0,)
    )
    from privtalk.leaderboards.board.assembly import scores_of
    from privtalk.leaderboards.board.statistics import paired_difference
    from privtalk.leaderboards.validation.floors import of_run

    a, b = (scores_of([r], runs.samples)["psnr"] for r in runs.records if r.method != "static")
    gap = paired_difference(a, b)
    found = of_run(runs.records, runs.samples)["psnr"]
    assert found.value == pytest.approx((gap.high - gap.low) / 2)
    assert "1 pairs" in found.source


def test_mistakes_are_told(tmp_path):
    with pytest.raises(UserError, match="no such folder"):
        command.run_floors(tmp_path / "absent")
    with pytest.raises(UserError, match="--people 3"):
        command.validate_metrics(None, tmp_path / "out", 3, 1)


def test_a_failed_task_ends_the_command():
    from privtalk.core.errors import WorkFailed

    with pytest.raises(WorkFailed, match="broken failed"):
        work.run([Job("broken", _broken, ())], 1, lambda event: None)


def _broken(report):
    raise ValueError("it is broken")


def test_damaged_weights_are_a_reason():
    class Damaged:
        def get(self, kind, name):
            raise ValueError("identity.safetensors: no IdentityNetwork")

    with pytest.raises(Undefined, match="no IdentityNetwork"):
        work.Tolerant(Damaged()).get("identity", TALKHEAD)


def test_first_clips_are_of_different_people(patched):
    found = footage.first_clips(patched, 5)
    assert len({clip.identity for clip in found}) == len(found) == 5
    assert all(clip.utterance == "take 0" for clip in found)


def test_roles_are_those_that_nobody_saw():
    own = ValidationFootage(people=20)
    assert {file.role for file in own.sittings("heldout")} == {"heldout"}
    assert min(file.first for file in own.sittings("public")) == 4000
    assert {shard.role for shard in own.shards()} == {"heldout"}


def test_readers_bar_is_on_correlation():
    found = readers.compare([np.array([0.0, 0.1, 0.3])], [np.array([0.0, 0.2, 0.1])])
    assert readers.check("mouth", found).verdict == "fail"


def test_the_worst_shift_decides():
    trials = [
        synchrony.SyncTrial(72, s, s if (s, k) != (3, 0) else 0, 1.0, 0.1)
        for s in synchrony.SHIFTS
        for k in range(10)
    ]
    heard = synchrony.SyncReading(
        tuple(trials), tuple(synchrony.Mismatch(s, 0.1, 1.0) for s in synchrony.SHIFTS)
    )
    found = synchrony.conclude(heard)
    assert found.worst[0] == 3
    assert synchrony.checks("sync", found)[0].verdict == "fail"
