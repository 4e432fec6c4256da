from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privtalk.bench.corpus.clip import Clip, RenderedTruth
from privtalk.bench.corpus.prepared import store
from privtalk.bench.corpus.prepared.store import StoreError
from privtalk.core.files import file_hash


def clip(utterance: str = "u1", identity: str = "ann", length: int = 5, truth: bool = False) -> Clip:
    rng = np.random.default_rng(length)
    size = 8
    exact = RenderedTruth(
        visemes=rng.random((length, 15), np.float32),
        articulators=rng.random((length, 6), np.float32),
        pose=rng.random((length, 6), np.float32),
        blink=rng.random((length, 2), np.float32),
        brows=rng.random((length, 2), np.float32),
        gaze=rng.random((length, 2), np.float32),
        masks=rng.integers(0, 8, (length, size, size), np.uint8),
    )
    return Clip(
        frames=rng.integers(0, 255, (length, size, size, 3), np.uint8),
        audio=rng.uniform(-1, 1, length * 640).astype(np.float32),
        fps=25.0,
        landmarks=rng.random((length, 68, 2), np.float32),
        identity=identity,
        utterance=utterance,
        attributes={"accent": "en-gb", "beard": "no"},
        truth=exact if truth else None,
    )


def same(a: Clip, b: Clip) -> bool:
    def rows(value: Clip | RenderedTruth) -> dict[str, object]:
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}

    def equal(x: object, y: object) -> bool:
        if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
            return x.dtype == y.dtype and np.array_equal(x, y)
        if isinstance(x, RenderedTruth) and isinstance(y, RenderedTruth):
            return all(equal(p, q) for p, q in zip(rows(x).values(), rows(y).values(), strict=True))
        return x == y

    return all(equal(p, q) for p, q in zip(rows(a).values(), rows(b).values(), strict=True))


@pytest.mark.parametrize("truth", [False, True])
def test_clip_comes_back_as_it_was(tmp_path: Path, truth: bool) -> None:
    path = tmp_path / "ann" / "u1.npz"
    entry = store.save_clip(path, clip(truth=truth))
    assert same(store.load_clip(path, entry.sha256), clip(truth=truth))
    assert (entry.length, entry.size, entry.fps) == (5, 8, 25.0)
    assert entry.sha256 == file_hash(path)


