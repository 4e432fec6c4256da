"""What was planned stays known: read from run.json, with the reason where there is no record."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from privtalk.core.run_folder import (
    NOT_YET,
    PlannedRow,
    RunPlan,
    clear_failure,
    failures,
    missing_rows,
    read_plan,
    record_failure,
    with_rows,
    write_plan,
)
from privtalk.core.upgrade import at_of

ROWS = tuple(
    PlannedRow(cell_id=f"{k:016x}", row=row, method=row, at=at_of(tier), seed=0)
    for k, (row, tier) in enumerate([("static", "none"), ("fedavg", "none"), ("fedavg", "eps=8")])
)
SETTINGS = {"corpus": {"name": "embedded", "size": 64}}


def planned(*rows: PlannedRow) -> RunPlan:
    return RunPlan(suite="privacy_utility", preset="smoke", settings=SETTINGS, planned=rows)


def test_a_plan_is_read_as_it_was_written(tmp_path):
    write_plan(tmp_path, planned(*ROWS))
    assert read_plan(tmp_path) == planned(*ROWS)
    assert read_plan(tmp_path).corpus == "embedded"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_folder_without_a_plan_has_none(tmp_path):
    assert read_plan(tmp_path) is None
    assert missing_rows(tmp_path, set()) == ()


def test_a_plan_of_before_rows_were_written_down_is_read(tmp_path):
    old = {"suite": "privacy_utility", "preset": "smoke", "settings": SETTINGS}
    (tmp_path / "run.json").write_text(json.dumps(old))
    assert read_plan(tmp_path) == planned()
    assert missing_rows(tmp_path, set()) == ()


ROW = {"cell_id": "a", "row": "b", "method": "b", "at": {}, "seed": 0}
WHOLE = {"suite": "a", "preset": "b", "settings": {}}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "3",
        "{}",
        "[" * 100_000,
        '{"settings":' * 200 + "1" + "}" * 200,
        json.dumps(WHOLE | {"suite": 3}),
        json.dumps(WHOLE | {"suite": "\ud800"}),
        json.dumps(WHOLE | {"settings": None}),
        json.dumps(WHOLE | {"settings": {"a": float("nan")}}),
        json.dumps(WHOLE | {"planned": {"a": 1}}),
        json.dumps(WHOLE | {"planned": [ROW | {"seed": "x"}]}),
        json.dumps(WHOLE | {"planned": [ROW | {"cell_id": "../../victim"}]}),
        json.dumps(WHOLE | {"planned": [ROW | {"cell_id": "/etc/passwd"}]}),
        json.dumps(WHOLE | {"planned": [ROW | {"cell_id": ""}]}),
        json.dumps(WHOLE | {"unheard_of": 1}),
    ],
)
def test_a_damaged_plan_is_one_line_that_names_the_file(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"run\.json: not a run's plan \(") as refused:
        read_plan(tmp_path)
    assert "\n" not in str(refused.value)


def test_rows_are_added_once():
    merged = with_rows(planned(ROWS[1]), planned(ROWS[0], ROWS[1]))
    assert merged.planned == (ROWS[1], ROWS[0])


def test_rows_without_a_record_are_missing_with_the_reason(tmp_path):
    write_plan(tmp_path, planned(*ROWS))
    record_failure(tmp_path, ROWS[2].cell_id, "RuntimeError:\nout of luck")
    lost = missing_rows(tmp_path, {ROWS[0].cell_id})
    assert [(row.row, row.tier, row.reason) for row in lost] == [
        ("fedavg", "none", NOT_YET),
        ("fedavg", "eps=8", "RuntimeError: out of luck"),
    ]
    clear_failure(tmp_path, ROWS[2].cell_id)
    clear_failure(tmp_path, ROWS[2].cell_id)
    assert {row.reason for row in missing_rows(tmp_path, set())} == {NOT_YET}
    assert not list(tmp_path.rglob("*.part"))


def test_a_record_that_is_there_is_not_missing_whatever_a_note_says(tmp_path):
    write_plan(tmp_path, planned(ROWS[0]))
    record_failure(tmp_path, ROWS[0].cell_id, "old news")
    assert missing_rows(tmp_path, {ROWS[0].cell_id}) == ()


@pytest.mark.parametrize("content", ["", "[]", '{"cell_id": "x"}', "[" * 100_000])
def test_a_damaged_note_still_says_that_the_cell_failed(tmp_path, content):
    write_plan(tmp_path, planned(ROWS[0]))
    record_failure(tmp_path, ROWS[0].cell_id, "bad luck")
    (tmp_path / "failures" / f"{ROWS[0].cell_id}.json").write_text(content)
    [lost] = missing_rows(tmp_path, set())
    assert "cannot be read" in lost.reason


def test_litter_is_no_note(tmp_path):
    record_failure(tmp_path, "abc", "bad luck")
    (tmp_path / "failures" / "def.json.77.part").write_text("{")
    assert failures(tmp_path) == {"abc": "bad luck"}


@pytest.mark.parametrize("cell", ["../x", "/x", "", ".x", "a" * 200, "a/b"])
def test_notes_stay_in_their_folder(tmp_path, cell):
    for act in (lambda: record_failure(tmp_path, cell, "r"), lambda: clear_failure(tmp_path, cell)):
        with pytest.raises(ValidationError):
            act()
    assert not list(tmp_path.iterdir())


def test_a_reason_that_is_not_unicode_is_written_down_all_the_same(tmp_path):
    record_failure(tmp_path, "abc", "no such file: \udcff.mp4")
    assert failures(tmp_path) == {"abc": "no such file: \\udcff.mp4"}


def test_logs_of_old_folders_tell_what_failed(tmp_path):
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "static-seed-0.log").write_text("static seed 0: RuntimeError: out of luck\n\nTraceback")
    (logs / "a.log").write_text("fedavg eps=8 seed 1: no space left")
    (logs / "odd.log").write_bytes(b"\xff\xfe\x00")
    (logs / "empty.log").write_text("")
    found = {(row.row, row.tier, row.seed): row.reason for row in missing_rows(tmp_path, set())}
    assert found == {
        ("static", "none", 0): "RuntimeError: out of luck",
        ("fedavg", "eps=8", 1): "no space left",
    }


def test_a_log_gives_the_reason_of_a_planned_row_without_a_note(tmp_path):
    write_plan(tmp_path, planned(*ROWS))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "fedavg-eps8-seed-0.log").write_text("fedavg eps=8 seed 0: no space left\n")
    reasons = {(row.row, row.tier): row.reason for row in missing_rows(tmp_path, set())}
    assert reasons["fedavg", "eps=8"] == "no space left"
    assert reasons["fedavg", "none"] == NOT_YET


def test_rows_of_before_factors_were_written_down_take_them_when_asked_for_again():
    """In their place, and nothing that is known is lost."""
    known = ROWS[1].model_copy(update={"factors": {"isfa": True}})
    assert with_rows(planned(*ROWS), planned(known)).planned == (ROWS[0], known, ROWS[2])
    assert with_rows(planned(known), planned(ROWS[1])).planned == (known,)
