"""FedSA-LoRA: A is shared, B is kept."""

from __future__ import annotations

import torch

from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federated.fedsa_lora import FedSALoRA
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.devices import personal_adapters
from tests.methods.alone import trained_alone


def test_coordinates_of_a_are_those_of_the_factors(
    template: AdapterBank, backbone: Backbone, stream: Stream
) -> None:
    of_a = template.of_a()
    marked = template.unflatten(of_a.float()[None])
    assert all(bool(f.a.all()) and not bool(f.b.any()) for f in marked.factors.values())
    frozen = AdapterBank.initial(backbone.denoiser, AdapterConfig(rank=2, freeze_a=True), stream)
    assert not frozen.of_a().any()
    assert len(frozen.of_a()) == frozen.dim


def test_with_one_client_it_is_that_clients_local_training(
    play,  # type: ignore[no-untyped-def]
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    alone = trained_alone(backbone, template, clients[:1], config, stream)
    state = play("fedsa_lora", of=clients[:1], rate=1.0)
    own = personal_adapters(FedSALoRA(), template, state.adapters[0], [0], state.clients)
    assert own is not None
    moved = (alone - template.flatten()).abs()[0]
    assert min(float(moved[part].mean()) for part in (template.of_a(), ~template.of_a())) > 0.01
    # Adam makes of a gradient near 0 a step of either sign: rounding shows there
    torch.testing.assert_close(own, alone, rtol=1e-3, atol=1e-4)


def test_the_server_never_sees_b(play, template: AdapterBank) -> None:  # type: ignore[no-untyped-def]
    """Messages are A's, and the global B stays the public 0 while those of the devices move."""
    state, of_a = play("fedsa_lora"), template.of_a()
    assert FedSALoRA().message_length(template) == int(of_a.sum()) < template.dim
    assert not state.adapters[0][~of_a].any()
    assert (state.adapters[0][of_a] != template.flatten()[0][of_a]).any()
    assert all(own["b"].abs().max() > 0.01 for own in state.clients.values())
    for entry in state.transcript.log:
        assert entry.down_bytes == entry.up_bytes == 4 * int(of_a.sum()) * len(entry.cohort)


def test_it_trains_a_where_others_are_told_to_freeze_it() -> None:
    assert not FedSALoRA.adapter(AdapterConfig(freeze_a=True)).freeze_a
