"""Records of every schema version load; what is no record is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from privtalk.bench.records import SCHEMA_VERSION, load_record

GOLDEN = Path(__file__).parent / "golden"


def test_a_record_from_before_metrics_said_what_they_are_still_loads():
    record = load_record(GOLDEN / "record-schema-1.json")
    assert record.schema_version == 1
    assert record.metrics["psnr"].family == ""
    assert record.metrics["psnr"].level == "clip"
    assert record.metrics["psnr"].estimate.value is not None
    assert record.privacy.ledger


def test_a_record_from_before_attacks_said_what_they_are_still_loads():
    record = load_record(GOLDEN / "record-schema-2.json")
    assert record.schema_version == 2
    assert record.metrics["psnr"].family == "quality"
    attack = record.attacks["user_inference"]
    assert (attack.family, attack.footage, attack.headline) == ("membership", "fresh", "auc")
    assert (attack.source, attack.measures, attack.curves, attack.strength) == ("", {}, {}, None)
    assert record.audits == ()
    assert record.privacy.guarantee


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, "newer version"),
        ({"metrics": {"psnr": {"estimate": {"value": "NaN"}}}}, "not a valid record"),
        ({"unheard_of": 1}, "not a valid record"),
    ],
)
def test_what_is_no_record_is_refused_by_name(tmp_path, change, said):
    raw = json.loads((GOLDEN / "record-schema-1.json").read_text(encoding="utf-8"))
    path = tmp_path / "broken.json"
    path.write_text(json.dumps(raw | change), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"broken\.json: .*{said}"):
        load_record(path)
