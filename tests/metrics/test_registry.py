"""The registry's declarations."""

import math
from dataclasses import replace
from typing import get_args

import pytest

from privtalk.metrics import METRICS, Metric, metric, registry, score_clip
from privtalk.metrics.declaration import Family, Need, Undefined
from privtalk.metrics.distributions import SOURCES
from privtalk.metrics.evaluators.bundle import LOADED, NAMES
from privtalk.metrics.evaluators.published.installed import LOADERS
from privtalk.metrics.mesh import MESH_METRICS
from privtalk.metrics.protection.registry import PROTECTION_METRICS
from privtalk.metrics.registry import FAMILIES
from privtalk.metrics.scorers import SCORERS, Scorer
from tests.metrics.toys import pair, talking

DIRECTIONS = {
    "psnr": "higher",
    "psnr_face": "higher",
    "psnr_mouth": "higher",
    "ssim": "higher",
    "ssim_face": "higher",
    "ssim_mouth": "higher",
    "ms_ssim": "higher",
    "ms_ssim_3": "higher",
    "lpips": "lower",
    "lpips_face": "lower",
    "lpips_mouth": "lower",
    "fid": "lower",
    "kid": "lower",
    "fvd": "lower",
    "identity": "higher",
    "lmd": "lower",
    "lmd_face": "lower",
    "lmd_aligned": "lower",
    "jitter": "reference",
    "jitter_error": "lower",
    "warping_error": "reference",
    "landmark_jerk": "reference",
    "subject_consistency": "reference",
    "theval": "higher",
    "mouth_sync": "higher",
    "mouth_sync_offset": "reference",
    "mouth_opening_error": "lower",
    "mouth_opening_error_aligned": "lower",
    "lse_c": "higher",
    "lse_d": "lower",
    "av_offset": "reference",
}
"""As the field has them."""

KINDS = {
    "lpips": "perceptual",
    "lpips_face": "perceptual",
    "lpips_mouth": "perceptual",
    "fid": "frames",
    "kid": "frames",
    "subject_consistency": "frames",
    "fvd": "video",
    "identity": "identity",
    "lmd": "landmarks",
    "lmd_face": "landmarks",
    "lmd_aligned": "landmarks",
    "landmark_jerk": "landmarks",
    "lse_c": "sync",
    "lse_d": "sync",
    "av_offset": "sync",
}
"""The kind of network that reads for a metric."""


def test_bases_and_directions():
    assert {declared.base: declared.direction for declared in METRICS.values()} == DIRECTIONS
    assert list(dict.fromkeys(declared.base for declared in METRICS.values())) == list(DIRECTIONS)


def test_every_metric_is_declared_once_under_its_name():
    declared = [scorer.metric for scorer in SCORERS.values()] + [source.metric for source in SOURCES.values()]
    assert len(declared) == len({metric.name for metric in declared}) == len(METRICS)
    assert all(METRICS[metric.name] is metric for metric in declared)
    assert all(name == declared.name for name, declared in METRICS.items())
    assert all(name == scorer.metric.name for name, scorer in SCORERS.items())
    assert all(name == source.metric.name for name, source in SOURCES.items())


def test_families_follow_one_another_in_order():
    families = [declared.family for declared in METRICS.values()]
    assert list(dict.fromkeys(families)) == list(FAMILIES)
    assert families == sorted(families, key=FAMILIES.index)
    protections = {declared.family for declared in PROTECTION_METRICS.values()}
    assert protections - set(FAMILIES)
    meshes = {declared.family for declared in MESH_METRICS.values()}
    assert meshes == {"mesh", "lips"}
    assert set(FAMILIES) | protections | meshes == set(get_args(Family))


def test_sets_are_told_from_clips():
    assert {name for name, declared in METRICS.items() if declared.level == "set"} == set(SOURCES)
    assert {name for name, declared in METRICS.items() if declared.level == "clip"} == set(SCORERS)


@pytest.mark.parametrize("name", METRICS)
def test_worst_value_is_the_bad_end_of_the_range(name):
    declared = metric(name)
    low, high = declared.range
    assert low < high
    bad = {"higher": low, "lower": high, "reference": math.nan}[declared.direction]
    assert declared.worst == (bad if math.isfinite(bad) else None)


@pytest.mark.parametrize("name", [name for name, declared in METRICS.items() if declared.evaluator])
def test_a_network_in_brackets_is_of_a_kind_that_can_be_had(name):
    declared = metric(name)
    if declared.base == "theval":
        assert declared.evaluator == "talkhead"
        return
    assert declared.evaluator in NAMES[KINDS[declared.base]]
    assert "weights" in declared.needs


