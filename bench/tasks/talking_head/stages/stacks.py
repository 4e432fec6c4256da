"""The stacks of a cohort on several workers: each holds the frozen backbone once and is sent stacks."""

from __future__ import annotations

from collections.abc import Sequence

from privtalk.bench.execution import Failed, Job, Team
from privtalk.bench.execution.task import Report
from privtalk.bench.execution.tensors import send_tensors_by_copy
from privtalk.bench.networks import Network, open_backbone
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.federation.local import LocalResult, one_by_one, train_or_halve
from privtalk.methods.federation.stacks import Stack, StackRunner


def stack_runner(team: Team | None, network: Network) -> StackRunner:
    """Returns whatever trains stacks: a team's workers, or this process where there is none."""
    return one_by_one if team is None else StackTeam(team, network)


class StackTeam:
    """Trains stacks on a team. Results are put together in the order of the stacks, whoever was first."""

    def __init__(self, team: Team, network: Network) -> None:
        self.team, self.network = team, network
        send_tensors_by_copy()

    def __call__(self, backbone: Backbone, stacks: Sequence[Stack]) -> list[LocalResult]:
        """Returns the results in the order of the stacks; a stack that fails raises `RuntimeError` with its reason."""
        jobs = [
            Job(f"stack {number}", train_elsewhere, (self.network, stack), len(stack.clients))
            for number, stack in enumerate(stacks)
        ]
        found = {outcome.key: outcome for outcome in self.team.run(jobs)}  # all: no worker is left at one
        results = []
        for job in jobs:
            outcome = found[job.key]
            if isinstance(outcome, Failed):
                raise RuntimeError(f"{job.key} of the round: {outcome.reason}")
            results.append(outcome.value)
        return results


def train_elsewhere(report: Report, network: Network, stack: Stack) -> LocalResult:
    """Trains a stack on this process's own backbone."""
    send_tensors_by_copy()
    return train_or_halve(open_backbone(network), stack)
