"""The registry's declarations."""

import pytest

from privtalk.metrics import METRICS, metric

NAMES = {
    "psnr": "higher",
    "psnr_mouth": "higher",
    "ssim": "higher",
    "ssim_mouth": "higher",
    "jitter": "reference",
    "jitter_error": "lower",
    "mouth_sync": "higher",
    "mouth_sync_offset": "reference",
    "mouth_opening_error": "lower",
}


def test_names_and_directions():
    assert {name: metric(name).direction for name in METRICS} == NAMES
    assert all(declared.name == name for name, declared in METRICS.items())


@pytest.mark.parametrize("name", METRICS)
def test_worst_value_is_the_bad_end_of_the_range(name):
    declared = metric(name)
    low, high = declared.range
    assert low < high
    assert declared.worst in {None, low if declared.direction == "higher" else high}
    assert declared.direction != "reference" or declared.worst is None


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(ValueError, match="unknown metric 'fid'; the metrics are psnr, psnr_mouth"):
        metric("fid")
