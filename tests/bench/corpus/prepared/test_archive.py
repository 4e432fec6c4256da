"""A clip's file is checked by what it declares before anything of it is unpacked."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from privtalk.bench.corpus.clip import SAMPLE_RATE, Clip, pack
from privtalk.bench.corpus.prepared import archive, store
from privtalk.bench.corpus.prepared.store import StoreError
from tests.bench.corpus.prepared.test_store import clip

MIB = 2**20


def head(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    """The head of an array, without the array."""
    file = io.BytesIO()
    npy.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def zeros(path: Path, shape: tuple[int, ...], size: int, method: int = zipfile.ZIP_DEFLATED) -> None:
    """A file whose pictures have a head and `size` zero bytes."""
    with (
        zipfile.ZipFile(path, "w", method, compresslevel=1) as packed,
        packed.open("frames.npy", "w", force_zip64=True) as file,
    ):
        file.write(head(shape))
        for _ in range(size // MIB):
            file.write(bytes(MIB))
        file.write(bytes(size % MIB))


def test_a_bomb_is_refused_unopened(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    zeros(path, (8640, 256, 256, 3), 8640 * 256 * 256 * 3)
    assert path.stat().st_size < 10 * MIB
    tracemalloc.start()
    with pytest.raises(StoreError, match=r"bomb\.npz: .*unpacks to 1620 MiB, at most 512 are read"):
        store.load_clip(path)
    with pytest.raises(StoreError, match="1620 MiB"):
        archive.picture_hash(path)
    assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    tracemalloc.stop()


def test_a_head_that_promises_more_than_there_is_allocates_nothing(tmp_path: Path) -> None:
    zeros(tmp_path / "a.npz", (10**6, 256, 256, 3), MIB)
    tracemalloc.start()
    with pytest.raises(StoreError, match=r"frames\.npy is not as large as its head says"):
        store.load_clip(tmp_path / "a.npz")
    assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    tracemalloc.stop()


def test_a_huge_file_is_not_even_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        file.truncate(600 * MIB)
    with pytest.raises(StoreError, match="600 MiB"):
        store.load_clip(tmp_path / "a.npz")


def test_a_clip_that_could_not_be_read_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LARGEST", 30_000)
    with pytest.raises(StoreError, match=r"ann/u1: it unpacks to .* cut it shorter"):
        store.save_clip(tmp_path / "a.npz", clip())
    assert not list(tmp_path.iterdir())


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """A clip's file with its members changed."""
    store.save_clip(path, clip())
    with zipfile.ZipFile(path) as packed:
        members = {name: packed.read(name) for name in packed.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)


def about(**changes: object) -> Callable[[dict[str, bytes]], None]:
    """A change of what a clip's file says about itself."""

    def change(members: dict[str, bytes]) -> None:
        told = json.loads(npy.read_array(io.BytesIO(members["about.npy"])).tobytes())
        note = json.loads(told["note"]) | changes
        told["note"] = json.dumps(note)
        members["about.npy"] = packed(json.dumps(told).encode())

    return change


def packed(data: bytes) -> bytes:
    file = io.BytesIO()
    npy.write_array(file, np.frombuffer(data, np.uint8))
    return file.getvalue()


