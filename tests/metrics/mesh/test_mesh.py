"""Metrics of 3-D faces against torchmetrics, loops over frames and vertices, and closed forms."""

import importlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from privtalk.core import torchvision_guard as torchvision_guard  # before torchmetrics, which imports it
from privtalk.metrics.mesh import MESH_METRICS, absolute_fdd, eve, fdd, lve, mve

LIPS, UPPER = np.array([3, 8, 1, 17]), [0, 5, 12]


def sequence(seed, frames=7, vertices=20):
    return np.random.default_rng(seed).normal(size=(frames, vertices, 3)).astype(np.float32)


@pytest.mark.parametrize("measure", [lve, eve])
def test_largest_errors_are_torchmetrics(measure):
    theirs = importlib.import_module("torchmetrics.functional.multimodal").lip_vertex_error
    a, b = sequence(0), sequence(1)
    expected = theirs(torch.tensor(a), torch.tensor(b), LIPS.tolist()).item()
    assert measure(a, b, LIPS) == pytest.approx(expected, rel=1e-5)


def test_means_are_those_of_single_vertices():
    a, b = sequence(0).astype(float), sequence(1).astype(float)
    lengths = [np.linalg.norm(a[t, v] - b[t, v]) for t in range(7) for v in range(20)]
    assert mve(a, b) == pytest.approx(np.mean(lengths), abs=1e-12)


def test_dynamics_are_codetalkers_loop():
    a, b, template = sequence(0).astype(float), sequence(1).astype(float), sequence(2)[0].astype(float)

    def spread(vertices, v):
        return np.std([np.sum((frame[v] - template[v]) ** 2) for frame in vertices])

    expected = np.mean([spread(b, v) for v in UPPER]) - np.mean([spread(a, v) for v in UPPER])
    assert fdd(a, b, template, UPPER) == pytest.approx(expected, abs=1e-12)
    assert absolute_fdd(a, b, template, UPPER) == pytest.approx(abs(expected), abs=1e-12)


def test_the_signed_mean_over_sequences_cancels_and_the_absolute_one_does_not():
    still = np.zeros((5, 20, 3))
    lively = sequence(0, 5)
    both = [(still, lively), (lively, still)]
    assert sum(fdd(a, b, still[0], UPPER) for a, b in both) == pytest.approx(0, abs=1e-12)
    assert fdd(still, lively, still[0], UPPER) > 0.5
    assert sum(absolute_fdd(a, b, still[0], UPPER) for a, b in both) > 1


ELSEWHERE = {"eve_above_floor", "closure", "readability", "diversity"}
"""Metrics that have tests of their own."""


@given(st.floats(0.1, 1000))
def test_units_are_those_declared(scale):
    a, b, template = sequence(0), sequence(1), sequence(2)[0]
    powers = {"mesh unit": 1, "mesh unit²": 2}
    values = {
        "lve": (lve(a, b, LIPS), lve(scale * a, scale * b, LIPS)),
        "eve": (eve(a, b, UPPER), eve(scale * a, scale * b, UPPER)),
        "mve": (mve(a, b), mve(scale * a, scale * b)),
        "fdd": (fdd(a, b, template, UPPER), fdd(scale * a, scale * b, scale * template, UPPER)),
        "absolute_fdd": (
            absolute_fdd(a, b, template, UPPER),
            absolute_fdd(scale * a, scale * b, scale * template, UPPER),
        ),
    }
    assert set(values) == {name for name in MESH_METRICS if name not in ELSEWHERE}
    for name, (before, after) in values.items():
        assert after == pytest.approx(scale ** powers[MESH_METRICS[name].unit] * before, rel=1e-3)


def test_only_the_region_counts():
    a, b = sequence(0), sequence(1)
    changed = a.copy()
    changed[:, np.setdiff1d(np.arange(20), LIPS)] += 100
    assert lve(changed, b, LIPS) == lve(a, b, LIPS)
    assert mve(changed, b) > 50


def test_truth_itself_has_no_error():
    a = sequence(0)
    assert [lve(a, a, LIPS), eve(a, a, UPPER), mve(a, a), fdd(a, a, a[0], UPPER)] == [0, 0, 0, 0]


def test_every_metric_is_listed_under_its_name_and_needs_vertices():
    for name, declared in MESH_METRICS.items():
        assert (declared.name, declared.needs) == (name, ("vertices",))
        assert declared.family in ("mesh", "lips")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda a: a[:-1], "6 generated and 7 true frames"),
        (lambda a: a[:, :-1], "19 generated and 20 true vertices"),
        (lambda a: a[..., :2], r"generated vertices are \[7, 20, 2\]"),
        (lambda a: np.where(a > 1, np.nan, a), "generated vertices are not finite"),
    ],
)
def test_arrays_that_do_not_belong_together_are_named(change, rule):
    a, b = change(sequence(0)), sequence(1)
    measures = (
        lambda: lve(a, b, LIPS),
        lambda: eve(a, b, UPPER),
        lambda: mve(a, b),
        lambda: fdd(a, b, b[0], UPPER),
    )
    for measure in measures:
        with pytest.raises(ValueError, match=rule):
            measure()


@pytest.mark.parametrize(
    ("region", "rule"),
    [
        ([], "not empty"),
        ([0.5], "vertex numbers"),
        ([0, 20], r"0\.\.20 must lie in 0\.\.19"),
        ([2, 2], "twice"),
    ],
)
def test_regions_that_do_not_fit_are_named(region, rule):
    a, b = sequence(0), sequence(1)
    for measure in (lambda: lve(a, b, region), lambda: fdd(a, b, a[0], region)):
        with pytest.raises(ValueError, match=rule):
            measure()


def test_a_template_of_another_mesh_is_named():
    a, b = sequence(0), sequence(1)
    with pytest.raises(ValueError, match=r"template is \[19, 3\], must be \[20, 3\]"):
        fdd(a, b, a[0, :-1], UPPER)
