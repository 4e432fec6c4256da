"""Tensors go between processes by copy: the same bits, and no open files."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from privtalk.bench.execution import Job, Succeeded, team
from privtalk.bench.execution.tensors import send_tensors_by_copy


def doubled(report, values: list[torch.Tensor]) -> tuple[list[torch.Tensor], int]:
    """Twice each, and the files that this process holds open."""
    send_tensors_by_copy()
    return [2 * value for value in values], len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("kind", [torch.float32, torch.float16, torch.int64, torch.bool])
def test_a_pipe_brings_the_same_bits(kind):
    send_tensors_by_copy()
    ours, theirs = get_context("spawn").Pipe()
    sent = torch.arange(12).view(3, 4).to(kind).T
    ours.send((sent, {"empty": torch.zeros(0, 2)}))
    found, rest = theirs.recv()
    assert found.dtype == kind
    assert torch.equal(found, sent)
    assert rest["empty"].shape == (0, 2)
    found[0, 0] = 1  # it is one's own
    assert not sent[0, 0]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted in /proc")
def test_many_tensors_hold_no_files_open():
    """Shared memory would hold a file for each of them, of which a process may have about a thousand."""
    send_tensors_by_copy()
    values = [torch.full((2,), float(number)) for number in range(3000)]
    with team(1) as workers:
        (found,) = workers.run([Job("double", doubled, (values,))])
        before = len(list(Path("/proc/self/fd").iterdir()))
    assert isinstance(found, Succeeded)
    doubles, files = found.value
    assert all(torch.equal(double, 2 * value) for double, value in zip(doubles, values, strict=True))
    assert max(files, before) < 200
