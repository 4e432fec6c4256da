"""Speech-driven faces that people's devices adapt together: a shared adapter of the motion decoder, own embeddings.

The base is the regressor, trained on a few public people: captured faces are rare. A device trains a low-rank adapter
of the decoder (LoRA, after TalkLoRA) and the embedding of its person on its own clips; the embedding never leaves it,
the adapter's change is clipped, summed and given noise by the code that all federations here share
(`federation.aggregate`).

Shapes: N clients, K clients of a round, d numbers of an adapter, E embedding, T frames, C motion channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call

from privtalk.core.frozen import Frozen
from privtalk.core.streams import Stream
from privtalk.methods.config import FederationConfig
from privtalk.methods.federation.aggregate import Aggregation, aggregate
from privtalk.methods.federation.cohorts import choose_cohort
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.speech_3d.config import SpeechNetwork
from privtalk.methods.speech_3d.data import UNKNOWN, MotionClips, MotionScale, Speech
from privtalk.methods.speech_3d.method import MotionShape, motion_losses
from privtalk.methods.speech_3d.personaliser import Looked
from privtalk.methods.speech_3d.regressor import Regressor


class SpeechFederation(Frozen):
    """How devices train together."""

    faces: int = Field(12, ge=2, le=100_000)
    """Public people whose motion is known, from whom the base learns: as many as VOCASET has. Voices are plenty."""
    rounds: int = Field(12, ge=1, le=100_000)
    rate: float = Field(0.25, gt=0, le=1)
    """Chance of each client to take part in a round."""
    local_steps: int = Field(4, ge=1, le=10_000)
    lr: float = Field(0.01, gt=0)
    """Adam's rate on a device, which starts afresh every round."""
    server_lr: float = Field(1.0, gt=0)
    rank: int = Field(2, ge=1, le=256)
    alpha: float = Field(4.0, gt=0)
    clip: float = Field(0.5, gt=0)
    """L2 bound of a client's update, where an ε is asked for."""

    @property
    def config(self) -> FederationConfig:
        """The same for the code that all federations share."""
        return FederationConfig(
            rounds=self.rounds,
            rate=self.rate,
            local_steps=self.local_steps,
            lr=self.lr,
            server_lr=self.server_lr,
        )


class PublicRegressor(Regressor):
    """The base of the federation: the regressor, trained on public people alone."""

    name = "federated_base"
    about = "the regressor trained on public people: what every device starts from"


@dataclass(frozen=True, slots=True)
class DecoderAdapter:
    """Low-rank changes of all linear layers of a decoder, as one vector [d]."""

    layers: tuple[tuple[str, int, int], ...]
    """Name of a weight, its rows and columns."""
    rank: int
    scale: float

    @classmethod
    def of(cls, decoder: nn.Module, federation: SpeechFederation) -> DecoderAdapter:
        """The adapter of a decoder."""
        layers = tuple(
            (f"{name}.weight", layer.out_features, layer.in_features)
            for name, layer in decoder.named_modules()
            if isinstance(layer, nn.Linear)
        )
        return cls(layers, federation.rank, federation.alpha / federation.rank)

    @property
    def size(self) -> int:
        """d."""
        return sum(self.rank * (rows + columns) for _, rows, columns in self.layers)

    def start(self, generator: torch.Generator) -> Tensor:
        """Returns the first adapter [d]: A at random, B zero, so that nothing is changed yet."""
        parts = []
        for _, rows, columns in self.layers:
            a = torch.randn(self.rank * columns, generator=generator) * columns**-0.5
            parts += [a, torch.zeros(self.rank * rows)]
        return torch.cat(parts)

    def weights(self, decoder: nn.Module, theta: Tensor) -> dict[str, Tensor]:
        """Returns the changed weights W + s B A, by name."""
        found, at = {}, 0
        own = dict(decoder.named_parameters())
        for name, rows, columns in self.layers:
            a = theta[at : at + self.rank * columns].view(self.rank, columns)
            at += self.rank * columns
            b = theta[at : at + self.rank * rows].view(rows, self.rank)
            at += self.rank * rows
            found[name] = own[name] + self.scale * b @ a
        return found


