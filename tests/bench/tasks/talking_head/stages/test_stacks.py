"""A cohort's stacks on several workers: the bits of the plain loop, also where a worker dies in mid-round."""

from __future__ import annotations

import copy
import os
import signal
from pathlib import Path
from typing import cast

import pytest
import torch

from privtalk.attacks.audit.watch import Watch, Watched
from privtalk.bench.execution import Engine, held, run_in_process, team
from privtalk.bench.execution.task import pinned_threads
from privtalk.bench.networks import find_network, open_backbone
from privtalk.bench.tasks.talking_head.stages.stacks import stack_runner
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.local import one_by_one
from privtalk.methods.federation.rounds import HALVED, Federation, federate
from tests.methods.conftest import random_clip, stream  # noqa: F401  a fixture


class DiesOnce(FedAvg):
    """Its first stack of a round kills the worker that has it."""

    def __init__(self, mark: Path) -> None:
        super().__init__()
        self.mark = mark

    def extra_loss(self, step):
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().extra_loss(step)


class RunsShort(FedAvg):
    """Memory that holds one client, from the second round on."""

    def extra_loss(self, step):
        if len(step.theta) > 1 and step.number >= 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().extra_loss(step)


def federation(stream, method, run):  # noqa: F811
    backbone = open_backbone(find_network("tiny"))
    people = tuple(ClientData.of(k, [random_clip(backbone, 9, k)]) for k in range(5))
    return Federation(
        backbone=backbone,
        template=AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=2), stream),
        clients=people,
        config=FederationConfig(rounds=3, rate=1.0, local_steps=2, window_frames=3, lr=0.02, chunk=2),
        method=method,
        stream=stream,
        run=run,
    )


def trained(stream, method, run):  # noqa: F811
    with pinned_threads(1):
        return list(federate(federation(stream, method, run)))[-1]


@pytest.mark.parametrize("name", ["processes", "ray"])
def test_the_sum_is_the_same_by_any_workers_and_after_a_death(stream, tmp_path, name):  # noqa: F811
    if name == "ray":
        pytest.importorskip("ray", reason="ray is not installed: the extra `cluster`")
    plain = trained(stream, FedAvg(), one_by_one)
    engine = Engine(name=name)
    with held(engine, 2), team(2, engine=engine) as workers:
        run = stack_runner(workers, find_network("tiny"))
        found = trained(stream, FedAvg(), run)
        after = trained(stream, DiesOnce(tmp_path / "died"), run)
    assert (tmp_path / "died").exists()
    for state in (found, after):
        assert torch.equal(state.adapters, plain.adapters)
        assert state.curves == plain.curves
        assert state.transcript.log == plain.transcript.log


class LastFirst:
    """A team whose answers come in the opposite order."""

    def run(self, tasks, listen=lambda event: None):
        return iter(list(run_in_process(tasks, listen))[::-1])


def test_results_are_put_together_in_the_order_of_clients_whoever_was_first(stream):  # noqa: F811
    plain = trained(stream, FedAvg(), one_by_one)
    found = trained(stream, FedAvg(), stack_runner(LastFirst(), find_network("tiny")))
    assert torch.equal(found.adapters, plain.adapters)
    assert found.transcript.log == plain.transcript.log


def test_a_stack_that_fails_elsewhere_says_why(stream):  # noqa: F811
    with pytest.raises(RuntimeError, match="stack 0 of the round: RuntimeError: it broke there"):
        trained(stream, Breaks(), stack_runner(LastFirst(), find_network("tiny")))


class Breaks(FedAvg):
    def extra_loss(self, step):
        raise RuntimeError("it broke there")


def test_no_workers_are_this_process():
    with team(0) as nobody:
        assert stack_runner(nobody, find_network("tiny")) is one_by_one


def test_a_watched_method_goes_elsewhere_as_itself():
    method = FedAvg()
    watched = Watched(method, cast(Watch, None))
    there = copy.copy(watched)  # by the same hook that takes it to another process
    assert type(there) is FedAvg


def test_halved_stacks_are_a_curve_that_is_there_only_when_needed(stream):  # noqa: F811
    assert HALVED not in trained(stream, FedAvg(), one_by_one).curves
    assert trained(stream, RunsShort(), one_by_one).curves[HALVED] == (0.0, 2.0, 2.0)
