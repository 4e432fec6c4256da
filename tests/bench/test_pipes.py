"""A reader that leaves does not change how a command ends."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from privtalk.bench.pipes import Forgiving, forgiving

BASELINE = Path(__file__).parents[1] / "baselines" / "smoke"


def ended(*arguments: str, both: bool = False) -> tuple[int, str]:
    """Exit code and standard error of a command whose output nobody reads; with `both`, nor its errors."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "privtalk.bench.cli", *arguments],
            stdout=writer,
            stderr=writer if both else subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    return done.returncode, "" if both else done.stderr


@pytest.mark.parametrize("arguments", [["suites"], ["weights", "list"], ["--help"], ["show", str(BASELINE)]])
def test_commands_end_as_they_would(arguments):
    assert ended(*arguments) == (0, "")


def test_a_comparison_keeps_its_verdict(tmp_path):
    (tmp_path / "records").mkdir()
    for path in list((BASELINE / "records").iterdir())[:1]:
        (tmp_path / "records" / path.name).write_bytes(path.read_bytes())
    code, err = ended("compare", str(tmp_path), str(BASELINE), "--json", str(tmp_path / "found.json"))
    assert (code, err) == (3, "")
    assert (tmp_path / "found.json").exists()
    assert ended("compare", str(tmp_path), str(BASELINE), both=True)[0] == 3


def test_a_mistake_nobody_reads_of_is_still_one():
    assert ended("show", "/nowhere", both=True)[0] == 2


def test_what_was_not_read_is_dropped_and_other_errors_are_not():
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        pipe = Forgiving(stream)
        assert pipe.write("read") == 4
        pipe.flush()
        assert os.read(reader, 9) == b"read"
        os.close(reader)
        assert pipe.write("x" * 100_000) == 100_000
        pipe.flush()
        assert pipe.fileno() == writer

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        Forgiving(Full()).write("x")
    assert forgiving(None) is None
