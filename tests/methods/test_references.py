from __future__ import annotations

from functools import partial

import pytest
import torch

from privtalk.core.seeds import torch_stream
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank, adapted
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.clients import ClientData, take
from privtalk.methods.federation.state import TrainingState
from privtalk.methods.federation.training import train
from privtalk.methods.generation import GenerationBatch, Sampling, evaluation_noise, generate_clips
from privtalk.methods.references import centralised
from privtalk.methods.registry import METHODS, REFERENCES, build, kind

SAMPLING = Sampling(steps=3, chunk=2)


@pytest.fixture(scope="module")
def scene(backbone: Backbone, clients: tuple[ClientData, ...]) -> GenerationBatch:
    """Three clips of four frames, of the second, first and second client."""
    batches = [take(clients[c].features, torch.tensor([1]), 4, torch.tensor([0])) for c in (1, 0, 1)]
    batch = type(batches[0]).concatenate(batches)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (3, 32, 32, 3), generator=generator).to(torch.uint8)
    return GenerationBatch(batch=batch, names=("a", "b", "c"), client=(1, 0, 1), reference_frames=pixels)


def bank_of(template: AdapterBank, k: int) -> AdapterBank:
    noise = torch.randn(k, template.dim, generator=torch.Generator().manual_seed(5))
    return template.unflatten(template.flatten() + 0.5 * noise)


@pytest.mark.parametrize("row", [*METHODS, *REFERENCES])
def test_every_row_gives_frames(
    row: str, backbone: Backbone, template: AdapterBank, scene: GenerationBatch, stream: Stream
) -> None:
    trains = row in METHODS or REFERENCES[row].trains
    bank = bank_of(template, 2 if row == "local_only" else 1) if trains else None
    frames = generate_clips(row, backbone, scene, SAMPLING, stream, bank)
    assert frames.shape == (3, 4, 32, 32, 3)
    assert frames.dtype == torch.uint8
    assert torch.equal(frames, generate_clips(row, backbone, scene, SAMPLING, stream, bank))
    other = generate_clips(row, backbone, scene, SAMPLING, partial(torch_stream, 99), bank)
    assert torch.equal(frames, other) == (row in ("static", "autoencoder"))


def test_static_and_autoencoder(backbone: Backbone, scene: GenerationBatch, stream: Stream) -> None:
    static = generate_clips("static", backbone, scene, SAMPLING, stream)
    assert all(torch.equal(static[:, f], scene.reference_frames) for f in range(4))
    decoded = generate_clips("autoencoder", backbone, scene, SAMPLING, stream)
    assert torch.equal(decoded, backbone.decode(scene.batch.latents))


def test_a_clip_is_made_with_its_own_client_s_adapter(
    backbone: Backbone, template: AdapterBank, scene: GenerationBatch, stream: Stream
) -> None:
    bank = bank_of(template, 2)
    frames = generate_clips("local_only", backbone, scene, SAMPLING, stream, bank)
    noise = evaluation_noise(scene, stream)
    for n, client in enumerate(scene.client):
        apart = []
        for adapter in (client, 1 - client):
            with adapted(backbone.denoiser, bank.select([adapter])):
                latents = backbone.generate(scene.batch[n : n + 1], noise[n : n + 1], 3)
            apart.append(float((frames[n].float() - backbone.decode(latents)[0].float()).abs().mean()))
        assert apart[0] < 0.2  # rounding of the stacked pass
        assert apart[1] > 1


def test_an_untrained_adapter_is_zero_shot(
    backbone: Backbone, template: AdapterBank, scene: GenerationBatch, stream: Stream
) -> None:
    zero_shot = generate_clips("difftalk", backbone, scene, SAMPLING, stream)
    assert torch.equal(generate_clips("fedavg", backbone, scene, SAMPLING, stream, template), zero_shot)
    assert not torch.equal(
        generate_clips("fedavg", backbone, scene, SAMPLING, stream, bank_of(template, 1)), zero_shot
    )


def test_rows_and_adapters_must_agree(
    backbone: Backbone, template: AdapterBank, scene: GenerationBatch, stream: Stream
) -> None:
    with pytest.raises(ValueError, match="fedavg needs trained"):
        generate_clips("fedavg", backbone, scene, SAMPLING, stream)
    with pytest.raises(ValueError, match="difftalk takes no trained"):
        generate_clips("difftalk", backbone, scene, SAMPLING, stream, template)
    with pytest.raises(ValueError, match="unknown row 'fedsgd'; valid: fedavg, "):
        generate_clips("fedsgd", backbone, scene, SAMPLING, stream)


def test_registry_is_loud() -> None:
    with pytest.raises(
        ValueError, match=r"unknown method 'fedsgd' .*; valid: fedavg, fedprox, ffa_lora, privfedtalk"
    ):
        build("fedsgd")
    with pytest.raises(ValueError, match="unknown row"):
        kind("fedsgd")
    assert kind("fedavg") == "method"
    assert kind("static") == "floor"
    assert all(build(name).name == name for name in METHODS)


def last(states: object) -> TrainingState:
    return list(states)[-1]  # type: ignore[call-overload]


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("row", ["centralised", "fedavg"])
def test_rows_resume(
    row: str,
    share: float,
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    config = config.model_copy(update={"averaged_share": share})
    run = partial(train, row, backbone, template, clients, config, stream)
    states = list(run())
    assert [state.round for state in states] == [1, 2, 3]
    resumed = list(run(state=states[0]))
    assert torch.equal(resumed[-1].adapters, states[-1].adapters)
    assert torch.equal(resumed[-1].released, states[-1].released)
    assert torch.equal(states[-1].released, states[-1].adapters) == (share == 0)
    assert resumed[-1].curves == states[-1].curves
    assert list(run(state=states[-1])) == []


def test_centralised_sees_as_many_windows_as_a_cohort(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    state = last(centralised(backbone, template, clients, config, stream))
    assert state.adapters.shape == (1, template.dim)
    assert state.transcript.communication == {"up": 0, "down": 0}


def test_options_reach_the_method(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    free = last(train("fedprox", backbone, template, clients, config, stream, options={"mu": 0.0}))
    held = last(train("fedprox", backbone, template, clients, config, stream, options={"mu": 50.0}))
    start = TrainingState.start(template).adapters
    assert (held.adapters - start).norm() < (free.adapters - start).norm()


def test_rows_that_train_nothing(
    backbone: Backbone,
    template: AdapterBank,
    clients: tuple[ClientData, ...],
    config: FederationConfig,
    stream: Stream,
) -> None:
    with pytest.raises(ValueError, match="'static' is not trained in rounds; rows that are: fedavg"):
        train("static", backbone, template, clients, config, stream)
    with pytest.raises(ValueError, match="'local_only' is not trained in rounds"):
        train("local_only", backbone, template, clients, config, stream)
