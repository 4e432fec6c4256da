"""People and a federated run on the tiny backbone: random weights, real adapters, real local training."""

import torch

from privtalk.attacks.knowledge import Knowledge
from privtalk.attacks.pairs import PairLabels
from privtalk.attacks.views import ServerView
from privtalk.core.seeds import torch_stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch, ClipFeatures
from privtalk.methods.config import AdapterConfig, FederationConfig
from privtalk.methods.federation.clients import ClientData
from privtalk.methods.federation.training import train
from privtalk.methods.federation.transcript import Keep

CLIENTS, STRANGERS = 16, 12
ADAPTER = AdapterConfig(rank=2, alpha=4.0, targets=("*.to_v", "*.to_out.0"))
FEDERATION = FederationConfig(rounds=2, rate=1.0, local_steps=2, windows=1, window_frames=2, lr=5e-3)


def stream(*names):
    return torch_stream(23, *names)


def told_apart() -> Backbone:
    """The tiny backbone with identity tokens that differ between people, as a trained encoder's do: random weights give
    everybody nearly the same.
    """
    backbone = Backbone.tiny()
    encoder = backbone.conditioning
    faces = torch.cat([person(backbone, i).reference[:1] for i in range(100, 140)])
    with torch.no_grad():
        found = encoder.identity(faces)
        encoder.identity_token.weight *= 2 / (found - found.mean(0)).norm(dim=1).mean()
        encoder.identity_token.bias -= encoder.identity_token(found).mean(0)
    return backbone


def clip(backbone: Backbone, index: int, take: str, frames: int = 6) -> ClipFeatures:
    """Frames around a person's own face; sound and pose change from clip to clip."""

    def draw(name, *shape):
        return torch.randn(shape, generator=stream("person", index, name))

    face = 2 * draw("face", *backbone.latent_shape).mean((1, 2), keepdim=True) + draw(
        "face", *backbone.latent_shape
    )
    latents = face + 0.1 * draw(f"{take} latents", frames, *backbone.latent_shape)
    audio = draw(f"{take} audio", frames, backbone.config.audio.width)
    return ClipFeatures(latents, audio, 0.3 * draw(f"{take} landmarks", frames, 78), None)


def person(backbone: Backbone, index: int, take: str = "fresh", windows: int = 2, frames: int = 2) -> Batch:
    """Windows of a clip, with its first frame as the reference."""
    made = clip(backbone, index, take, windows * frames + 1)

    def cut(x):
        return x[1:].unflatten(0, (windows, frames))

    return Batch(
        latents=cut(made.latents),
        audio=cut(made.audio),
        landmarks=cut(made.landmarks),
        reference=made.latents[:1].expand(windows, -1, -1, -1),
        reference_landmarks=made.landmarks[:1].expand(windows, -1),
    )


def initial(backbone: Backbone, adapter: AdapterConfig = ADAPTER) -> AdapterBank:
    return AdapterBank.initial(backbone.denoiser, adapter, stream)


def federated(
    backbone: Backbone, adapter: AdapterConfig = ADAPTER, method: str = "fedavg", **changes
) -> ServerView:
    """What a server sees of clients 0..15 who train on their own person's footage."""
    clients = [ClientData.of(k, [clip(backbone, k, "train")]) for k in range(CLIENTS)]
    config = FEDERATION.model_copy(update=changes)
    *_, state = train(
        method,
        backbone,
        initial(backbone, adapter),
        clients,
        config,
        stream,
        keep=Keep(messages=True, adapters=True),
    )
    return ServerView.of(backbone, state)


def knowledge(backbone: Backbone, adapter: AdapterConfig = ADAPTER, take: str = "fresh") -> Knowledge:
    """People 0..15 are the clients', 16..27 took no part."""
    people = [person(backbone, i, take) for i in range(CLIENTS + STRANGERS)]
    return Knowledge(people=people, public=[], initial=initial(backbone, adapter), stream=stream)


TRUTH = PairLabels(
    own={k: k for k in range(CLIENTS)},
    strangers=tuple(range(CLIENTS, CLIENTS + STRANGERS)),
    attributes={k: {"glasses": "round" if k % 2 else "none"} for k in range(CLIENTS)},
)
