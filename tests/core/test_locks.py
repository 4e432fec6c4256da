"""A folder has one writer; the lock of a dead one is free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from privtalk.core.errors import UserError
from privtalk.core.locks import sole_writer

HOLD = """
import sys, time
from pathlib import Path
from privtalk.core.locks import sole_writer
with sole_writer(Path(sys.argv[1]), "bench run"):
    print("in", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that is at work in the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_writer_is_refused_by_name(tmp_path, other):
    with (
        pytest.raises(UserError, match=rf"bench run \(process {other.pid} on .*is at work in it"),
        sole_writer(tmp_path, "x"),
    ):
        pass


def test_a_dead_writers_lock_is_taken_over_and_its_litter_removed(tmp_path, other):
    (tmp_path / "records").mkdir()
    litter, kept = tmp_path / "records" / "a.json.4194399.part", tmp_path / "records" / "a.json"
    litter.write_text("half")
    kept.write_text("whole")
    other.send_signal(signal.SIGKILL)
    other.wait()
    with sole_writer(tmp_path, "x"):
        assert not litter.exists()
        assert kept.exists()


def test_a_refused_writer_leaves_the_others_files_alone(tmp_path, other):
    litter = tmp_path / "a.json.4194399.part"
    litter.write_text("at work")
    with pytest.raises(UserError), sole_writer(tmp_path, "x"):
        pass
    assert litter.exists()


def test_one_process_after_another_may_write(tmp_path):
    for _ in range(2):
        with sole_writer(tmp_path / "new", "x"):
            assert str(os.getpid()) in (tmp_path / "new" / "writer.txt").read_text()
    assert not (tmp_path / "new" / "writer.txt").exists()


def test_litter_behind_a_link_is_not_ours(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "x.part").write_text("")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "link").symlink_to(elsewhere)
    with sole_writer(folder, "x"):
        assert (elsewhere / "x.part").exists()