def test_equal_clips_give_equal_bytes(tmp_path: Path) -> None:
    first = store.save_clip(tmp_path / "a.npz", clip(truth=True))
    assert store.save_clip(tmp_path / "b.npz", clip(truth=True)) == first
    assert store.save_clip(tmp_path / "c.npz", clip(length=6)) != first


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.floats(0, 1, exclude_max=True), st.integers(1, 255))
def test_any_altered_byte_is_noticed(tmp_path: Path, place: float, change: int) -> None:
    path = tmp_path / "a.npz"
    entry = store.save_clip(path, clip())
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= change
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"a\.npz"):
        store.load_clip(path, entry.sha256)


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_cut_file_is_noticed_with_and_without_a_hash(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.npz"
    entry = store.save_clip(path, clip())
    path.write_bytes(path.read_bytes()[:keep])
    for digest in (entry.sha256, None):
        with pytest.raises(StoreError, match=r"a\.npz"):
            store.load_clip(path, digest)


def test_pickled_arrays_are_not_loaded(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", about=np.array([{"format": 1}], dtype=object))
    with pytest.raises(StoreError, match="not a readable clip"):
        store.load_clip(tmp_path / "a.npz")


def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.npz"
    store.save_clip(path, clip())
    before = path.read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.save_clip(path, clip(length=7))
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    assert path.read_bytes() == before


WRONG = {
    "frames hold NaN": {"frames": np.full((5, 8, 8, 3), np.nan, np.float32)},
    "must be uint8": {"frames": np.zeros((5, 8, 8, 3), np.float32)},
    "no frames": {"frames": np.zeros((0, 8, 8, 3), np.uint8)},
    r"uint8 \[T, S, S, 3\]": {"frames": np.zeros((5, 8, 6, 3), np.uint8)},
    "resample it": {"audio": np.zeros(5 * 1764, np.float32)},
    "audio holds NaN": {"audio": np.full(5 * 640, np.nan, np.float32)},
    r"float32 \[5, 68, 2\]": {"landmarks": np.zeros((5, 5, 2), np.float32)},
    "landmarks hold NaN": {"landmarks": np.full((5, 68, 2), np.inf, np.float32)},
    "frames a second": {"fps": float("nan")},
}


@pytest.mark.parametrize("reason", WRONG)
def test_bad_clip_is_refused_by_name_and_not_written(tmp_path: Path, reason: str) -> None:
    bad = dataclasses.replace(clip(), **WRONG[reason])
    with pytest.raises(StoreError, match=f"ann/u1.*{reason}"):
        store.save_clip(tmp_path / "a.npz", bad)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("field", "value"), [("sample_rate", 8000), ("format", 99)])
def test_clip_of_another_kind_is_refused_on_loading(tmp_path: Path, field: str, value: int) -> None:
    arrays = store._pack(clip())
    about = json.loads(arrays["about"].tobytes()) | {field: value}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(StoreError, match=str(value)):
        store.load_clip(tmp_path / "a.npz")


# One identity


def test_identity_comes_back_in_order_and_its_index_can_be_rebuilt(tmp_path: Path) -> None:
    folder = tmp_path / "ann"
    written = store.save_identity(folder, [clip("b"), clip("a", length=7)])
    assert [c.utterance for c in store.load_identity(folder)] == ["a", "b"]
    (folder / store.INDEX).unlink()
    with pytest.raises(StoreError, match="unfinished"):
        store.load_identity(folder)
    assert store.rebuild_index(folder) == written


def test_damage_is_found_by_name_and_stops_a_rebuild(tmp_path: Path) -> None:
    folder = tmp_path / "ann"
    store.save_identity(folder, [clip("a"), clip("b"), clip("c")])
    entries = store.read_index(folder).clips
    (folder / "a.npz").unlink()
    (folder / "b.npz").write_bytes((folder / "b.npz").read_bytes()[:-7])
    left = [
        path.name for path in sorted(folder.glob("*.npz")) if file_hash(path) == entries[path.name].sha256
    ]
    assert left == ["c.npz"]
    with pytest.raises(StoreError, match=r"a\.npz"):
        store.load_identity(folder)
    before = (folder / store.INDEX).read_bytes()
    with pytest.raises(StoreError, match=r"b\.npz"):
        store.rebuild_index(folder)
    assert (folder / store.INDEX).read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 2, "identity": "a", "clips": {}}'])
def test_unreadable_index_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / store.INDEX).write_text(text)
    with pytest.raises(StoreError, match=r"index\.json"):
        store.read_index(tmp_path)


def test_one_folder_holds_one_identity_and_each_utterance_once(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="one identity"):
        store.save_identity(tmp_path, [clip(), clip(identity="bob")])
    with pytest.raises(StoreError, match="twice"):
        store.save_identity(tmp_path, [clip(), clip()])


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", ".hidden"])
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="cannot name a file"):
        store.clip_path(tmp_path, name)


# A corpus


def test_corpus_comes_back_by_identity(tmp_path: Path) -> None:
    store.save_identity(tmp_path / "ann", [clip()])
    store.save_identity(tmp_path / "bob", [clip(identity="bob"), clip("u2", identity="bob")])
    corpus = store.load_corpus(tmp_path)
    assert {identity: len(clips) for identity, clips in corpus.items()} == {"ann": 1, "bob": 2}


