"""Metrics and attacks of speech that was learned are computed again from the networks in the cache."""

from __future__ import annotations

import pytest

from privtalk.bench.commands import again as command
from privtalk.bench.commands import run
from privtalk.bench.tasks.speech_3d import lessons
from privtalk.core.records import RunStore
from privtalk.core.run_folder import failures
from tests.bench.runs import essence


@pytest.mark.parametrize("anew", ["metrics", "attacks"])
def test_the_parts_that_are_computed_again_are_what_they_were(together, tmp_path, anew, monkeypatch):
    monkeypatch.setattr(lessons, "learn", None)
    request = command.Again(anew=anew, runs=(together,), out=tmp_path / "out", workers=1)
    assert command.again(request) == run.OK
    old, new = ({r.cell_id: r for r in RunStore(folder)} for folder in (together, tmp_path / "out"))
    assert old.keys() == new.keys()
    for cell, record in new.items():
        assert record.derived_from.anew == anew
        before, after = essence(old[cell]), essence(record)
        for part in ("metrics", "attacks", "federation", "efficiency"):
            assert after[part] == before[part]


def test_a_network_that_left_the_cache_is_named_in_a_line(together, tmp_path, monkeypatch):
    monkeypatch.setattr(lessons, "verified", lambda path: False)
    request = command.Again(anew="metrics", runs=(together,), out=tmp_path / "out", workers=1)
    assert command.again(request) == run.FAILED
    reasons = list(failures(tmp_path / "out").values())
    assert reasons
    assert all("is no longer in the cache" in r and "run the suite again" in r for r in reasons)