HOSTILE: dict[str, Callable[[dict[str, bytes]], None]] = {
    "objects": lambda m: m.update({"frames.npy": head((1,), "|O") + b"\x80\x04N."}),
    "at most 16": lambda m: m.update({f"x{n}.npy": packed(b"") for n in range(20)}),
    "not an array": lambda m: m.update({"../../evil.sh": b"x"}),
    "cannot name a file.*slash": about(utterance="../../victim"),
    "identity.*cannot name a file.*dot": about(identity=".."),
    "not a readable clip": about(identity=7),
    "notes do not say": about(fps="fast"),
    "notes": about(attributes=[1]),
    "frames a second": about(fps=float("nan")),
    "positive and finite": about(fps=10**400),
    "bytes of notes": lambda m: m.update({"about.npy": packed(bytes(2 * MIB))}),
    "not a readable": lambda m: m.update({"about.npy": packed(b"[" * 100_000)}),
    "readable": lambda m: m.update({"about.npy": packed(b"null")}),
    "a readable clip": lambda m: m.update({"frames.npy": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 60_000}),
    "a readable": lambda m: m.update({"frames.npy": head((-5, 8, 8, 3))}),
    "not a": lambda m: m.update({"frames.npy": b""}),
    "version": lambda m: m.update({"frames.npy": b"\x93NUMPY\x09\x00" + bytes(200)}),
    "changes": lambda m: m.pop("changes.npy") and None,
    r"changes of pictures are uint8 \[4\], not": lambda m: m.update({"changes.npy": packed(b"abcd")}),
    "changes of pictures are float32": lambda m: m.update({"changes.npy": head((3, 0, 8, 8), "<f4")}),
}


@pytest.mark.parametrize("rule", HOSTILE)
def test_a_hostile_file_is_one_line(tmp_path: Path, rule: str) -> None:
    path = tmp_path / "a.npz"
    rewritten(path, HOSTILE[rule])
    with pytest.raises(StoreError, match=rule) as caught:
        store.load_clip(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [b"", b"PK\x05\x06" + bytes(18), b"PK\x03\x04junk", b"\x93NUMPY\x01\x00"])
def test_what_is_no_archive_has_no_print(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(damage)
    with pytest.raises(StoreError, match=r"a\.npz"):
        archive.fingerprint(tmp_path / "a.npz")


def saved(folder: Path, name: str, kept: Clip) -> Path:
    store.save_clip(folder / name, kept)
    return folder / name


def test_equal_pictures_are_found_whatever_stands_beside_them(tmp_path: Path) -> None:
    first = saved(tmp_path, "a.npz", clip())
    other = saved(tmp_path, "b.npz", clip(length=6))
    second = saved(tmp_path, "c.npz", clip("u2", identity="eve", truth=True))
    cut = tmp_path / "d.npz"
    cut.write_bytes(first.read_bytes()[:-50])
    told: list[StoreError] = []
    assert archive.repeats([first, other, cut, second], told.append) == [[first, second]]
    assert [str(error) for error in told] == [f"{cut}: not a readable clip (File is not a zip file)"]


def test_a_print_alone_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [saved(tmp_path, "a.npz", clip()), saved(tmp_path, "b.npz", clip(length=6))]
    monkeypatch.setattr(archive, "fingerprint", lambda path: archive.Print(1, 1))
    assert archive.repeats(files, lambda error: None) == []


def of_format_1(path: Path, kept: Clip) -> Path:
    """A clip as earlier versions wrote it."""
    arrays, note = pack(kept)
    about = json.dumps({"format": 1, "sample_rate": SAMPLE_RATE, "note": note}).encode()
    np.savez_compressed(path, allow_pickle=False, **arrays, about=np.frombuffer(about, np.uint8))
    return path


def test_clips_of_before_are_read_and_known_as_the_same_pictures(tmp_path: Path) -> None:
    old, new = of_format_1(tmp_path / "old.npz", clip()), saved(tmp_path, "new.npz", clip())
    assert archive.fingerprint(old) == archive.fingerprint(new)
    assert archive.picture_hash(old) == archive.picture_hash(new)
    assert archive.repeats([old, new], lambda error: None) == [[old, new]]
    for part in ("frames", "audio", "landmarks"):
        assert np.array_equal(getattr(store.load_clip(old), part), getattr(store.load_clip(new), part))


def test_a_clip_that_does_not_tell_its_print_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    told = json.dumps({"format": 2, "note": "{}"}).encode()
    rewritten(path, lambda m: m.update({"about.npy": packed(told)}))
    with pytest.raises(StoreError, match=r"a\.npz: not a readable clip"):
        archive.fingerprint(path)
