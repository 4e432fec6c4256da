"""Tensor files: whole or not at all, and the same bytes for the same content."""

from __future__ import annotations

import os
import stat
import string
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from privtalk.core import tensor_files
from privtalk.core.files import partial, write_atomic
from privtalk.core.tensor_files import save_tensors, tensor_bytes

TENSORS = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.ones(3, dtype=torch.float64), "ü": torch.ones(1)}
NOTES = {name: f'{name} "ü" \n' for name in string.ascii_lowercase[:12]}


def test_many_entries_of_metadata_are_the_same_bytes_each_time() -> None:
    assert len({tensor_bytes(TENSORS, NOTES) for _ in range(8)}) == 1
    assert tensor_bytes(TENSORS, NOTES) == tensor_bytes(TENSORS, dict(reversed(NOTES.items())))


@pytest.mark.parametrize("notes", [None, {}, {"one": "x"}, NOTES], ids=["none", "empty", "one", "many"])
def test_what_was_saved_is_read(tmp_path: Path, notes: dict[str, str] | None) -> None:
    save_tensors(tmp_path / "deep" / "file", TENSORS, notes)
    with safe_open(tmp_path / "deep" / "file", "pt") as file:
        assert (file.metadata() or {}) == (notes or {})
        assert {name: file.get_tensor(name).tolist() for name in file.keys()} == {  # noqa: SIM118
            name: tensor.tolist() for name, tensor in TENSORS.items()
        }


def test_files_of_one_entry_are_the_library_s_own(tmp_path: Path) -> None:
    save_tensors(tmp_path / "ours", TENSORS, {"one": "x"})
    save_file(TENSORS, tmp_path / "theirs", metadata={"one": "x"})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_tensors_that_share_or_stride_are_written(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(2, 3)
    save_tensors(tmp_path / "x", {"turned": whole.T})
    with safe_open(tmp_path / "x", "pt") as file:
        assert torch.equal(file.get_tensor("turned"), whole.T)


def test_an_error_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", "old")

    def half(partial: Path) -> None:
        partial.write_text("ne")
        raise RuntimeError("full")

    with pytest.raises(RuntimeError, match="full"), partial(tmp_path / "x") as part:
        half(part)
    assert (tmp_path / "x").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_the_mask_decides_who_reads_a_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        tensor_files.save_tensors(tmp_path / "x", TENSORS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644
