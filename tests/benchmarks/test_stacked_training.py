"""Stacked against sequential local training, at the default cell's shape: two steps of a cohort.

Both are timed by the processor time of one thread, so that other work on the machine does not decide the result.
"""

from __future__ import annotations

import time
from functools import partial

import pytest
import torch

from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.local import train_stacked
from privtalk.methods.federation.sequential import train_sequential
from tests.peers.cell import embedded_backbone, random_client

COHORT = 48


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(timer=time.process_time)
def test_stacked_training_is_twice_as_fast(benchmark: object) -> None:
    backbone, stream, config = embedded_backbone(), partial(torch_stream, 0), FederationConfig()
    template = AdapterBank.initial(backbone.denoiser, AdapterConfig(), stream)
    clients = [random_client(backbone, k) for k in range(COHORT)]
    start = template.repeat(COHORT).flatten()
    arguments = (backbone, template, start, clients, config, FedAvg(), stream, 0)
    train_stacked(backbone, template, start[:4], clients[:4], config, FedAvg(), stream, 0)  # warm
    before = time.process_time()
    slow = train_sequential(*arguments)
    sequential = time.process_time() - before
    fast = benchmark.pedantic(train_stacked, args=arguments, rounds=2)  # type: ignore[attr-defined]
    stacked = benchmark.stats.stats.min  # type: ignore[attr-defined]
    benchmark.extra_info |= {"sequential_s": sequential, "gain": sequential / stacked}  # type: ignore[attr-defined]
    torch.testing.assert_close(fast.loss, slow.loss, rtol=1e-3, atol=1e-4)
    assert sequential / stacked >= 2
