"""Judging clip by clip is scoring them all at once; what is kept of true clips is bounded."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from privtalk.bench.corpus.clip import Clip
from privtalk.bench.corpus.spec import EMBEDDED
from privtalk.bench.tasks.talking_head.stages import score
from privtalk.bench.tasks.talking_head.stages.generate import Stage
from privtalk.bench.tasks.talking_head.stages.score import Judge, true_reading
from privtalk.metrics import METRICS, intervals, score_clip
from privtalk.metrics.distributions import Distributions
from privtalk.metrics.evaluators.bundle import Given
from tests.metrics.toys import T, face, networks, pair, speech, talking

CLIENTS = ("ann", "ann", "bob", "cid", "cid", "dan")
SETS = ("fid[talkhead]", "kid[talkhead]", "fvd[talkhead]")


def clip(seed, count=T):
    return Clip(
        frames=talking(seed, count),
        audio=speech(count),
        fps=25.0,
        landmarks=face(count),
        identity=f"person-{seed}",
        utterance="hello",
    )


def stage_of(clips, clients=CLIENTS):
    numbers = [clients[:k].count(name) for k, name in enumerate(clients)]
    return Stage(
        scene=SimpleNamespace(names=tuple(f"{name}/{n}" for name, n in zip(clients, numbers, strict=True))),
        truth=tuple(clips),
        clients=tuple(clients),
        clips=tuple(f"test-{n:02d}" for n in numbers),
    )


@pytest.fixture
def using(monkeypatch):
    """Toy networks in the place of the corpus's, and nothing kept from other tests."""
    given = Given(networks())
    monkeypatch.setattr(score, "evaluators", lambda corpus: given)
    score._TRUE.clear()
    yield given
    score._TRUE.clear()


@pytest.fixture(scope="module")
def stage():
    return stage_of([clip(seed) for seed in range(len(CLIENTS))])


@pytest.fixture(scope="module")
def made(stage):
    """A frozen clip among others, and one that is the truth."""
    frames = np.stack([talking(100 + k) for k in range(len(stage))])
    frames[1] = frames[1, :1]
    frames[3] = stage.truth[3].frames
    return torch.from_numpy(frames)


def judged(stage, made, portion=6):
    judge = Judge(stage, EMBEDDED)
    for first in range(0, len(made), portion):
        judge.update(made[first : first + portion])
    return judge.verdict()


@pytest.fixture(scope="module")
def verdict(stage, made):
    """Of the clips in portions of four."""
    given = Given(networks())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(score, "evaluators", lambda corpus: given)
        return judged(stage, made, 4)


@pytest.fixture(scope="module")
def summary(verdict):
    return verdict.summary(seed=3)


def test_a_verdict_is_the_scores_of_all_clips_at_once(verdict, stage, made):
    other = Given(networks())
    whole = Distributions()
    for k, truth in enumerate(stage.truth):
        shown = pair(made[k].numpy(), truth.frames, using=other)
        assert verdict.scored[k] == score_clip(shown)
        whole.update(shown, stage.clients[k])
    sets, missing = whole.compute()
    assert verdict.sets == sets
    assert set(sets) == set(SETS)
    assert verdict.missing == missing


def test_samples_hold_every_metric_of_every_clip(verdict):
    samples = verdict.samples()
    assert [(sample.client, sample.clip) for sample in samples] == [
        *[("ann", "test-00"), ("ann", "test-01"), ("bob", "test-00")],
        *[("cid", "test-00"), ("cid", "test-01"), ("dan", "test-00")],
    ]
    for k, sample in enumerate(samples):
        assert list(sample.scores) == list(METRICS)
        assert sample.scores["psnr"] == verdict.scored[k].scores["psnr"]
        assert sample.scores["fid[talkhead]"] == verdict.sets["fid[talkhead]"].shares[k]
        assert sample.scores["fid[inception]"] is None
    assert samples[3].scores["psnr"] == 100
    assert samples[1].scores["lse_c[talkhead]"] is None


def by_client(samples, name):
    """Mean over clients of the means over their clips, and how many values there are."""
    values: dict[str, list[float]] = {}
    for sample in samples:
        if sample.scores[name] is not None:
            values.setdefault(sample.client, []).append(sample.scores[name])
    return np.mean([np.mean(own) for own in values.values()]), sum(map(len, values.values()))


