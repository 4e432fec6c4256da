"""What the books of a prepared folder say cannot reach out of it, and what is not theirs stays."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from privtalk.bench.cli import guarded
from privtalk.bench.corpus.prepared import store
from privtalk.bench.corpus.prepared.ledger import VideoLedger
from privtalk.bench.corpus.prepared.prepare import prepare
from privtalk.bench.corpus.prepared.store import StoreError
from privtalk.core.errors import UserError
from privtalk.core.locks import sole_writer
from tests.bench.corpus.prepared.squares import Square, shots, tree
from tests.bench.corpus.prepared.test_store import clip


@pytest.fixture
def src(film: Any, sine: Any, red_squares: Square, tmp_path: Path) -> Path:
    """Two people, a film each."""
    film(tmp_path / "src" / "ann" / "one.mkv", shots(60), sound=sine(2.4))
    film(tmp_path / "src" / "bob" / "two.mkv", shots(60, speed=2), sound=sine(2.4))
    return tmp_path / "src"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A corpus that is none of DST's business."""
    folder = tmp_path / "victim"
    store.save_identity(folder, [clip(identity="victim")])
    (folder / "old.npz").write_bytes(b"unlisted")
    (folder / "mine.99999999.part").touch()
    return folder


ENTRY = {"sha256": "0", "length": 1, "size": 8, "fps": 25.0}


def outcome(**changes: object) -> dict[str, object]:
    plain = {"video": "x", "identity": "ann", "utterance": "x", "key": "k", "clips": {"u1.npz": ENTRY}}
    return plain | changes


