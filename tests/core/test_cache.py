"""Cached files are found whole or made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from privtalk.core import cache


@pytest.fixture
def path(tmp_path):
    target = tmp_path / "deep" / "x.safetensors"
    cache.write_tensors(target, {"a": np.arange(6, dtype=np.float32)[::2], "b/c": np.eye(2)}, {"note": "é"})
    return target


def test_round_trip(path):
    assert cache.verified(path)
    tensors = cache.read_tensors(path)
    assert np.array_equal(tensors["a"], [0, 2, 4])
    assert list(cache.read_tensors(path, "b/c")) == ["b/c"]
    assert cache.read_metadata(path) == {"note": "é"}


def test_equal_content_gives_equal_bytes(path, tmp_path):
    again = tmp_path / "again.safetensors"
    cache.write_tensors(again, {"b/c": np.eye(2), "a": np.array([0, 2, 4], np.float32)}, {"note": "é"})
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("damage", ["cut", "altered", "no hash", "absent"])
def test_damage_is_seen(path, damage):
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[:-4])
    elif damage == "altered":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "no hash":
        Path(f"{path}.sha256").unlink()
    else:
        path.unlink()
    assert not cache.verified(path)


def test_an_interrupted_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()

    def interrupt(file):
        raise KeyboardInterrupt

    monkeypatch.setattr(cache, "file_hash", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache.write_tensors(path, {"a": np.zeros(3)})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert cache.verified(path)
    assert not list(path.parent.glob("*.part"))


def test_folder_follows_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    assert cache.cache_folder() == tmp_path
    monkeypatch.delenv(cache.VARIABLE)
    assert cache.cache_folder().name == "privtalk-bench"


def test_hash_depends_on_content_not_on_order():
    assert cache.content_hash({"a": 1, "b": 2}) == cache.content_hash({"b": 2, "a": 1})
    assert cache.content_hash({"a": 1}) != cache.content_hash({"a": 2})
    with pytest.raises(ValueError, match="not JSON compliant"):
        cache.content_hash(float("nan"))