def test_samples_average_to_the_summary_of_clips_and_of_sets(verdict, summary):
    assert list(summary) == list(METRICS)
    for name, found in summary.items():
        declared = METRICS[name]
        assert (found.unit, found.direction, found.family) == (
            declared.unit,
            declared.direction,
            declared.family,
        )
        assert (found.level, found.about) == (declared.level, declared.about)
        if found.estimate.value is None:
            assert found.estimate.missing
            assert all(sample.scores[name] is None for sample in verdict.samples())
            continue
        mean, count = by_client(verdict.samples(), name)
        assert found.estimate.value == pytest.approx(mean)
        assert found.estimate.n == count
        assert found.estimate.low <= found.estimate.value <= found.estimate.high


def test_a_sets_summary_is_its_distance_however_many_clips_a_client_has(verdict, summary):
    for name in SETS:
        assert summary[name].estimate.value == pytest.approx(verdict.sets[name].value)
        assert summary[name].estimate.n == 6
        assert summary[name].estimate.clusters == 4


def test_a_missing_metric_says_why(using, stage):
    """Of several reasons the commonest; of a set's its own."""
    frames = np.stack([truth.frames[:1].repeat(T, 0) for truth in stage.truth])
    summary = judged(stage, torch.from_numpy(frames)).summary(seed=3)
    assert summary["lse_c[talkhead]"].estimate.missing == "the generated frames do not move"
    assert summary["ms_ssim"].estimate.missing == "five scales need 161 px"
    assert summary["lpips[alex]"].estimate.missing == "no alex network: not given"
    assert summary["fvd[i3d]"].estimate.missing == "no i3d network: not given"
    assert summary["fid[talkhead]"].estimate.missing is None


def test_ground_truths_own_value_is_the_mean_over_the_clips(verdict, summary):
    own = [scored.truth["jitter"] for scored in verdict.scored]
    assert len(own) == 6
    assert summary["jitter"].ground_truth == pytest.approx(np.mean(own))
    assert summary["psnr"].ground_truth is None
    assert summary["fid[talkhead]"].ground_truth is None


def test_intervals_are_drawn_by_the_seed_and_the_metric(verdict, monkeypatch):
    monkeypatch.setattr(intervals, "FEW", 2)  # a handful of clusters is not resampled otherwise
    summary = verdict.summary(seed=3)
    assert verdict.summary(seed=3) == summary
    assert verdict.summary(seed=4) != summary


def test_a_clip_that_does_not_fit_is_named(using, stage, made):
    judge = Judge(stage, EMBEDDED)
    judge.update(made[:2])
    with pytest.raises(ValueError, match=r"^bob/0: .*the same length"):
        judge.update(made[2:3, :20])


def test_true_clips_are_read_once_for_all_rows(using, stage, made):
    judged(stage, made)
    read = using.networks["identity", "talkhead"]
    assert read.calls == 12
    judged(stage, made.flip(0))
    assert read.calls == 12 + 6


def test_true_clips_of_another_corpus_are_read_by_its_networks(using, stage):
    first = true_reading(stage.truth[0], using)
    assert true_reading(stage.truth[0], using) is first
    other = Given(networks())
    assert true_reading(stage.truth[0], other).evaluators is other
    assert true_reading(stage.truth[1], other) is not first


def test_what_is_kept_of_true_clips_stays_within_the_budget(using, stage, made, monkeypatch):
    size = score.READ * stage.truth[0].frames.nbytes
    monkeypatch.setattr(score, "KEPT", 3 * size)
    judged(stage, made)
    assert len(score._TRUE) == 3
    kept = [reading.frames for reading in score._TRUE.values()]
    assert all(frames is truth.frames for frames, truth in zip(kept, stage.truth[3:], strict=True))
    true_reading(stage.truth[3], using)
    true_reading(stage.truth[0], using)
    assert [id(reading.frames) for reading in score._TRUE.values()] == [
        id(stage.truth[k].frames) for k in (5, 3, 0)
    ]


def test_a_clip_larger_than_the_budget_is_still_judged(using, stage, made, monkeypatch):
    monkeypatch.setattr(score, "KEPT", 1)
    assert len(judged(stage, made).scored) == 6
    assert len(score._TRUE) == 1


def weight(value):
    if isinstance(value, np.ndarray):
        return value.nbytes
    return sum(weight(part) for part in value) if isinstance(value, tuple) else 0


def test_a_reading_weighs_what_is_reckoned(using, stage, made):
    judged(stage, made)
    for reading in score._TRUE.values():
        held = sum(weight(value) for value in reading._known.values())
        assert reading.frames.nbytes < held < 1.05 * score.READ * reading.frames.nbytes


def test_embedded_networks_judge_the_embedded_corpus_alone():
    score.evaluators.cache_clear()
    assert score.evaluators(EMBEDDED).embedded
    assert score.evaluators(EMBEDDED) is score.evaluators(EMBEDDED)
    assert not score.evaluators("recorded-1234").embedded
    score.evaluators.cache_clear()