HOSTILE: dict[str, object] = {
    "relative": {"outcomes": [outcome(identity="../victim")]},
    "absolute": {"outcomes": [outcome(identity="VICTIM")]},
    "clip": {"outcomes": [outcome(clips={"../../victim/old.npz": ENTRY})]},
    "absolute clip": {"outcomes": [outcome(clips={"VICTIM/old.npz": ENTRY})]},
    "dot": {"outcomes": [outcome(identity=".")]},
    "empty": {"outcomes": [outcome(identity="")]},
    "drive": {"outcomes": [outcome(identity="C:victim")]},
    "list": [],
    "null": None,
    "number": 7,
    "types": {"outcomes": [outcome(clips=7)]},
    "one outcome": {"outcomes": {"video": "x"}},
    "more": {"outcomes": [], "more": 1},
    "negative": {"outcomes": [outcome(clips={"a.npz": ENTRY | {"length": -5}})]},
    "newer": {"format": 99, "outcomes": []},
    "format of another type": {"format": "x", "outcomes": []},
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_books_are_one_line_and_touch_nothing(
    src: Path, victim: Path, tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dst = tmp_path / "dst"
    dst.mkdir()
    (dst / "prepare.json").write_text(json.dumps(HOSTILE[kind]).replace("VICTIM", str(victim)))
    before = tree(victim), tree(dst)
    with pytest.raises(StoreError, match=r"prepare\.json: "):
        prepare(src, dst)
    assert guarded(["data", "prepare", str(src), "-o", str(dst), "--workers", "1"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert (tree(victim), tree(dst)) == before


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[" * 100_000, b"\xff\xfe", b'{"outcomes": [{"video": "\\ud800"}]}']
)
def test_damaged_books_are_named_with_the_way_out(src: Path, tmp_path: Path, text: bytes) -> None:
    prepare(src, tmp_path / "dst")
    before = tree(tmp_path / "dst")
    (tmp_path / "dst" / "prepare.json").write_bytes(text)
    with pytest.raises(StoreError, match=r"prepare\.json: not what was prepared .*restore it, or delete it"):
        prepare(src, tmp_path / "dst")
    (tmp_path / "dst" / "prepare.json").unlink()
    prepare(src, tmp_path / "dst")
    assert tree(tmp_path / "dst") == before


def test_a_link_that_leads_out_is_not_followed(src: Path, victim: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    dst.mkdir()
    (dst / "ann").symlink_to(victim)
    before = tree(victim)
    reasons = {o.video: o.reason for o in prepare(src, dst).outcomes}
    assert f"{dst}/ann is a link that leads out of {dst}" in (reasons["ann/one.mkv"] or "")
    assert reasons["bob/two.mkv"] is None
    assert tree(victim) == before


def test_a_folder_that_became_a_link_is_left_alone(src: Path, victim: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    prepare(src, dst)
    moved = (dst / "ann").rename(tmp_path / "disk")
    (dst / "ann").symlink_to(moved)
    (moved / "old.npz").touch()
    before = tree(moved)
    (src / "ann" / "one.mkv").write_bytes(b"")
    assert "leads out" in (prepare(src, dst).outcomes[0].reason or "")
    assert tree(moved) == before


def test_links_in_place_of_files_are_replaced_and_not_written_through(
    src: Path, victim: Path, tmp_path: Path
) -> None:
    dst = tmp_path / "dst"
    prepare(src, dst)
    whole, before = tree(dst), tree(victim)
    for path, target in (("ann/one-000000.npz", "u1.npz"), ("ann/index.json", "index.json")):
        (dst / path).unlink()
        (dst / path).symlink_to(victim / target)
    prepare(src, dst)
    assert tree(victim) == before
    assert tree(dst) == whole
    assert not any(path.is_symlink() for path in dst.rglob("*"))


def test_a_file_in_place_of_a_folder_is_named(src: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    dst.mkdir()
    (dst / "ann").write_text("mine")
    reasons = {o.video: o.reason for o in prepare(src, dst).outcomes}
    assert reasons == {
        "ann/one.mkv": f"{dst}/ann is a file where a folder should be; remove it",
        "bob/two.mkv": None,
    }
    assert (dst / "ann").read_text() == "mine"


def test_clips_that_no_video_accounts_for_are_kept(src: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    own = dataclasses.replace(clip("made by hand"), frames=np.ones((5, 8, 8, 3), np.uint8))
    store.save_identity(dst / "ann", [own])
    prepare(src, dst)
    prepare(src, dst)
    assert list(store.read_index(dst / "ann").clips) == ["made by hand.npz", "one-000000.npz"]
    (src / "ann" / "one.mkv").write_bytes(b"")
    prepare(src, dst)
    assert list(store.read_index(dst / "ann").clips) == ["made by hand.npz"]
    assert (dst / "ann" / "made by hand.npz").is_file()


def test_a_damaged_index_is_mended(src: Path, tmp_path: Path) -> None:
    dst = tmp_path / "dst"
    prepare(src, dst)
    whole = tree(dst)
    for damage in (b"{", b"[" * 9999, b'{"identity": "bob", "clips": {}}'):
        (dst / "ann" / "index.json").write_bytes(damage)
        prepare(src, dst)
        assert tree(dst) == whole


def test_clips_that_are_deleted_with_their_video_are_struck_out(
    src: Path, tmp_path: Path, film: Any, sine: Any
) -> None:
    dst = tmp_path / "dst"
    film(src / "ann" / "long.mkv", shots(130, speed=3), sound=sine(5.2))
    prepare(src, dst)
    (src / "ann" / "long.mkv").unlink()
    (dst / "ann" / "long-000065.npz").unlink()
    prepare(src, dst)
    assert list(store.read_index(dst / "ann").clips) == ["long-000000.npz", "one-000000.npz"]
    (dst / "ann" / "long-000000.npz").unlink()
    prepare(src, dst)
    assert list(store.read_index(dst / "ann").clips) == ["one-000000.npz"]
    assert set(VideoLedger(dst).outcomes) == {"ann/one.mkv", "bob/two.mkv"}


def test_two_at_once_are_refused_by_name(src: Path, tmp_path: Path) -> None:
    held = sole_writer(tmp_path / "dst", "bench data prepare")
    with (
        held,
        pytest.raises(UserError, match=r"dst: bench data prepare \(process \d+ on .* is at work in it"),
    ):
        prepare(src, tmp_path / "dst")
    assert len(prepare(src, tmp_path / "dst").taken) == 2