def test_empty_or_mixed_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no clips here"):
        store.load_corpus(tmp_path)
    store.save_identity(tmp_path / "ann", [clip()])
    larger = dataclasses.replace(clip(identity="bob"), frames=np.zeros((5, 16, 16, 3), np.uint8))
    store.save_identity(tmp_path / "bob", [larger])
    with pytest.raises(StoreError, match="several kinds"):
        store.load_corpus(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        '"text"',
        "[" * 100_000,
        '{"identity": "../../victim", "clips": {}}',
        '{"identity": "ann", "clips": {"../../victim.npz": ENTRY}}',
        '{"identity": "ann", "clips": {"/etc/passwd": ENTRY}}',
        '{"identity": "ann", "clips": {"a.npy": ENTRY}}',
        '{"identity": "ann", "clips": {"C:a.npz": ENTRY}}',
        '{"identity": "a\\u001b[1mnn", "clips": {}}',
        '{"identity": "\\ud800", "clips": {}}',
        '{"identity": "ann", "clips": []}',
        '{"identity": "ann", "clips": {"a.npz": {"sha256": "", "length": -1, "size": 8, "fps": 25}}}',
        '{"identity": "ann", "clips": {"a.npz": {"sha256": "", "length": 1, "size": 8, "fps": NaN}}}',
        '{"identity": "ann", "clips": {}, "\\u001b[1m": 1}',
    ],
)
def test_hostile_index_is_one_line_without_control_characters(tmp_path: Path, text: str) -> None:
    entry = '{"sha256": "", "length": 1, "size": 8, "fps": 25}'
    (tmp_path / store.INDEX).write_text(text.replace("ENTRY", entry))
    with pytest.raises(StoreError, match=r"index\.json: not an index") as caught:
        store.read_index(tmp_path)
    assert str(caught.value).isprintable()


def test_index_that_is_no_file_or_too_large_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / store.INDEX).mkdir()
    with pytest.raises(StoreError, match="not an index"):
        store.read_index(tmp_path)
    folder = tmp_path / "ann"
    store.save_identity(folder, [clip()])
    monkeypatch.setattr(store, "LARGEST_BOOK", 10)
    with pytest.raises(StoreError, match="larger one than any"):
        store.read_index(folder)


def test_clip_must_be_what_its_index_says(tmp_path: Path) -> None:
    folder = tmp_path / "ann"
    entry = store.save_identity(folder, [clip()]).clips["u1.npz"]
    (folder / "u2.npz").write_bytes((folder / "u1.npz").read_bytes())
    for name, identity, told in (
        ("u2.npz", "ann", entry),
        ("u1.npz", "eve", entry),
        ("u1.npz", "ann", entry.model_copy(update={"length": 500})),
        ("u1.npz", "ann", entry.model_copy(update={"fps": 30.0})),
    ):
        with pytest.raises(StoreError, match=rf"{name}: it is u1 of ann, 5 frames .* says otherwise"):
            store.load_listed(folder / name, identity, told)
    assert same(store.load_listed(folder / "u1.npz", "ann", entry), clip())


@pytest.mark.parametrize("reader", [store.read_indices, store.load_corpus])
def test_one_person_has_one_folder_of_that_name(tmp_path: Path, reader: Callable[[Path], object]) -> None:
    store.save_identity(tmp_path / "ann", [clip()])
    store.save_identity(tmp_path / ".trash", [clip()])
    reader(tmp_path)
    (tmp_path / "ann").rename(tmp_path / "eve")
    with pytest.raises(StoreError, match=r"eve: its index\.json says that it is identity 'ann'"):
        reader(tmp_path)


def test_one_name_in_two_forms_is_one_person(tmp_path: Path) -> None:
    for name in ("Andr\u00e9", "Andre\u0301"):
        store.save_identity(tmp_path / name, [clip(identity=name)])
    with pytest.raises(StoreError, match=r"as that of .* does; remove one"):
        store.read_indices(tmp_path)


def test_folder_may_have_the_form_that_its_disk_gives_it(tmp_path: Path) -> None:
    store.save_identity(tmp_path / "Andre\u0301", [clip(identity="Andr\u00e9")])
    assert [index.identity for index in store.read_indices(tmp_path).values()] == ["Andr\u00e9"]
