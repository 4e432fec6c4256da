"""A 32-64-10 network on 100 clients, ten a round, five steps of SGD each: what is left is what an engine adds.

This project's engine trains adapters on a denoiser, not any network. What it runs here are its generic parts: the
choice of the cohort, a stacked local step by the same principle (the loss is the sum over clients, so that an
elementwise optimiser on stacked weights is one optimiser a client), the aggregation and the server's rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from privtalk.core.streams import Stream
    from privtalk.methods.config import FederationConfig

WIDTHS = (32, 64, 10)
STEPS, BATCH, RATE = 5, 10, 0.05


@dataclass(frozen=True)
class MlpWorkload:
    """Rounds of a small classifier; the clients take turns, so that every cohort is of one size."""

    clients: int = 100
    cohorts: int = 10
    """Rounds from one turn of a client to its next."""
    name: str = "mlp"
    unit: str = "rounds"
    rounds: int = 200
    slow_rounds: int = 20
    tolerance: float = 1e-3
    """Sums in another order alone come to 2.6e-4 in twenty rounds, where a unit's sign turns, and to 5e-15 in float64;
    one reply that is lost in one round comes to 2e-2."""
    how_ours: str = (
        "generic parts alone: choose_cohort(), a stacked step written for this network, aggregate(); "
        "federate() runs adapters only"
    )

    def cohort(self, round_: int) -> list[int]:
        from privtalk.methods.federation.cohorts import choose_cohort

        made = _learner(self)
        return choose_cohort(range(self.clients), made.config, made.stream, round_)

    def learner(self) -> MlpLearner:
        return _learner(self)

    def counted(self, rounds: int) -> int:
        return rounds

    def ours(self, rounds: int) -> Tensor:
        from privtalk.methods.federation.aggregate import Aggregation

        made = _learner(self)
        how = Aggregation(made.config.share * self.clients)
        weights = made.start
        for round_ in range(rounds):
            weights = self._round(made, how, weights, round_)
        return weights

    def _round(self, made: MlpLearner, how: object, weights: Tensor, round_: int) -> Tensor:
        import torch

        from privtalk.methods.federation.aggregate import aggregate
        from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY

        cohort = self.cohort(round_)
        updates = stacked(made, weights, cohort) - weights
        ones = torch.ones(len(cohort), dtype=torch.float64)
        mechanism = NO_PRIVACY.in_round(round_, None, made.stream)
        mean = aggregate(updates, ones, cohort, mechanism, how, made.stream, round_).mean
        return (weights.double() + made.config.server_lr * mean).to(weights)


class MlpLearner:
    """The network, and five batches of ten examples a client, the same in every round."""

    def __init__(self, workload: MlpWorkload) -> None:
        import torch
        from torch import nn

        from privtalk.core.seeds import torch_stream
        from privtalk.methods.config import FederationConfig

        wide, hidden, classes = WIDTHS
        self.stream: Stream = partial(torch_stream, 0)
        self.config: FederationConfig = FederationConfig(
            rate=1 / workload.cohorts, sampling="cyclic", optimizer="sgd", lr=RATE
        )
        self.module: torch.nn.Module = nn.Sequential(
            nn.Linear(wide, hidden), nn.ReLU(), nn.Linear(hidden, classes)
        )
        self.parameters = list(self.module.parameters())
        count = sum(parameter.numel() for parameter in self.parameters)
        self.start = torch.randn(count, generator=self.stream("start")) / wide**0.5
        self.lr, self.optimizer = RATE, torch.optim.SGD
        shape = (workload.clients, STEPS, BATCH)
        self.inputs = torch.randn(*shape, wide, generator=self.stream("inputs"))
        self.labels = torch.randint(classes, shape, generator=self.stream("labels"))

    def batches(self, client: int, round_: int) -> list[tuple[Tensor, ...]]:
        return list(zip(self.inputs[client], self.labels[client], strict=True))

    def loss(self, *batch: Tensor) -> Tensor:
        from torch.nn import functional

        return functional.cross_entropy(self.module(batch[0]), batch[1])


def stacked(made: MlpLearner, weights: Tensor, cohort: list[int]) -> Tensor:
    """Returns the weights [K, d] of K clients that were trained in one pass from `weights` [d]."""
    import torch
    from torch.nn import functional

    from privtalk.methods.federation.local import build_optimizer

    theta = weights.repeat(len(cohort), 1).requires_grad_()
    optimizer = build_optimizer(made.config, theta)
    sizes = [parameter.numel() for parameter in made.parameters]
    for step in range(STEPS):
        optimizer.zero_grad()
        first, bias, second, shift = theta.split(sizes, 1)
        x = torch.baddbmm(bias[:, None], made.inputs[cohort, step], first.unflatten(1, (-1, WIDTHS[0])).mT)
        x = torch.baddbmm(shift[:, None], x.relu(), second.unflatten(1, (-1, WIDTHS[1])).mT)
        loss = functional.cross_entropy(x.flatten(0, 1), made.labels[cohort, step].flatten(), reduction="sum")
        (loss / BATCH).backward()
        optimizer.step()
    return theta.detach()


@cache
def _learner(workload: MlpWorkload) -> MlpLearner:
    return MlpLearner(workload)
