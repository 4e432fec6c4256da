"""Cepstra against those that python_speech_features 0.6 gave for the stored audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from privtalk.metrics.evaluators.published.mfcc import filterbank, mfcc


@pytest.fixture(scope="module")
def reference():
    """Its `mfcc` of 5000 samples (a sweep in noise, with digital silence in it) and of their first 300."""
    with np.load(Path(__file__).with_name("mfcc_reference.npz"), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def test_cepstra_are_the_references(reference):
    ours = mfcc(reference["audio"])
    assert ours.shape == reference["mfcc"].shape == (30, 13)
    np.testing.assert_allclose(ours, reference["mfcc"], rtol=1e-9, atol=1e-9)


def test_less_than_a_window_is_one_step(reference):
    np.testing.assert_allclose(mfcc(reference["audio"][:300]), reference["short"], rtol=1e-9, atol=1e-9)


def test_the_filters_are_the_references(reference):
    np.testing.assert_array_equal(filterbank(), reference["filterbank"])


def test_silence_is_finite():
    assert np.isfinite(mfcc(np.zeros(1000))).all()


@pytest.mark.parametrize(("samples", "steps"), [(1, 1), (400, 1), (401, 2), (560, 2), (561, 3), (16000, 99)])
def test_steps_of_a_length(samples, steps):
    assert len(mfcc(np.ones(samples))) == steps
