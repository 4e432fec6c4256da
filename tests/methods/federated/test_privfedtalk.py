"""TDC and ISFA against their definitions and limits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federated import isfa
from privtalk.methods.federated.privfedtalk import PrivFedTalk
from privtalk.methods.federated.tdc import temporal_consistency
from privtalk.methods.federation.clients import ClientData, draw
from privtalk.methods.federation.local import TrainedDevices


def frames(seed: int, n: int = 3, f: int = 4) -> Tensor:
    return torch.randn(n, f, 2, 3, 3, generator=torch.Generator().manual_seed(seed))


def test_tdc_is_its_definition() -> None:
    predicted, noise = frames(0), frames(1)
    for n, value in enumerate(temporal_consistency(predicted, noise).tolist()):
        terms = [
            abs(float((predicted[n, f + 1] - predicted[n, f])[i] - (noise[n, f + 1] - noise[n, f])[i]))
            for f in range(3)
            for i in [(c, y, x) for c in range(2) for y in range(3) for x in range(3)]
        ]
        assert value == pytest.approx(sum(terms) / len(terms), rel=1e-5)


def test_tdc_ignores_an_error_shared_by_all_frames() -> None:
    noise, shared = frames(0), frames(1, f=1)
    torch.testing.assert_close(temporal_consistency(noise + shared, noise), torch.zeros(3), atol=1e-6, rtol=0)
    assert (temporal_consistency(frames(2), noise) > 0.5).all()


def test_one_frame_has_no_differences() -> None:
    assert temporal_consistency(frames(0, f=1), frames(1, f=1)).tolist() == [0.0] * 3
    assert isfa.temporal_stability(frames(0, f=1), frames(1, f=1)).tolist() == [1.0] * 3


@settings(max_examples=100, deadline=None)
@given(score=st.floats(0, 1), other=st.floats(0, 1), gamma=st.floats(0, 10))
def test_reliability_is_in_the_unit_interval_and_keeps_published_ratios(
    score: float, other: float, gamma: float
) -> None:
    s = torch.tensor([score, other], dtype=torch.float64)
    weight = isfa.reliability(s, gamma)
    assert ((weight > 0) & (weight <= 1)).all()
    published = torch.exp(gamma * s)
    torch.testing.assert_close(weight[0] * published[1], weight[1] * published[0])
    assert isfa.expected_reliability(score, gamma) == pytest.approx(float(weight[0]))


def test_gamma_zero_is_uniform() -> None:
    assert (
        isfa.reliability(torch.rand(9, generator=torch.Generator().manual_seed(0)), 0.0).tolist() == [1.0] * 9
    )


def test_stability_falls_with_flicker() -> None:
    truth = frames(0)
    steady = isfa.temporal_stability(truth + frames(1, f=1), truth)
    flicker = isfa.temporal_stability(truth + 0.5 * frames(2), truth)
    assert steady.tolist() == pytest.approx([1.0] * 3)
    assert (flicker < 0.8).all()
    assert (isfa.temporal_stability(truth + 5 * frames(2), truth) < flicker).all()


def test_identity_similarity_spans_zero_to_one() -> None:
    e = torch.nn.functional.normalize(torch.randn(3, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    same, opposite = e[:, None].expand(-1, 4, -1), -e[:, None].expand(-1, 4, -1)
    assert isfa.identity_similarity(same, e).tolist() == pytest.approx([1.0] * 3)
    assert isfa.identity_similarity(opposite, e).tolist() == pytest.approx([0.0] * 3, abs=1e-6)


def test_scores_of_a_stack_are_those_of_each_client(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    drawn = draw(clients, config.model_copy(update={"windows": 2}), 1000, stream, 0, 0)
    noise = torch.randn(5, template.dim, generator=torch.Generator().manual_seed(0))
    bank = template.unflatten(template.flatten() + 0.3 * noise)
    scores = isfa.client_scores(TrainedDevices(backbone=backbone, bank=bank, draw=drawn), 0.7)
    assert ((scores > 0) & (scores < 1)).all()
    assert scores.std() > 0
    for k in range(5):
        own = TrainedDevices(backbone=backbone, bank=bank.select([k]), draw=drawn[slice(2 * k, 2 * k + 2)])
        torch.testing.assert_close(isfa.client_scores(own, 0.7), scores[k : k + 1], rtol=1e-4, atol=1e-5)


def test_expected_reliability_is_public() -> None:
    method = PrivFedTalk(PrivFedTalk.Options(gamma=0.5, expected_score=0.6))
    assert method.expected_reliability() == pytest.approx(2.718281828 ** (0.5 * (0.6 - 1)))
    assert PrivFedTalk(PrivFedTalk.Options(gamma=0.0)).expected_reliability() == 1.0
