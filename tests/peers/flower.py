"""Flower's simulation: `run_simulation` with its FedAvg, over actors of Ray with one thread each.

What would slow it down for no fault of its own is left out: an actor keeps its network from message to message, weights
travel as one array, nothing is evaluated, and any actor may play any client. Starting Ray and a first round are not
timed; the server's own thread and Ray's daemons may use any core.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.peers.engine import Stopwatch
from tests.peers.workload import PeerWorkload, Played, train_one

if TYPE_CHECKING:
    from torch import Tensor


class FlowerEngine:
    """As many actors as cores."""

    name = "Flower simulation"
    packages = ("flwr", "ray")
    slow = True
    resources = "a server and an actor a core, one thread each"

    def play(self, workload: PeerWorkload, rounds: int, cores: int) -> Played:
        quiet()
        from flwr.simulation import run_simulation

        watch, found = Stopwatch(), []
        run_simulation(
            server_app=server_app(workload, rounds, watch, found),
            client_app=client_app(workload),
            num_supernodes=workload.clients,
            backend_config={
                "init_args": {"num_cpus": cores, "num_gpus": 0, "log_to_driver": False},
                "client_resources": {"num_cpus": 1, "num_gpus": 0.0},
            },
        )
        if not found:
            raise RuntimeError("Flower's server came to no weights; see its log above")
        return Played(found[0], watch.wall_s, watch.cpu_s)


def quiet() -> None:
    """Telemetry, usage reports and all but errors of its log are off, before anything of Flower is imported."""
    import logging
    import os

    os.environ |= {
        "FLWR_TELEMETRY_ENABLED": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    logging.getLogger("flwr").setLevel(logging.ERROR)
    import flwr  # noqa: F401

    logging.getLogger("flwr").setLevel(logging.ERROR)


def client_app(workload: PeerWorkload) -> Any:
    """Returns Flower's client: the loop's own training, on one thread."""
    from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
    from flwr.clientapp import ClientApp

    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        import torch

        torch.set_num_threads(1)
        told = message.content["config"]
        weights = torch.from_numpy(message.content["arrays"]["weights"].numpy().copy())
        trained = train_one(workload.learner(), weights, int(told["client"]), int(told["round"]))
        reply = {"arrays": record(trained, ArrayRecord), "metrics": MetricRecord({"num-examples": 1})}
        return Message(content=RecordDict(reply), reply_to=message)

    return app


def record(weights: Tensor, kind: Any) -> Any:
    """Returns Flower's record of one array."""
    from flwr.app import Array

    return kind({"weights": Array(weights.numpy())})


def server_app(workload: PeerWorkload, rounds: int, watch: Stopwatch, found: list[Tensor]) -> Any:
    """Returns Flower's server: a round that warms the actors, then the rounds that are timed."""
    from flwr.app import ArrayRecord, Context
    from flwr.serverapp import Grid, ServerApp

    app = ServerApp()

    @app.main()
    def main(grid: Grid, context: Context) -> None:
        import torch

        start = record(workload.learner().start, ArrayRecord)
        strategy(workload).start(grid=grid, initial_arrays=start, num_rounds=1)
        watch.start()
        result = strategy(workload).start(grid=grid, initial_arrays=start, num_rounds=rounds)
        watch.stop()
        found.append(torch.from_numpy(result.arrays["weights"].numpy().copy()))

    return app


def strategy(workload: PeerWorkload) -> Any:
    """Returns Flower's FedAvg, which tells its nodes whom to play."""
    from flwr.app import ConfigRecord, Message, RecordDict
    from flwr.serverapp.strategy import FedAvg

    class Told(FedAvg):
        def _construct_messages(
            self, record: Any, node_ids: list[int], message_type: str
        ) -> Iterable[Message]:
            round_ = int(record["config"]["server-round"]) - 1
            for node, client in zip(node_ids, workload.cohort(round_), strict=True):
                told = ConfigRecord({"client": client, "round": round_})
                content = RecordDict({"arrays": record["arrays"], "config": told})
                yield Message(content=content, message_type=message_type, dst_node_id=node)

    cohort = len(workload.cohort(0))
    return Told(
        fraction_train=cohort / workload.clients,
        fraction_evaluate=0.0,
        min_train_nodes=cohort,
        min_available_nodes=workload.clients,
    )