class FederatedTalker(Regressor):
    """The base with what devices learned: the shared adapter, and each client's own embedding on its device."""

    name = "federated"
    about = "the base with an adapter that devices trained together; each keeps its person's embedding"
    given_speaker = True
    theta: Tensor
    """[d] the shared adapter."""
    embeddings: Tensor
    """[N, E] each client's own."""

    def __init__(
        self,
        shape: MotionShape,
        network: SpeechNetwork,
        options: Frozen,
        federation: SpeechFederation,
        clients: int,
    ) -> None:
        super().__init__(shape, network, options)
        self.adapter = DecoderAdapter.of(self.decoder, federation)
        self.register_buffer("theta", torch.zeros(self.adapter.size))
        self.register_buffer("embeddings", torch.zeros(clients, network.embedding))

    def animate(self, speech: Speech, noise: Tensor, steps: int) -> Tensor:
        heard = self.personaliser.look_up(speech.mel)
        own = self.embeddings[speech.speaker.clamp(min=0)]
        identity = torch.where((speech.speaker == UNKNOWN)[:, None], heard.identity, own)
        return self.adapted(self.theta, speech, Looked(identity, heard.emotion))

    def needed(self) -> dict[str, Tensor]:
        """The base, the adapter and the one embedding of whoever owns the device."""
        return super().needed() | {"embeddings": self.embeddings[:1]}

    def learned(self) -> int:
        """The adapter and the own embedding: a device leaves the base as it is."""
        return self.adapter.size + self.embeddings.shape[1]

    def adapted(self, theta: Tensor, speech: Speech, looked: Looked) -> Tensor:
        """Returns the motion [N, T, C] with an adapter [d] and embeddings."""
        summed = self.hear(speech, looked).summed
        nothing = summed.new_zeros(*summed.shape[:2], self.shape.channels)
        weights = self.adapter.weights(self.decoder, theta)
        made: Tensor = functional_call(self.decoder, weights, (nothing, summed.new_ones(len(summed)), summed))
        return made

    def loss(self, theta: Tensor, identity: Tensor, batch: MotionClips, scale: MotionScale) -> Tensor:
        """Returns the loss of a person's clips with an adapter [d] and an embedding [E]."""
        emotion = self.personaliser.look_up(batch.speech.mel).emotion
        looked = Looked(identity.expand(len(batch.codes), -1), emotion)
        found = motion_losses(self.adapted(theta, batch.speech, looked), batch, scale)
        return torch.stack(list(found.values())).sum()


class FederatedRound(NamedTuple):
    """One round as the server saw it."""

    number: int
    adapter: Tensor
    """[d] that the round started from."""
    cohort: tuple[int, ...]
    messages: Tensor
    """[K, d]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechDevices:
    """N clients, the data of each on its own device."""

    network: FederatedTalker
    """With the base's weights; nothing of it changes but the adapter and the embeddings."""
    clips: Sequence[MotionClips]
    """[N] each client's."""
    scale: MotionScale
    federation: SpeechFederation
    stream: Stream
    frames: int
    """Frames of a training window."""

    def train(self, client: int, round_: int, received: Tensor, identity: Tensor) -> tuple[Tensor, Tensor]:
        """Returns a client's update [d] and its embedding [E] after its steps on the adapter that it received."""
        generator = self.stream("client", client, "round", round_, "windows")
        theta, own = received.clone().requires_grad_(True), identity.clone().requires_grad_(True)
        optimiser = torch.optim.Adam([theta, own], lr=self.federation.lr)
        for _ in range(self.federation.local_steps):
            batch = self.clips[client].draw(len(self.clips[client].codes), self.frames, generator)
            optimiser.zero_grad()
            self.network.loss(theta, own, batch, self.scale).backward()
            optimiser.step()
        return theta.detach() - received, own.detach()

    def gradient(self, clips: MotionClips, theta: Tensor, identity: Tensor) -> Tensor:
        """Returns the gradient [d] of a person's loss by the adapter."""
        at = theta.clone().requires_grad_(True)
        [found] = torch.autograd.grad(self.network.loss(at, identity, clips, self.scale), [at])
        return found


def federate_speech(
    devices: SpeechDevices,
    mechanism: RunMechanism,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[FederatedRound]:
    """Yields the rounds, and leaves what was learned in the devices' network.

    Every client weighs the same. The server's step is the noisy sum of clipped updates over the expected cohort.
    """
    network, federation, count = devices.network, devices.federation, len(devices.clips)
    how = Aggregation(federation.rate * count)
    with torch.no_grad():
        network.theta.copy_(network.adapter.start(devices.stream("adapter")))
        network.embeddings.copy_(_first_embeddings(devices))
    for round_ in range(federation.rounds):
        tell(round_, federation.rounds)
        cohort = choose_cohort(range(count), federation.config, devices.stream, round_)
        started = network.theta.clone()
        trained = [devices.train(k, round_, started, network.embeddings[k]) for k in cohort]
        nobody = started.new_zeros(
            0, len(started)
        )  # noise is added all the same: the account counts every round
        updates = torch.stack([update for update, _ in trained]) if trained else nobody
        of_round = mechanism.in_round(round_, None, devices.stream)
        weights = torch.ones(len(cohort), dtype=torch.float64)
        found = aggregate(updates, weights, cohort, of_round, how, devices.stream, round_)
        with torch.no_grad():
            network.theta += federation.server_lr * found.mean.to(started)
            for k, (_, own) in zip(cohort, trained, strict=True):
                network.embeddings[k] = own
        sent = torch.stack([message.vector for message in found.messages]).to(started) if cohort else nobody
        yield FederatedRound(round_, started, tuple(cohort), sent)


@torch.no_grad()
def _first_embeddings(devices: SpeechDevices) -> Tensor:
    """[N, E] what each person's own sound calls for in the public library."""
    heard = [
        devices.network.personaliser.look_up(clips.speech.mel).identity.mean(0) for clips in devices.clips
    ]
    return torch.stack(heard)