@pytest.mark.parametrize("base", KINDS)
def test_every_network_of_a_kind_has_its_metric(base):
    assert {f"{base}[{name}]" for name in NAMES[KINDS[base]]} <= set(METRICS)


def test_published_networks_are_those_that_can_be_installed():
    named = {LOADED.get((kind, name), name) for kind, names in NAMES.items() for name in names}
    assert named - {"talkhead"} == set(LOADERS)


@pytest.mark.parametrize("name", METRICS)
def test_what_a_column_says_of_itself(name):
    declared = metric(name)
    assert set(declared.needs) <= set(get_args(Need))
    assert 10 < len(declared.about) < 120
    assert not declared.about.endswith(".")


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="unknown metric 'fid'; the metrics are psnr, psnr_face, psnr_mouth"):
        metric("fid")


# ---- metrics that people bring


SHADE = Metric(
    name="shade",
    family="quality",
    direction="lower",
    unit="",
    range=(0.0, 1.0),
    worst=1.0,
    needs=("truth",),
    about="distance of the mean brightness from the truth's",
)


def shade(found):
    return abs(found.generated.frames.mean() - found.truth.frames.mean()) / 255


@pytest.fixture
def enter():
    """Enters metrics for one test."""
    names = []

    def enter(scorer):
        names.append(registry.register(scorer))
        return names[-1]

    yield enter
    for name in names:
        if name in METRICS:
            registry.forget(name)


def test_a_metric_that_is_brought_is_scored_and_stands_in_its_family(enter):
    brought = Scorer(SHADE, shade)
    assert enter(brought) == "shade"
    assert registry.register(brought) == "shade", "again does nothing"
    families = [declared.family for declared in METRICS.values()]
    assert families == sorted(families, key=FAMILIES.index)
    quality = [name for name, declared in METRICS.items() if declared.family == "quality"]
    assert quality[-1] == "shade"
    frames = talking()
    assert score_clip(pair(frames)).scores["shade"] == 0
    assert score_clip(pair(frames // 2, frames)).scores["shade"] > 0.05
    registry.forget("shade")
    assert "shade" not in METRICS
    assert "shade" not in score_clip(pair(frames)).scores


def test_a_metric_without_a_value_says_why_and_one_that_fails_is_named(enter):
    def undefined(found):
        raise Undefined("the clip is dark")

    enter(Scorer(SHADE, undefined))
    enter(Scorer(replace(SHADE, name="broken"), lambda found: {}["x"]))
    with pytest.raises(ValueError, match="clip: broken: KeyError: 'x'"):
        score_clip(pair(talking()))
    registry.forget("broken")
    scored = score_clip(pair(talking()))
    assert scored.scores["shade"] is None
    assert scored.missing["shade"] == "the clip is dark"
    enter(Scorer(replace(SHADE, name="infinite"), lambda found: math.inf))
    with pytest.raises(ValueError, match="infinite is inf; a score must be finite or undefined"):
        score_clip(pair(talking()))


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (lambda: shade, "it is 'function', not a metric; write NAME = Scorer(Metric(...), value)"),
        (lambda: Scorer("shade", shade), "its declaration is none"),
        (lambda: Scorer(replace(SHADE, name="psnr"), shade), "metric 'psnr' is there already"),
        (
            lambda: Scorer(replace(SHADE, name="fid[talkhead]"), shade),
            "metric 'fid[talkhead]' is there already",
        ),
        (lambda: Scorer(replace(SHADE, name="a b"), shade), "a name is small letters"),
        (lambda: Scorer(replace(SHADE, family="mesh"), shade), "family is 'mesh'; write one of quality, "),
        (lambda: Scorer(replace(SHADE, direction="up"), shade), "direction is 'up'; write one of higher, "),
        (lambda: Scorer(replace(SHADE, needs=("luck",)), shade), "needs 'luck'; write some of truth, "),
        (lambda: Scorer(replace(SHADE, level="set"), shade), "a metric of a set cannot be added"),
        (lambda: Scorer(replace(SHADE, about=""), shade), "about is not said"),
        (lambda: Scorer(replace(SHADE, range=(1.0, 0.0)), shade), "range is (1.0, 0.0)"),
        (lambda: Scorer(SHADE, 3), "value and truth are functions of a ClipPair"),
    ],
)
def test_what_is_no_metric_is_refused_in_a_line(made, line):
    before = dict(METRICS)
    with pytest.raises(ValueError, match=r".") as caught:
        registry.register(made())
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert dict(METRICS) == before
