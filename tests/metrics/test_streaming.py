"""Streaming against the clustered mean of all values at once, and what is kept of a clip."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.intervals import clustered_mean
from privtalk.metrics.jitter import JITTER, jitter
from privtalk.metrics.streaming import Streaming

values = st.lists(st.tuples(st.sampled_from("abcde"), st.one_of(st.none(), st.floats(-5, 5))))


def identity(value):
    if value is None:
        raise Undefined("nothing there")
    return value


def streamed(pairs):
    stream = Streaming(JITTER, identity)
    for cluster, value in pairs:
        stream.update(value, cluster=cluster)
    return stream


def rng():
    return np.random.default_rng(7)


@given(values)
def test_is_the_clustered_mean_of_all_values_at_once(pairs):
    stream = streamed(pairs)
    ours = stream.compute(rng(), resamples=200)
    theirs = clustered_mean([v for _, v in pairs], [n for n, _ in pairs], rng(), resamples=200)
    assert (ours.n, ours.clusters, ours.missing) == (theirs.n, theirs.clusters, theirs.missing)
    for field in ("value", "low", "high"):
        a, b = getattr(ours, field), getattr(theirs, field)
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, abs=1e-9)
    absent = sum(value is None for _, value in pairs)
    assert stream.undefined == ({"nothing there": absent} if absent else {})


def test_clients_count_alike_however_many_clips_they_have():
    assert streamed([("a", 0.0)] * 99 + [("b", 1.0)]).compute(rng()).value == 0.5


def test_an_undefined_clip_is_counted_and_never_a_zero():
    stream = streamed([("a", 2.0), ("a", None), ("b", None)])
    estimate = stream.compute(rng())
    assert (estimate.value, estimate.n, estimate.clusters) == (2.0, 1, 1)
    assert stream.undefined == {"nothing there": 2}


def test_memory_does_not_grow_with_clips():
    few, many = (len(pickle.dumps(vars(streamed([("a", 0.5), ("b", None)] * n)))) for n in (300, 30_000))
    assert many <= few + 16


def test_a_stream_goes_on_after_its_mean_was_read():
    stream = streamed([("a", 1.0)])
    assert stream.compute(rng()).value == 1
    stream.update(3.0, cluster="a")
    assert stream.compute(rng()).value == 2


def test_arguments_reach_the_metric():
    stream = Streaming(JITTER, jitter)
    frames = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
    stream.update(frames, cluster="a")
    stream.update(frames[:1], cluster="a")
    assert stream.compute(rng()).value == jitter(frames)
    assert stream.undefined == {"one frame has no motion": 1}


def test_a_value_that_is_not_finite_is_an_error_naming_the_metric():
    with pytest.raises(ValueError, match="jitter is nan"):
        streamed([("a", float("nan"))])
