"""pfl-research (Apple): its FederatedAveraging over its SimulatedBackend, one process, one resident network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tests.peers.engine import timed
from tests.peers.workload import Learner, PeerWorkload, Played, load, vector

if TYPE_CHECKING:
    from torch import Tensor


class PflEngine:
    """Its own local training (`do_sgd`), statistics and server step; nothing of it is replaced."""

    name = "pfl-research"
    packages = ("pfl",)
    slow = False
    resources = "one process"

    def play(self, workload: PeerWorkload, rounds: int, cores: int) -> Played:
        import os

        os.environ["PFL_PYTORCH_DEVICE"] = "cpu"
        run = prepared(workload, rounds)
        return timed(run, cores)


def prepared(workload: PeerWorkload, rounds: int) -> Any:
    """Returns a run that is ready to begin: a function of nothing that returns the weights [d]."""
    import torch

    # The model's module chooses pfl's framework, which its data sets look for.
    from pfl.model.pytorch import PyTorchModel  # isort: skip
    from pfl.aggregate.simulate import SimulatedBackend
    from pfl.algorithm.base import NNAlgorithmParams
    from pfl.algorithm.federated_averaging import FederatedAveraging
    from pfl.hyperparam.base import NNTrainHyperParams

    learner = workload.learner()
    load(learner, learner.start)
    model = PyTorchModel(
        with_loss(learner),
        lambda _, lr: learner.optimizer(learner.parameters, lr=lr),
        torch.optim.SGD(learner.parameters, lr=1.0),
    )
    backend = SimulatedBackend(training_data=users(workload, rounds), val_data=None)
    cohort = len(workload.cohort(0))
    first = learner.batches(0, 0)
    train = NNTrainHyperParams(
        local_num_epochs=1,
        local_learning_rate=learner.lr,
        local_batch_size=len(first[0][0]),
    )
    plan = NNAlgorithmParams(
        central_num_iterations=rounds,
        evaluation_frequency=rounds + 1,
        train_cohort_size=cohort,
        val_cohort_size=0,
    )

    def run() -> Tensor:
        FederatedAveraging().run(plan, backend, model, train, send_metrics_to_platform=False)
        return vector(learner)

    return run


def with_loss(learner: Learner) -> Any:
    """Returns a module around the learner's with the two functions that pfl asks for; metrics cost it nothing."""
    import torch
    from pfl.metrics import Weighted

    outer = torch.nn.Module()
    outer.inner = learner.module
    outer.loss = learner.loss
    outer.metrics = lambda *_: {"none": Weighted(0.0, 1)}
    return outer


def users(workload: PeerWorkload, rounds: int) -> Any:
    """Returns pfl's federated data: users in the order of the cohorts, each built as its turn comes."""
    import torch
    from pfl.data.federated_dataset import FederatedDataset
    from pfl.data.pytorch import PyTorchTensorDataset

    def turns() -> Iterator[tuple[int, int]]:
        for round_ in range(rounds):
            for client in workload.cohort(round_):
                yield client, round_

    def data(user: tuple[int, int]) -> Any:
        batches = workload.learner().batches(*user)
        return PyTorchTensorDataset(tuple(torch.cat(parts) for parts in zip(*batches, strict=True)))

    order = turns()
    return FederatedDataset(data, lambda: next(order))
