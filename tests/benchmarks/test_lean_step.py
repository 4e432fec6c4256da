"""The frozen network laid out for the processor against diffusers' own: one local step of a stack, in turns.

Both are timed by the processor time of one thread in one process; the bound is on the median of paired ratios.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from privtalk.core.seeds import torch_stream
from privtalk.methods import adapters
from privtalk.methods.adapters import AdapterBank, added
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.config import BackboneConfig
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedavg import FedAvg
from privtalk.methods.federation.local import LocalResult, train_stacked
from tests.peers.cell import random_client

COHORT = 24
TURNS = 7


class PlainLinear(adapters.AdaptedLinear):
    """An adapted layer by autograd's own steps, as peft computes it."""

    def __call__(self, x: Tensor) -> Tensor:
        return added(self.below(x), x, *self.factors, self.scale)


def one_step(backbone: Backbone) -> LocalResult:
    """A stack of the default size takes one step."""
    stream, config = partial(torch_stream, 0), FederationConfig(local_steps=1)
    template = AdapterBank.initial(backbone.denoiser, AdapterConfig(), stream)
    clients = [random_client(backbone, k) for k in range(COHORT)]
    start = template.repeat(COHORT).flatten()
    return train_stacked(backbone, template, start, clients, config, FedAvg(), stream, 0)


def seconds(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_the_lean_step_is_faster_than_diffusers(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Backbone.initial(BackboneConfig(), 0).eval().requires_grad_(False)
    quick = Backbone.initial(BackboneConfig(), 0).freeze()

    def as_peft() -> LocalResult:
        with monkeypatch.context() as patch:
            patch.setattr(adapters, "AdaptedLinear", PlainLinear)
            return one_step(plain)

    torch.testing.assert_close(as_peft().loss, one_step(quick).loss, rtol=1e-5, atol=0)
    ratios = [seconds(as_peft) / seconds(partial(one_step, quick)) for _ in range(TURNS)]
    print(f"ratios {sorted(ratios)}")
    assert statistics.median(ratios) >= 1.06
