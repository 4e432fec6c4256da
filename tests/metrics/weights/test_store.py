"""Local files: copied whole and checked, found again, and told when they change."""

from __future__ import annotations

import io
import json
import os
import sys
import time
import zipfile

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


# What no hash tells


@pytest.fixture
def network(tmp_path):
    """An ONNX network of the interface, and its place."""
    pytest.importorskip("onnxruntime")
    from tests.metrics.evaluators.published.test_onnx_landmarks import tiny

    return tiny(tmp_path / "points.onnx")


JUNK = {
    "text": b"no network",
    "nothing": b"",
    "noise": bytes(range(256)) * 64,
    "zeros": bytes(4096),
    "a pickle": b"\x80\x04\x95.",
}


@pytest.mark.parametrize("junk", JUNK)
def test_a_random_file_is_not_installed_over_a_network_without_a_known_hash(
    network, tmp_path, weights_folder, junk
):
    good = store.add("pfld", network)
    (tmp_path / "random.onnx").write_bytes(JUNK[junk])
    with pytest.raises(WeightsError, match=r"random\.onnx: not the weights pfld: no ONNX network") as refused:
        store.add("pfld", tmp_path / "random.onnx")
    assert "\n" not in str(refused.value)
    assert store.verify("pfld") == good
    assert good.path.read_bytes() == network.read_bytes()
    assert sorted(path.name for path in weights_folder.iterdir()) == ["pfld68.onnx", "pfld68.onnx.json"]


def test_a_network_cut_short_or_of_another_interface_is_not_installed(network, tmp_path):
    from tests.metrics.evaluators.published.test_onnx_landmarks import tiny

    good = store.add("pfld", network)
    other = tiny(tmp_path / "other.onnx", 112, 10)
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(network.read_bytes()[:-40])
    for path in (other, cut):
        with pytest.raises(WeightsError, match="not the weights pfld"):
            store.add("pfld", path)
    assert store.verify("pfld") == good


def test_without_the_package_that_opens_it_a_file_is_not_installed(local, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "privtalk.metrics.evaluators.published.onnx_landmarks", raising=False)
    with pytest.raises(WeightsError, match=r"without the package onnxruntime: .*privtalk-bench\[faces\]"):
        store.add("pfld", local)
    assert store.installed("pfld") is None


def test_the_record_of_other_weights_is_not_taken(listed, local, weights_folder):
    listed()
    listed("other")
    store.add("other", local)
    store.add("tiny", local)
    (weights_folder / "other.pth.json").replace(weights_folder / "tiny.pth.json")
    with pytest.raises(WeightsError, match="its record is of the weights other; run"):
        store.find("tiny")


def test_a_file_or_member_that_goes_on_and_on_is_left(listed, archived, local, tmp_path, weights_folder):
    listed(size=1000)
    with pytest.raises(WeightsError, match="more than the 1000 bytes"):
        store.add("tiny", local)
    archived()
    pack = tmp_path / "bomb.zip"
    with zipfile.ZipFile(pack, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("second.onnx", bytes(1 << 24))
    with pytest.raises(WeightsError, match="more than the 6 bytes"):
        store.add("second", pack)
    assert not list(weights_folder.iterdir())


@pytest.mark.parametrize("spoil", [lambda data: data[:60] + b"\xff" * 8 + data[68:], lambda data: data[:-30]])
def test_a_damaged_archive_is_one_line(archived, tmp_path, spoil):
    archived()
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("first.onnx", CONTENT)
    pack = tmp_path / "pack.zip"
    pack.write_bytes(spoil(whole.getvalue()))
    with pytest.raises(WeightsError) as refused:
        store.add("first", pack)
    assert "\n" not in str(refused.value)
    assert store.installed("first") is None


def test_links_in_the_folder_are_not_written_through(listed, local, tmp_path, weights_folder):
    listed()
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    weights_folder.mkdir()
    for name in ("tiny.pth", "tiny.pth.json", f"tiny.pth.{os.getpid()}.part"):
        (weights_folder / name).symlink_to(victim)
    assert store.add("tiny", local).path.read_bytes() == CONTENT
    assert victim.read_bytes() == b"precious"
    assert not (weights_folder / "tiny.pth").is_symlink()


def test_what_the_system_says_is_one_line(listed, local, tmp_path, monkeypatch):
    listed()
    store.add("tiny", local)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("privtalk.metrics.weights.store._hashed_copy", full)
    with pytest.raises(WeightsError, match=r"mine\.bin: not copied \(No space left on device\)"):
        store.add("tiny", local)
    assert store.verify("tiny").path.read_bytes() == CONTENT


def test_litter_of_killed_processes_is_swept(listed, local, weights_folder):
    listed()
    weights_folder.mkdir()
    for name, age in (("tiny.pth.123.part", 90_000), ("tiny.pth.124.part", 10), ("tiny.pth.part", 90_000)):
        (weights_folder / name).write_bytes(b"x")
        os.utime(weights_folder / name, (time.time() - age,) * 2)
    store.add("tiny", local)
    left = {path.name for path in weights_folder.glob("*.part")}
    assert left == {"tiny.pth.124.part", "tiny.pth.part"}
