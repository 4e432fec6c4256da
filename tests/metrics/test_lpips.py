"""Means of a perceptual distance over frames and regions."""

import numpy as np
import pytest

from privtalk.metrics.evaluators.protocols import PerceptualDistance
from privtalk.metrics.lpips import lpips, lpips_metric


def test_a_region_is_the_mean_of_its_map_frame_by_frame():
    rng = np.random.default_rng(0)
    apart = PerceptualDistance(rng.random(3, np.float32), rng.random((3, 8, 8), np.float32))
    region = rng.random((3, 8, 8)) < 0.4
    expected = np.mean([apart.map[t][region[t]].mean() for t in range(3)])
    assert lpips(apart, region) == pytest.approx(expected, rel=1e-6)
    assert lpips(apart) == pytest.approx(apart.whole.mean(), rel=1e-6)


def test_declarations_name_region_and_network():
    assert lpips_metric("alex").name == "lpips[alex]"
    mouth = lpips_metric("talkhead", "_mouth")
    assert mouth.name == "lpips_mouth[talkhead]"
    assert "landmarks" in mouth.needs
