"""New metrics and attacks of finished runs: nothing is trained, what is not new is bit for bit what it was."""

from __future__ import annotations

import stat

import pytest

from privtalk.bench.commands import again as command
from privtalk.bench.commands import run
from privtalk.bench.tasks.talking_head.stages import train
from privtalk.core.errors import UserError
from privtalk.core.files import file_hash
from privtalk.core.records import RunStore
from privtalk.core.run_folder import failures
from tests.bench.runs import results

ROWS = ("privfedtalk", "local_only", "static")
BACKBONE = ("backbone=tiny",)


@pytest.fixture(scope="module")
def kept(small_request, tmp_path_factory):
    """A run that keeps everything, and one that keeps adapters."""
    folder = tmp_path_factory.mktemp("kept")
    for keep in ("transcripts", "adapters"):
        assert run.run(small_request(*ROWS, out=folder / keep, keep=keep)) == run.OK
    return folder


@pytest.fixture
def no_training(monkeypatch):
    def refuse(*arguments, **named):
        raise AssertionError("something is trained")

    monkeypatch.setattr(train, "train", refuse)
    monkeypatch.setattr("privtalk.bench.tasks.talking_head.stages.personalise.take_steps", refuse)


def hashes(folder):
    return {path: file_hash(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def again(anew, folder, out, **fields):
    request = command.Again(anew=anew, runs=(folder,), out=out, changes=BACKBONE, workers=1, **fields)
    return command.again(request)


def without(found):
    """Results without what may differ between a record and one derived from it."""
    kept = {}
    for key, (record, samples) in found.items():
        record = {k: v for k, v in record.items() if k not in ("derived_from", "artifacts")}
        variants = [{k: v for k, v in one.items() if k != "artifacts"} for one in record["variants"]]
        kept[key] = (record | {"variants": variants}, samples)
    return kept


@pytest.mark.parametrize(("anew", "keep"), [("metrics", "adapters"), ("attacks", "transcripts")])
def test_what_is_computed_again_is_what_it_was(kept, tmp_path, no_training, anew, keep):
    before = hashes(kept / keep)
    assert again(anew, kept / keep, tmp_path / "out") == run.OK
    assert hashes(kept / keep) == before
    old, new = RunStore(kept / keep), RunStore(tmp_path / "out")
    assert without(results(tmp_path / "out")) == without(results(kept / keep))
    for record in new:
        assert record.derived_from.cell_id == record.cell_id
        assert record.derived_from.anew == anew
        assert record.derived_from.record_sha256 == file_hash(old.record_path(record.cell_id))
        assert "training" not in record.timings
        assert new.has(record.cell_id)
    assert all(record.derived_from is None for record in old)


def test_without_messages_attacks_are_refused_in_a_line(kept, tmp_path, no_training):
    assert again("attacks", kept / "adapters", tmp_path / "out") == run.FAILED
    reasons = set(failures(tmp_path / "out").values())
    line = "the messages were not kept; run the suite into a new folder with --keep transcripts"
    assert all(line in reason for reason in reasons)
    done = {record.method for record in RunStore(tmp_path / "out")}
    assert done == {"local_only", "static"}


def test_a_run_that_kept_nothing_is_refused_in_a_line(whole, tmp_path, no_training):
    assert again("metrics", whole, tmp_path / "out") == run.FAILED
    assert {r.partition(": ")[2] for r in failures(tmp_path / "out").values()} == {
        "the adapters were not kept; run the suite into a new folder with --keep adapters"
    }


def test_what_is_kept_is_its_owners_alone_and_holds_messages_only_where_asked(kept):
    from privtalk.methods.federation.state import TrainingState

    for keep, messages in (("adapters", False), ("transcripts", True)):
        [state] = [
            TrainingState.load(path, path.parent.name)
            for path in (kept / keep / "kept").glob("*/state.safetensors")
            if RunStore(kept / keep).read(path.parent.name).tier == "none"
        ]
        assert bool(state.transcript.messages) == messages
        assert bool(state.transcript.adapters) == messages
        for path in (kept / keep / "kept").rglob("*"):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"runs": ("a", "b"), "out": "c"}, "is one folder for several runs"),
        ({"runs": ("nowhere",)}, "no run is in it"),
    ],
)
def test_mistakes_are_said_in_a_line(tmp_path, fields, said):
    fields = {k: tuple(tmp_path / p for p in v) if k == "runs" else tmp_path / v for k, v in fields.items()}
    with pytest.raises(UserError, match=said):
        command.again(command.Again(anew="metrics", **fields))


def test_old_records_are_not_written_over(kept):
    with pytest.raises(UserError, match="old records are not changed"):
        again("metrics", kept / "adapters", kept / "adapters")
    with pytest.raises(UserError, match="a finished cell's settings stay"):
        command.again(
            command.Again(
                anew="metrics", runs=(kept / "adapters",), changes=(*BACKBONE, "federation.rounds=4")
            )
        )
