"""What a view does not show cannot be reached from it, by any attribute, item, base or storage."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from functools import partial

import pytest
import torch

from privtalk.attacks.views import ClientView, ReleaseView, SecureAggregationView, ServerView
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import LANDMARK_DIM, ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.rounds import Federation, federate
from privtalk.methods.federation.transcript import Keep
from privtalk.methods.registry import build

STREAM = partial(torch_stream, 5)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return Backbone.tiny()


def client(backbone: Backbone, index: int) -> ClientData:
    generator = torch.Generator().manual_seed(index)
    shapes = (backbone.latent_shape, (backbone.config.audio.width,), (LANDMARK_DIM,))
    latents, audio, landmarks = (torch.randn(6, *shape, generator=generator) for shape in shapes)
    return ClientData.of(index, [ClipFeatures(latents, audio, landmarks, None)])


@pytest.fixture(scope="module")
def run(backbone: Backbone) -> Federation:
    return Federation(
        backbone=backbone,
        template=AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=1), STREAM),
        clients=tuple(client(backbone, k) for k in range(4)),
        config=FederationConfig(rounds=3, rate=0.6, local_steps=1, window_frames=2),
        method=build("fedavg"),
        stream=STREAM,
        keep=Keep(messages=True, adapters=True),
    )


@pytest.fixture(scope="module")
def state(run: Federation):
    return list(federate(run))[-1]


def reachable(thing, seen=None) -> set[int]:
    """Storages of all tensors that can be reached, the backbone's left out."""
    seen = set() if seen is None else seen
    if id(thing) in seen or isinstance(thing, (str, int, float, Backbone)) or callable(thing):
        return set()
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        return {thing.untyped_storage().data_ptr()}
    if is_dataclass(thing):
        parts = [getattr(thing, field.name) for field in fields(thing)]
    elif isinstance(thing, dict):
        parts = [*thing.keys(), *thing.values()]
    else:
        parts = list(thing) if isinstance(thing, (list, tuple, set, frozenset)) else []
    return set().union(*(reachable(part, seen) for part in parts))


def test_the_server_sees_each_message_and_who_sent_it(run, state):
    view = ServerView.of(run.backbone, state)
    assert [r.cohort for r in view.rounds] == [log.cohort for log in state.transcript.log]
    for seen in view.rounds:
        assert torch.equal(seen.messages, state.transcript.messages[seen.number])
        assert torch.equal(seen.adapter, state.transcript.adapters[seen.number])


def test_sums_hold_no_message(run, state):
    view = SecureAggregationView.of(run.backbone, state)
    held = reachable(view)
    for seen in view.rounds:
        messages = state.transcript.messages[seen.number]
        torch.testing.assert_close(seen.total, messages.double().sum(0))
        assert seen.total.untyped_storage().nbytes() == 8 * run.template.dim
        assert messages.untyped_storage().data_ptr() not in held
    assert not hasattr(view.rounds[0], "messages")


def test_no_view_reaches_the_transcript_or_other_clients_data(run, state):
    own = run.clients[1]
    views = {
        "release": ReleaseView(backbone=run.backbone, adapter=state.bank(run.template).select([0])),
        "sums": SecureAggregationView.of(run.backbone, state),
        "server": ServerView.of(run.backbone, state),
        "client": ClientView.of(run.backbone, state, own),
    }
    secret = reachable([c for c in run.clients if c.index != own.index]) | reachable(
        dict(state.transcript.messages)
    )
    assert len(secret) > 5
    for name, view in views.items():
        assert not reachable(view) & secret, name
    assert reachable(own) <= reachable(views["client"])
    for name in ("release", "sums", "server"):
        assert not reachable(views[name]) & reachable(own), name


def test_a_client_sees_the_rounds_it_took_part_in(run, state):
    for own in run.clients:
        view = ClientView.of(run.backbone, state, own)
        took_part = [log.round for log in state.transcript.log if own.index in log.cohort]
        assert list(view.received) == took_part
        assert torch.equal(view.released, state.adapters[0])


def test_every_view_of_an_averaged_release_is_of_the_mean(run):
    averaged = replace(run, config=run.config.model_copy(update={"averaged_share": 1.0}))
    state = list(federate(averaged))[-1]
    own = run.clients[state.transcript.log[0].cohort[0]]
    view = ClientView.of(run.backbone, state, own)
    assert torch.equal(view.released, state.mean[0])
    assert view.parts == {r: pytest.approx((3 - r) / 3) for r in view.received}


def test_what_was_not_kept_is_asked_for(run):
    bare = list(federate(replace(run, keep=Keep())))[-1]
    with pytest.raises(ValueError, match=r"round 0 has no adapters: train with keep=Keep\(adapters=True\)"):
        ServerView.of(run.backbone, bare)


def test_views_hold_the_rounds_that_were_kept(run, state, backbone):
    late = list(federate(replace(run, keep=Keep(messages=True, adapters=True, last=2))))[-1]
    whole, part = ServerView.of(backbone, state), ServerView.of(backbone, late)
    assert [r.number for r in part.rounds] == [1, 2]
    for kept, same in zip(part.rounds, whole.rounds[1:], strict=True):
        torch.testing.assert_close(kept.messages, same.messages, rtol=0, atol=0)
    assert [r.number for r in SecureAggregationView.of(backbone, late).rounds] == [1, 2]
    own = run.clients[0]
    assert set(ClientView.of(backbone, late, own).received) == set(
        ClientView.of(backbone, state, own).received
    ) & {1, 2}
