"""A judge from outside: its bars, its intervals, and what it says where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from privtalk.leaderboards.validation import footage, stranger, work
from privtalk.leaderboards.validation.footage import ValidationFootage
from privtalk.metrics.evaluators.bundle import Given
from privtalk.metrics.evaluators.fitting.identity_fitting import area
from tests.leaderboards.validation.test_identity import FRAMES, embeddings, portraits


def judged(noise, shown=lambda frame: [frame]):
    return stranger.judge(portraits(), embeddings(noise), shown, FRAMES)


def test_people_that_are_apart_pass_and_noise_does_not():
    clear, noisy = judged(0.2), judged(np.inf)
    assert clear.templates.value > 0.99 > stranger.BAR
    assert 0.3 < noisy.templates.value < 0.7
    assert clear.genuine < clear.impostor
    assert clear.seen.value == 1
    assert stranger.check(64, clear).verdict == "pass"
    assert stranger.check(64, noisy).verdict == "fail"
    assert clear.templates.low <= clear.templates.value <= clear.templates.high


def test_faces_that_are_not_found_fail():
    seen = iter(range(10**6))
    found = judged(0.2, lambda frame: [frame] if next(seen) % 2 else [])
    assert found.seen.value == pytest.approx(0.5, abs=0.01)
    line = stranger.check(64, found)
    assert line.verdict == "fail"
    assert "faces found in 50.0 %" in line.measured


def test_distances_are_euclidean_and_within_a_sitting_nothing_is_compared():
    rng = np.random.default_rng(0)
    rows, person, sitting = rng.normal(size=(8, 5)), np.repeat([0, 1], 4), np.tile([0, 0, 1, 1], 2)
    found = stranger.distances(rows, person, sitting)
    assert len(found.cosine) == 28 - 4
    for k in range(len(found.cosine)):
        apart = np.sqrt(((rows[found.first[k]] - rows[found.second[k]]) ** 2).sum())
        assert found.cosine[k] == pytest.approx(-apart)
    assert judged(0.2).frames_auc == pytest.approx(
        area(*stranger.distances(embeddings(0.2), portraits().person, portraits().sitting).parts)
    )


def test_without_the_judge_it_is_not_done_and_says_why():
    scene = work.ValidationSetting(
        footage=ValidationFootage(people=16), evaluators=Given(reason="bench weights fetch dlib")
    )
    reason = work.judge(lambda *of: None, scene, 64)
    line = stranger.check(64, None, reason)
    assert (line.verdict, line.section) == ("not done", "identity")
    assert line.reason == "no dlib network: bench weights fetch dlib"


def test_people_are_filmed_for_the_judge_only_where_it_is(monkeypatch):
    wanted = ValidationFootage(people=64)
    assert [file.people for file in wanted.judged(128)] == [stranger.PEOPLE]
    monkeypatch.setattr(footage.studio, "missing", lambda files: list(files))
    monkeypatch.setattr(footage.shards, "missing", lambda files: [])
    monkeypatch.setattr(footage, "_cost", lambda file: 0.0)

    class Filmed:
        """A task whose argument is what it films."""

        def __init__(self, file):
            self.arguments = (file,)

    monkeypatch.setattr(footage.studio, "missing", lambda files: [Filmed(file) for file in files])
    for there, sizes in ((object(), {64, 128}), (None, {64})):
        monkeypatch.setattr(footage, "packaged", lambda name, there=there: there)
        assert {task.arguments[0].size for task, _ in wanted.missing()} == sizes


@pytest.mark.slow
def test_dlib_sees_and_tells_rendered_people(tmp_path, monkeypatch):
    pytest.importorskip("dlib", reason="needs the extra [faces]: dlib-bin")
    if footage.packaged("dlib") is None:
        pytest.skip("needs the extra [faces]: face-recognition-models")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    scene = work.ValidationSetting(footage=ValidationFootage(people=16))
    for file in scene.footage.judged(64):
        footage.studio.build(lambda *of: None, file)
    found = work.judge(lambda *of: None, scene, 64)
    assert found.templates.value > 0.95
    assert found.seen.value > 0.95
