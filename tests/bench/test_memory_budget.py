"""A bound on memory: what is chosen, and that it holds in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from privtalk.bench.commands import run as command
from privtalk.bench.memory_budget import MemoryMeans, batch_parts, choose_means, parse_memory, total
from privtalk.core.errors import UserError
from privtalk.core.records import RunStore
from tests.bench.runs import results

BOUND = 770
"""MiB: less than a pass of 96 clients takes, more than it takes where activations are computed again."""
NARROW = 400
"""MiB: fewer windows must be stacked."""

CHILD = """
import json, sys
from functools import partial
from pathlib import Path
import torch
from privtalk.bench.memory_budget import choose_means
from privtalk.bench.networks import find_network, open_backbone
from privtalk.bench.tasks.talking_head import benchmark, forecast
from privtalk.core.seeds import torch_stream
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.conditioning import ClipFeatures
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.local import train_stacked

def peak_kib():
    # not getrusage: a child's maximum there begins with its parent's
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])

torch.set_num_threads(1)
bound = float(sys.argv[1]) or None
backbone = open_backbone(find_network("embedded"))
adapter = AdapterConfig(targets=("*.to_v", "*.to_out.0"))
config = FederationConfig(window_frames=3, local_steps=1, chunk=96)
stream = partial(torch_stream, 0)

def person(index):
    drawn = torch_stream(index, "clip")
    return ClientData.of(index, [ClipFeatures(
        torch.randn(6, *backbone.latent_shape, generator=drawn),
        torch.randn(6, backbone.config.audio.width, generator=drawn),
        torch.rand(6, 78, generator=drawn) * 2 - 1, None)])

people = [person(index) for index in range(96)]
bank = AdapterBank.initial(backbone.denoiser, adapter, stream)
start = bank.flatten()

def train(clients, config):
    return train_stacked(backbone, bank, start.repeat(len(clients), 1), clients, config, FedAvg(), stream, 0).theta

train(people[:1], config)
said = None
if bound:
    kept = {}
    for again in (False, True):
        backbone.recomputes = again
        kept[again] = benchmark.kept_bytes(backbone, adapter, config)
    def need(means):
        frames = (means.windows or 96) * 3
        return forecast.passing_mib(frames, 64, kept[means.recomputes], means.recomputes)
    found, said = choose_means(bound, 1, 96, need)
    backbone.recomputes = found.recomputes
    if found.windows:
        config = config.model_copy(update={"chunk": found.windows})
base = peak_kib()
theta = train(people, config)
peak = peak_kib()
digest = float(theta.double().abs().sum())
print(json.dumps({"mib": (peak - base) / 1024, "said": said, "chunk": config.chunk, "digest": digest}))
"""


def child(bound):
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(bound)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are counted otherwise elsewhere")
def test_a_bound_holds_that_is_exceeded_without_it():
    free, bounded, narrow = child(0), child(BOUND), child(NARROW)
    print(free, bounded, narrow)
    assert free["mib"] > BOUND
    assert bounded["mib"] < BOUND
    assert bounded["chunk"] == 96
    assert bounded["digest"] == free["digest"]  # the same bits: only activations are computed again
    assert narrow["mib"] < NARROW < bounded["mib"]
    assert narrow["chunk"] < 96


def test_what_leaves_the_bits_comes_first_and_the_fastest_of_it():
    def need(means):
        width = means.windows or 16
        return 500 + 10 * width * (0.5 if means.recomputes else 1.0)

    roomy, _ = choose_means(10_000, 4, 16, need)
    assert roomy == MemoryMeans(4, None)
    fewer, taken = choose_means(2200, 4, 16, need)
    assert (fewer.workers, fewer.windows) == (2, None)
    assert taken == total(fewer, need(fewer)) <= 2200
    again, _ = choose_means(600, 4, 16, need)
    assert (again.workers, again.windows, again.recomputes) == (1, None, True)
    narrow, _ = choose_means(570, 4, 16, need)
    assert narrow.windows is not None
    assert narrow.windows < 16


def test_every_choice_is_within_its_bound_and_too_little_is_told():
    for bound in range(520, 3000, 97):
        _, taken = choose_means(bound, 3, 8, lambda means: 400 + 12 * (means.windows or 8))
        assert taken <= bound
    with pytest.raises(UserError, match=r"300 MiB of memory are too few: one process takes \d+ .* --memory"):
        choose_means(300, 3, 8, lambda means: 400)


@pytest.mark.parametrize("text", ["8", "GiB", "0GiB", "8 parsecs", "-1GiB"])
def test_sizes_have_a_number_and_a_unit(text):
    with pytest.raises(UserError, match="such as 8GiB"):
        parse_memory(text)


def test_a_batch_is_cut_into_as_few_parts_as_fit():
    assert batch_parts(1000, 10, 100) == 1
    assert batch_parts(999, 10, 100) == 2
    assert batch_parts(150, 10, 100, 50) == 10
    with pytest.raises(UserError, match="too few for one item"):
        batch_parts(149, 10, 100, 50)


def test_a_run_under_a_bound_leaves_the_same_records(small_request, whole, tmp_path, capsys):
    request = small_request("fedavg", out=tmp_path / "run", tiers=("none",), memory="1150MiB")
    assert command.run(request) == command.OK
    assert "memory: about" in capsys.readouterr().err
    assert results(tmp_path / "run")["fedavg none"] == results(whole)["fedavg none"]
    assert len(list(RunStore(tmp_path / "run"))) == 1


def test_fewer_windows_are_written_down(small_request, tmp_path, monkeypatch):
    from privtalk.bench.tasks.talking_head import bounding

    monkeypatch.setattr(bounding, "memory_mib", lambda cell, network, kept, windows: 90.0 * (windows or 24))
    found = command.bounded(small_request("fedavg", out=tmp_path / "run", memory="600MiB"))
    assert found.plan.settings.federation.chunk == 6
    assert "recorded as federation.chunk" in found.said
