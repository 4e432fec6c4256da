"""Features on disk come back as they went in, a bounded number at a time."""

import numpy as np
import pytest

from privtalk.metrics import spool as module
from privtalk.metrics.spool import Spool


def test_rows_come_back_in_order_whatever_the_block(monkeypatch):
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(n, 3)).astype(np.float32) for n in (4, 0, 7, 1)]
    spool = Spool(3)
    for clip in clips:
        spool.append(clip)
    for numbers in (3, 15, 10_000):
        monkeypatch.setattr(module, "BLOCK", numbers)
        blocks = list(spool.blocks())
        assert max(len(block.rows) for block in blocks) <= max(1, numbers // 3)
        np.testing.assert_array_equal(np.concatenate([block.rows for block in blocks]), np.concatenate(clips))
        assert np.concatenate([block.clip for block in blocks]).tolist() == [0] * 4 + [2] * 7 + [3]
    for found, clip in zip(spool.clips(), clips, strict=True):
        np.testing.assert_array_equal(found, clip)
    assert (len(spool), spool.counts) == (12, [4, 0, 7, 1])


@pytest.mark.parametrize(
    ("rows", "rule"), [(np.zeros((2, 4)), r"must be \[n, 3\]"), (np.full((1, 3), np.nan), "not finite")]
)
def test_what_does_not_belong_is_refused(rows, rule):
    with pytest.raises(ValueError, match=f"clip 0: .*{rule}"):
        Spool(3).append(rows)
