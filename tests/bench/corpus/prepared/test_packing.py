"""Packed pictures are the same to the bit, in a file that others read."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privtalk.bench.corpus.prepared.archive import read_arrays
from privtalk.bench.corpus.prepared.packing import changes, npz_bytes, restored


@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_pictures_come_back_to_the_bit(count: int, size: int, seed: int) -> None:
    frames = np.random.default_rng(seed).integers(0, 256, (count, size, size, 3), np.uint8)
    kept = frames.copy()
    assert np.array_equal(restored(changes(frames)), frames)
    assert np.array_equal(frames, kept)


def test_a_still_grey_picture_is_nothing_but_its_first_frame() -> None:
    found = changes(np.full((4, 8, 8, 3), 77, np.uint8))
    assert np.count_nonzero(found) == 64


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 1, 4, 4), np.uint8), np.zeros((3, 4), np.uint8), np.zeros((3, 1, 4, 4))]
)
def test_what_are_no_changes_is_said(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="changes of pictures are"):
        restored(bad)


def test_others_read_the_file_too() -> None:
    rng = np.random.default_rng(0)
    arrays = {
        "changes": rng.integers(0, 4, (3, 5, 8, 8)).astype(np.uint8),
        "audio": rng.normal(size=800).astype(np.float32),
        "empty": np.zeros((0, 2)),
    }
    data = npz_bytes(arrays)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["changes.npy", "audio.npy", "empty.npy"]
    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    for name, array in arrays.items():
        for found in (loaded[name], read_arrays(data)[name]):
            assert found.dtype == array.dtype
            assert np.array_equal(found, array)
    assert npz_bytes(arrays) == data


def test_moving_pictures_are_smaller_than_deflated_ones() -> None:
    rng = np.random.default_rng(0)
    scene = rng.integers(40, 200, (48, 48, 1), np.uint8).repeat(3, axis=2)
    frames = np.stack([scene + rng.integers(0, 4, scene.shape, np.uint8) for _ in range(20)])
    plain = io.BytesIO()
    np.savez_compressed(plain, frames=frames)
    assert len(npz_bytes({"changes": changes(frames)})) * 1.3 < len(plain.getvalue())
