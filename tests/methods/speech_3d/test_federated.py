"""The federation of speech-driven faces: adapters, devices, noise, and what leaves a device."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from privtalk.core.seeds import torch_stream
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY, GaussianMechanism
from privtalk.methods.speech_3d.federated import (
    DecoderAdapter,
    FederatedTalker,
    SpeechDevices,
    SpeechFederation,
    federate_speech,
)
from tests.methods.speech_3d.clips import CHANNELS, NETWORK, SCALE, SHAPE, clips

FEDERATION = SpeechFederation(rounds=3, rate=1.0, local_steps=2, rank=1)


def devices(federation: SpeechFederation = FEDERATION, seed: int = 0) -> SpeechDevices:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = FederatedTalker(SHAPE, NETWORK, FederatedTalker.Options(), federation, 4)
    every = clips(8)
    own = [
        every.windows(torch.tensor([2 * k, 2 * k + 1]), torch.zeros(2, dtype=torch.int64), 12)
        for k in range(4)
    ]
    return SpeechDevices(
        network=made.eval().requires_grad_(False),
        clips=own,
        scale=SCALE,
        federation=federation,
        stream=lambda *names: torch_stream(seed, "test", *names),
        frames=8,
    )


def test_a_fresh_adapter_changes_nothing():
    made = devices().network
    adapter = made.adapter
    weights = adapter.weights(made.decoder, adapter.start(torch.Generator().manual_seed(0)))
    own = dict(made.decoder.named_parameters())
    assert all(torch.equal(weights[name], own[name]) for name in weights)
    assert len(adapter.start(torch.Generator())) == adapter.size


def test_an_adapter_adds_a_product_of_low_rank():
    made = devices(SpeechFederation(rank=2, alpha=6.0)).network
    theta = torch.randn(made.adapter.size, generator=torch.Generator().manual_seed(0))
    own = dict(made.decoder.named_parameters())
    for name, weight in made.adapter.weights(made.decoder, theta).items():
        change = (weight - own[name]).double()
        assert torch.linalg.matrix_rank(change, tol=1e-4) <= 2
    assert DecoderAdapter.of(made.decoder, SpeechFederation(rank=2, alpha=6.0)).scale == 3.0


def test_training_lowers_the_loss_of_those_who_train():
    federation = SpeechFederation(rounds=12, rate=1.0, local_steps=4, rank=2)
    those = devices(federation)

    def loss() -> float:
        with torch.no_grad():
            found = [
                those.network.loss(those.network.theta, those.network.embeddings[k], own, SCALE)
                for k, own in enumerate(those.clips)
            ]
        return float(torch.stack(found).mean())

    rounds = federate_speech(those, NO_PRIVACY)
    next(rounds)
    before = loss()
    list(rounds)
    assert loss() < before


def test_the_servers_step_is_the_mean_of_what_was_sent():
    those = devices()
    seen = list(federate_speech(those, NO_PRIVACY))
    assert [r.number for r in seen] == [0, 1, 2]
    for earlier, later in pairwise(seen):
        assert torch.allclose(later.adapter, earlier.adapter + earlier.messages.mean(0), atol=1e-6)


def test_what_is_sent_is_clipped_and_noise_is_added_to_the_sum_alone():
    clipped = GaussianMechanism(clip=0.05, noise_multiplier=1.0)
    those = devices()
    seen = list(federate_speech(those, clipped))
    assert all((r.messages.norm(dim=1) <= 0.05 + 1e-6).all() for r in seen)
    moved = seen[1].adapter - seen[0].adapter
    noise = moved - seen[0].messages.mean(0)
    assert float(noise.std()) == pytest.approx(0.05 / 4, rel=0.3)


def test_a_device_that_takes_part_keeps_its_embedding_and_others_keep_theirs():
    those = devices(SpeechFederation(rounds=1, rate=0.5, local_steps=2))
    with torch.no_grad():
        before = torch.stack(
            [those.network.personaliser.look_up(own.speech.mel).identity.mean(0) for own in those.clips]
        )
    [seen] = federate_speech(those, NO_PRIVACY)
    changed = (those.network.embeddings != before).any(1)
    assert {int(k) for k in torch.nonzero(changed)[:, 0]} == set(seen.cohort)
    assert 0 < len(seen.cohort) < 4


def test_messages_hold_the_adapter_and_nothing_else():
    those = devices()
    seen = list(federate_speech(those, NO_PRIVACY))
    assert all(r.messages.shape == (4, those.network.adapter.size) for r in seen)


def test_the_same_seed_gives_the_same_bytes():
    first, second, other = (list(federate_speech(devices(seed=s), NO_PRIVACY)) for s in (0, 0, 1))
    assert all(torch.equal(a.messages, b.messages) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0].messages, other[0].messages)


def test_known_speakers_have_their_embedding_and_strangers_what_is_heard():
    those = devices()
    list(federate_speech(those, NO_PRIVACY))
    made, speech = those.network, clips(2).speech
    noise = torch.zeros(2, 12, CHANNELS)
    from dataclasses import replace

    def animated(speaker: int) -> torch.Tensor:
        with torch.no_grad():
            return made.animate(replace(speech, speaker=torch.full((2,), speaker)), noise, 1)

    before = animated(-1)
    with torch.no_grad():
        known = animated(1)
        made.embeddings[1] += 1
    assert torch.equal(animated(-1), before)
    assert not torch.allclose(animated(1), known)


def test_a_round_without_anybody_has_its_noise_all_the_same():
    those = devices(SpeechFederation(rounds=2, rate=1e-6))
    seen = list(federate_speech(those, GaussianMechanism(clip=1.0, noise_multiplier=1.0)))
    assert [r.cohort for r in seen] == [(), ()]
    assert not torch.equal(seen[1].adapter, seen[0].adapter)
