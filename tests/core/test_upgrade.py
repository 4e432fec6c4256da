"""Records of older schemas become today's by a pure function that loses nothing."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.core.records import SCHEMA_VERSION, Record
from privtalk.core.upgrade import FIRST_TASK, at_of, tier_of, upgrade

GOLDEN = sorted((Path(__file__).parent / "golden").glob("record-schema-*.json"))
MOVED = ("privacy", "training", "communication_bytes")


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_every_older_schema_loads_and_keeps_what_it_said(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    before = copy.deepcopy(raw)
    record = Record.model_validate(upgrade(raw, SCHEMA_VERSION))
    assert raw == before  # pure
    assert (record.schema_version, record.upgraded_from) == (SCHEMA_VERSION, raw["schema_version"])
    assert record.cell == raw["cell"]
    assert [variant.at for variant in record.variants] == [v["at"] for v in raw.get("variants", ())]
    assert record.protection is None
    rest = record.model_dump(mode="json", exclude_unset=True)
    if raw["schema_version"] >= 5:
        marks = {"schema_version": SCHEMA_VERSION, "upgraded_from": raw["schema_version"]}
        assert rest == raw | marks
        return
    assert (record.task, record.row, record.tier) == (FIRST_TASK, raw["method"], raw["tier"])
    assert record.federation is not None
    said = record.federation.model_dump(mode="json", exclude_unset=True)
    assert said == {name: raw[name] for name in MOVED}
    new = {"schema_version", "upgraded_from", "task", "row", "at", "federation"}
    assert {key: value for key, value in rest.items() if key not in new} == {
        key: value for key, value in raw.items() if key not in {*MOVED, "schema_version", "method", "tier"}
    }


def test_all_older_schemas_have_a_golden_file():
    assert [path.stem.rpartition("-")[2] for path in GOLDEN] == [str(v) for v in range(1, SCHEMA_VERSION)]


def test_todays_record_is_left_alone():
    raw = {"schema_version": SCHEMA_VERSION, "row": "a", "at": {"eps": "8"}}
    assert upgrade(raw, SCHEMA_VERSION) == raw


NAMES = st.text("abcxyz_", min_size=1, max_size=5)


@given(st.dictionaries(NAMES, st.text("0123456789.e-", min_size=1, max_size=5), max_size=3))
def test_a_place_and_its_text_are_the_same(at):
    assert at_of(tier_of(at)) == at
