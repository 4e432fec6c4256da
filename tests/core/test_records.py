"""Records of every schema version load; what is no record is refused by name, and made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from privtalk.core.record_parts import ControlCheck, Estimate, ProtectionBlock
from privtalk.core.records import SCHEMA_VERSION, NewerRecord, RunStore, Sample, Variant, load_record

GOLDEN = Path(__file__).parent / "golden"
BASELINE = GOLDEN / "run-schema-3"


def test_a_record_from_before_metrics_said_what_they_are_still_loads():
    record = load_record(GOLDEN / "record-schema-1.json")
    assert (record.schema_version, record.upgraded_from) == (SCHEMA_VERSION, 1)
    assert record.metrics["psnr"].family == ""
    assert record.metrics["psnr"].level == "clip"
    assert record.metrics["psnr"].estimate.value is not None
    assert record.privacy.ledger


def test_a_record_from_before_attacks_said_what_they_are_still_loads():
    record = load_record(GOLDEN / "record-schema-2.json")
    assert (record.schema_version, record.upgraded_from) == (SCHEMA_VERSION, 2)
    assert record.metrics["psnr"].family == "quality"
    attack = record.attacks["user_inference"]
    assert (attack.family, attack.footage, attack.headline) == ("membership", "fresh", "auc")
    assert (attack.source, attack.measures, attack.curves, attack.strength) == ("", {}, {}, None)
    assert record.audits == ()
    assert record.privacy.guarantee


def test_a_record_from_before_portraits_were_protected_still_loads():
    record = load_record(GOLDEN / "record-schema-6.json")
    assert (record.schema_version, record.upgraded_from) == (SCHEMA_VERSION, 6)
    assert record.protection is None
    [variant] = record.variants
    assert variant.place(record.at) == {"eps": "8", "personal": "4"}
    assert set(variant.metrics) == set(record.metrics)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema_version": SCHEMA_VERSION + 1}, "newer version"),
        ({"schema_version": "3"}, "schema_version is '3'"),
        ({"schema_version": None}, "schema_version is None"),
        ({"schema_version": True}, "schema_version is True"),
        ({"schema_version": 2.0}, "schema_version is 2.0"),
        ({"schema_version": [3]}, "schema_version is"),
        ({"schema_version": {}}, "schema_version is"),
        ({"schema_version": 0}, "schema_version is 0"),
        ({"schema_version": 4}, "without the hash of its samples"),
        ({"schema_version": 5}, "not a valid record"),
        ({"schema_version": 6}, "not a valid record"),
        ({"schema_version": 7}, "not a valid record"),
        ({"method": "\ud800"}, "not Unicode"),
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


@pytest.mark.parametrize("content", ["", "null", "[]", "3", '"text"', "{", "[" * 100_000, '{"a":' * 5000])
def test_files_that_hold_something_else_are_refused_in_a_line(tmp_path, content):
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"odd\.json: not a record") as refused:
        load_record(path)
    assert "\n" not in str(refused.value)


SCORED = [Sample(client=f"c{k}", clip="u", scores={"psnr": 20.0 + k, "ssim": None}) for k in range(4)]


def written(folder: Path, schema: int) -> tuple[RunStore, str]:
    """A finished cell of an old schema, or of this one."""
    store = RunStore(folder)
    old = RunStore(BASELINE).read("07f2661330d2d57a")
    if schema == SCHEMA_VERSION:
        store.write(old.model_copy(update={"schema_version": schema}), SCORED)
    else:
        for sub in ("records", "samples"):
            shutil.copytree(BASELINE / sub, folder / sub)
    assert store.has(old.cell_id)
    return store, old.cell_id


def test_a_record_holds_the_hash_of_its_samples_and_is_the_same_each_time(tmp_path):
    store, cell = written(tmp_path / "a", SCHEMA_VERSION)
    again, _ = written(tmp_path / "b", SCHEMA_VERSION)
    assert store.record_path(cell).read_bytes() == again.record_path(cell).read_bytes()
    record = store.read(cell)
    assert len(record.samples_sha256) == 64
    assert store.whole(cell) == (record, SCORED)
    assert not list(tmp_path.rglob("*.part"))


def rewritten(path: Path, change) -> None:
    raw = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(change(raw)), encoding="utf-8")


def cut_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


RECORD_DAMAGE = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "zeros": lambda path: path.write_bytes(bytes(4096)),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-300]),
    "another cell's": lambda path: path.write_bytes(
        (BASELINE / "records/1a7fdac33eb8e66b.json").read_bytes()
    ),
    "cell changed": lambda path: rewritten(path, lambda raw: raw | {"cell": raw["cell"] | {"seed": 1}}),
    "id changed": lambda path: rewritten(path, lambda raw: raw | {"cell_id": "0" * 16}),
    "a list": lambda path: rewritten(path, lambda raw: [raw]),
    "null": lambda path: path.write_text("null"),
    "deep": lambda path: path.write_text("[" * 10_000),
    "another version's type": lambda path: rewritten(path, lambda raw: raw | {"schema_version": "4"}),
}
SAMPLES_DAMAGE = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "blank": lambda path: path.write_bytes(b"\n\n"),
    "cut in a line": lambda path: path.write_bytes(path.read_bytes()[:-30]),
    "cut at a line's end": cut_last_line,
    "a line twice": lambda path: path.write_bytes(path.read_bytes() + path.read_bytes().splitlines()[0]),
    "no sample": lambda path: path.write_bytes(path.read_bytes() + b"{}\n"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("schema", [3, SCHEMA_VERSION])
@pytest.mark.parametrize("damage", RECORD_DAMAGE)
def test_a_damaged_record_is_not_finished(tmp_path, schema, damage):
    store, cell = written(tmp_path, schema)
    RECORD_DAMAGE[damage](store.record_path(cell))
    assert not store.has(cell)
    with pytest.raises(ValueError, match=f"{cell}") as refused:
        store.whole(cell)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("schema", [3, SCHEMA_VERSION])
@pytest.mark.parametrize("damage", SAMPLES_DAMAGE)
def test_a_record_whose_samples_are_damaged_is_not_finished(tmp_path, schema, damage):
    store, cell = written(tmp_path, schema)
    SAMPLES_DAMAGE[damage](store.samples_path(cell))
    assert not store.has(cell)
    with pytest.raises(ValueError, match=rf"{cell}\.jsonl: ") as refused:
        store.whole(cell)
    assert "\n" not in str(refused.value)


def test_samples_that_were_changed_or_shuffled_are_told_by_their_hash(tmp_path):
    store, cell = written(tmp_path, SCHEMA_VERSION)
    path = store.samples_path(cell)
    sound = path.read_text()
    path.write_text(sound.replace("20.0", "29.0"))
    assert not store.has(cell)
    path.write_text("".join(sorted(sound.splitlines(keepends=True), reverse=True)))
    assert not store.has(cell)
    path.write_text(sound)
    assert store.has(cell)


def test_a_record_of_a_newer_version_is_not_made_again_over_it(tmp_path):
    store, cell = written(tmp_path, SCHEMA_VERSION)
    rewritten(store.record_path(cell), lambda raw: raw | {"schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(NewerRecord, match="upgrade privtalk-bench"):
        store.has(cell)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"client": "a", "clip": "b", "scores": {"psnr": 1e200}}', "line 2 holds a number beyond"),
        (b'{"client": "a", "clip": "b", "scores": {"psnr": NaN}}', "line 2 is no sample"),
        (b'{"client": "\\ud800", "clip": "b", "scores": {}}', "line 2 is no sample"),
        (b'{"client": "\xff", "clip": "b", "scores": {}}', "line 2 is no sample"),
        (b"[" * 10_000, "line 2 is no sample"),
        (b'{"client": "c0", "clip": "u", "scores": {}}', "scores a clip twice"),
    ],
)
def test_hostile_samples_are_refused_by_file_and_line(tmp_path, line, said):
    store, cell = written(tmp_path, SCHEMA_VERSION)
    path = store.samples_path(cell)
    path.write_bytes(path.read_bytes().splitlines()[0] + b"\n" + line + b"\n")
    with pytest.raises(ValueError, match=rf"{cell}\.jsonl: {said}"):
        store.samples(cell)


def test_the_committed_baseline_is_whole():
    store = RunStore(BASELINE)
    assert [r.cell_id for r in store if not store.has(r.cell_id)] == []


def varied(*places: dict[str, str]):
    """A record of the baseline with a variant at each place."""
    old = RunStore(BASELINE).read("07f2661330d2d57a")
    variants = [Variant(at=at, metrics=old.metrics) for at in places]
    return old.model_validate(old.model_dump() | {"variants": variants})


def test_samples_of_variants_stand_in_the_records_own_file(tmp_path):
    store, record = RunStore(tmp_path), varied({"personal": "4"}, {"personal": "16"})
    own = SCORED[0]
    samples = [own, *(own.model_copy(update={"at": variant.at}) for variant in record.variants)]
    store.write(record, samples)
    found, kept = store.whole(record.cell_id)
    assert [variant.at for variant in found.variants] == [{"personal": "4"}, {"personal": "16"}]
    assert kept == samples
    store.samples_path(record.cell_id).write_text(
        "".join(s.model_dump_json() + "\n" for s in [*samples, own])
    )
    with pytest.raises(ValueError, match="scores a clip twice"):
        store.samples(record.cell_id)


def test_a_sample_of_no_variant_is_not_written(tmp_path):
    record = varied({"personal": "4"})
    stray = SCORED[0].model_copy(update={"at": {"personal": "5"}})
    with pytest.raises(ValueError, match="at personal=5, which no variant of the record is"):
        RunStore(tmp_path).write(record, [*SCORED, stray])
    assert not list(tmp_path.rglob("*.json*"))


def test_two_variants_at_one_place_are_refused():
    with pytest.raises(ValidationError, match="two variants are at personal=4; give each"):
        varied({"personal": "4"}, {"personal": "4"})
    with pytest.raises(ValidationError, match="at"):
        varied({})


KEPT = ControlCheck(
    estimate=Estimate(value=1.0, low=0.99, high=1.01, n=4, clusters=4),
    about="noise",
    decides=True,
    passed=True,
)
LOST = ControlCheck(estimate=Estimate(missing="no speech"), about="shown", decides=False, passed=False)
BLOCK = ProtectionBlock(budget=8.0, bounded=True, largest=8, controls={"noise": KEPT, "shuffled": LOST})


def protected():
    """A record of the baseline with the block of a protection."""
    old = RunStore(BASELINE).read("07f2661330d2d57a")
    return old.model_copy(update={"schema_version": SCHEMA_VERSION, "protection": BLOCK})


def test_the_block_of_a_protection_comes_back_as_it_was_written(tmp_path):
    store, record = RunStore(tmp_path), protected()
    store.write(record, SCORED)
    found, _ = store.whole(record.cell_id)
    assert found.protection == BLOCK
    assert found.upgraded_from == record.upgraded_from


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"largest": 8.5}, "protection.largest"),
        ({"budget": None}, "protection.budget"),
        ({"controls": {"noise": {"about": "no figure", "decides": True, "passed": True}}}, "estimate"),
        ({"unheard_of": 1}, "protection.unheard_of"),
    ],
)
def test_a_damaged_block_is_refused_by_its_place(tmp_path, change, said):
    store, record = RunStore(tmp_path), protected()
    store.write(record, SCORED)
    path = store.record_path(record.cell_id)
    rewritten(path, lambda raw: raw | {"protection": raw["protection"] | change})
    with pytest.raises(ValueError, match=f"not a valid record .*{said}"):
        load_record(path)
