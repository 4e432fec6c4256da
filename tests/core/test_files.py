"""Files are whole or absent, a killed writer's leftovers are found, and a folder has one worker at a time."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from privtalk.core.files import partial, sweep, sweep_folder, write_atomic, write_bytes

WRITER = """
import pathlib, sys, time
from privtalk.core.files import partial
with partial(pathlib.Path(sys.argv[1], "deep", "x")) as part:
    part.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def killed(tmp_path: Path) -> Path:
    """Where a writer was killed in the middle."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        assert writer.stdout.readline() == b"writing\n"
        assert sweep_folder(tmp_path) == 0, "its writer is alive"
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    return tmp_path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def interrupted(path: Path) -> None:
    with partial(path) as part:
        part.write_bytes(b"sec")
        raise KeyboardInterrupt


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep" / "x", b"first")
    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "deep" / "x")
    assert (tmp_path / "deep" / "x").read_bytes() == b"first"
    assert left(tmp_path) == ["x"]


def test_no_link_is_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x").symlink_to(victim)
    (folder / f"x.{os.getpid()}.part").symlink_to(victim)
    write_bytes(folder / "x", b"new")
    assert victim.read_bytes() == b"mine"
    assert (folder / "x").read_bytes() == b"new"
    assert not (folder / "x").is_symlink()


def test_what_a_killed_writer_left_is_swept(killed: Path) -> None:
    assert len(left(killed)) == 1
    assert sweep_folder(killed) == 1
    assert left(killed) == []


def test_nothing_else_is_swept(killed: Path) -> None:
    (part,) = killed.rglob("*.part")
    own = part.with_name(f"x.{os.getpid()}.part")
    for path in (own, part.with_name("weights.pth.part"), part.with_name("x.7.parts")):
        path.touch()
    part.with_name("y.99999999.part").symlink_to(own)
    with part.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # written on another machine, where its number is alive
        assert sweep(part.parent.iterdir()) == 0
    assert sweep(part.parent.iterdir()) == 1


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    path = tmp_path / "folder" / "a.json"
    write_atomic(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomic(path, "new \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]
