"""Local files: copied whole and checked, found again, and told when they change."""

from __future__ import annotations

import json

import pytest

from privtalk.metrics import weights as store
from privtalk.metrics.weights import WeightsError, WeightsMissing
from tests.metrics.weights.files import CONTENT, digest, zipped


@pytest.fixture
def local(tmp_path):
    path = tmp_path / "mine.bin"
    path.write_bytes(CONTENT)
    return path


def test_absent_weights_name_the_commands_that_install_them(listed):
    listed("tiny", urls=("https://example.org/tiny.pth",))
    line = r"^no weights of tiny: bench weights fetch tiny$"
    with pytest.raises(WeightsMissing, match=line):
        store.find("tiny")
    with pytest.raises(WeightsMissing, match=line):
        store.verify("tiny")
    assert store.installed("tiny") is None


def test_a_local_file_is_copied_and_noted(listed, local, weights_folder):
    listed()
    added = store.add("tiny", local)
    local.unlink()
    assert store.find("tiny").read_bytes() == CONTENT
    assert store.verify("tiny") == added == store.installed("tiny")
    note = json.loads((weights_folder / "tiny.pth.json").read_text())
    assert note == {
        "schema_version": 1,
        "name": "tiny",
        "sha256": digest(CONTENT),
        "size": len(CONTENT),
        "origin": "local file mine.bin",
    }
    assert sorted(path.name for path in weights_folder.iterdir()) == ["tiny.pth", "tiny.pth.json"]


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:-1] + b"x"], ids=["size", "hash"])
def test_another_file_is_refused_and_what_was_there_stays(listed, local, weights_folder, content):
    listed()
    store.add("tiny", local)
    local.write_bytes(content)
    with pytest.raises(WeightsError, match=r"mine\.bin: not the weights tiny: it.* not ") as refused:
        store.add("tiny", local)
    assert "\n" not in str(refused.value)
    assert store.verify("tiny").path.read_bytes() == CONTENT
    assert not list(weights_folder.glob("*.part"))


def test_a_file_without_known_hash_is_taken_as_it_is(listed, local):
    listed(sha256=None, size=None)
    local.write_bytes(b"anything")
    assert store.add("tiny", local).note.sha256 == digest(b"anything")


def test_no_file_is_one_line(listed, tmp_path):
    listed()
    with pytest.raises(WeightsError, match=r"gone: no such file; name the file that holds tiny\.pth"):
        store.add("tiny", tmp_path / "gone")


def test_the_member_of_a_local_archive_is_taken(archived, tmp_path):
    archived()
    pack = tmp_path / "downloaded.zip"
    pack.write_bytes(zipped(**{"first.onnx": CONTENT}))
    assert store.add("first", pack).path.read_bytes() == CONTENT
    with pytest.raises(WeightsError, match=r"downloaded\.zip: no zip archive that holds second\.onnx"):
        store.add("second", pack)
    pack.write_bytes(b"not a zip")
    with pytest.raises(WeightsError, match="no zip archive"):
        store.add("first", pack)


def test_a_file_put_there_by_hand_is_not_used_until_added(listed, weights_folder):
    listed()
    weights_folder.mkdir()
    (weights_folder / "tiny.pth").write_bytes(CONTENT)
    with pytest.raises(
        WeightsError, match=r"no record of its installation; run: bench weights add tiny FILE"
    ):
        store.find("tiny")
    store.add("tiny", weights_folder / "tiny.pth")
    assert store.find("tiny").read_bytes() == CONTENT


def test_damage_is_found(listed, local):
    listed()
    path = store.add("tiny", local).path
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(WeightsError, match="damaged, 16384 bytes were installed"):
        store.find("tiny")
    path.write_bytes(CONTENT[:-1] + b"x")
    assert store.find("tiny") == path, "finding is cheap: it does not hash"
    with pytest.raises(WeightsError, match=r"damaged, sha256 \w{12}\.\.\. is not"):
        store.verify("tiny")


def test_a_record_that_agrees_with_a_forged_file_does_not_help_it(listed, local):
    listed(sha256=None, size=None)
    local.write_bytes(b"forged")
    store.add("tiny", local)
    listed()
    with pytest.raises(WeightsError, match="damaged"):
        store.verify("tiny")


def test_the_folder_is_the_users_unless_moved(monkeypatch, weights_folder):
    assert store.folder() == weights_folder
    monkeypatch.delenv("PRIVTALK_WEIGHTS")
    assert store.folder().parts[-2:] == ("privtalk", "weights")
