"""The clock of a cell: kept across interruptions, and begun anew where what was kept is none."""

from __future__ import annotations

import pytest

from privtalk.bench.clock import Clock


def test_seconds_are_kept(tmp_path):
    clock = Clock(tmp_path / "clock.json")
    with clock.stage("training"):
        pass
    clock.save()
    again = Clock.resumed(clock.path)
    assert (again.started, again.seconds) == (clock.started, clock.seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        '{"started": 3, "seconds": {}}',
        '{"started": "yesterday\\n", "seconds": {}}',
        '{"started": "2025-01-01T00:00:00+00:00", "seconds": []}',
        '{"started": "2025-01-01T00:00:00+00:00", "seconds": {"training": NaN}}',
        '{"started": "2025-01-01T00:00:00+00:00", "seconds": {"training": Infinity}}',
        '{"started": "2025-01-01T00:00:00+00:00", "seconds": {"training": -1}}',
        '{"started": "2025-01-01T00:00:00+00:00", "seconds": {"training": null}}',
        '{"started": "2025-01-01T00:00:00+00:00", "seconds": {"training": "x"}}',
    ],
    ids=lambda text: text[-24:] or "empty",
)
def test_what_is_no_clock_begins_anew(tmp_path, text):
    (tmp_path / "clock.json").write_text(text)
    found = Clock.resumed(tmp_path / "clock.json")
    assert found.seconds == {}
    assert found.started.endswith("+00:00")
    with found.stage("training"):
        pass
    found.save()
    assert Clock.resumed(found.path).seconds.keys() == {"training"}
