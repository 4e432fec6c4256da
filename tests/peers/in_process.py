"""This project's engine, and the plain loop: one client after another in plain torch (with peft, in the cell)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.peers.engine import timed
from tests.peers.workload import PeerWorkload, Played, train_one

if TYPE_CHECKING:
    from torch import Tensor


class OursEngine:
    """Clients in stacked passes."""

    name = "PrivTalk Bench"
    packages = ("privtalk-bench",)
    slow = False
    resources = "one process"

    def play(self, workload: PeerWorkload, rounds: int, cores: int) -> Played:
        workload.learner()
        return timed(lambda: workload.ours(rounds), cores)


class LoopEngine:
    """The shortest program that does the same."""

    name = "plain loop"
    packages = ("torch", "peft")
    slow = False
    resources = "one process"

    def play(self, workload: PeerWorkload, rounds: int, cores: int) -> Played:
        workload.learner()
        return timed(lambda: loop(workload, rounds), cores)


def loop(workload: PeerWorkload, rounds: int) -> Tensor:
    """Returns the weights [d] after some rounds: each is the mean of its clients' weights."""
    learner = workload.learner()
    weights = learner.start
    for round_ in range(rounds):
        cohort = workload.cohort(round_)
        total = weights.new_zeros(weights.shape)
        for client in cohort:
            total += train_one(learner, weights, client, round_)
        weights = total / len(cohort)
    return weights
