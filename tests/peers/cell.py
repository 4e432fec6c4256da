"""The default cell: adapters on the embedded backbone, two local steps a client, all clients in every round."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from privtalk.methods.adapters import AdapterBank
    from privtalk.methods.backbone.backbone import Backbone
    from privtalk.methods.config import FederationConfig
    from privtalk.methods.federation.clients import ClientData

FRAMES = 12
"""Frames of a client's one clip."""


@dataclass(frozen=True)
class CellWorkload:
    """Client updates of the cell; `tiny` takes a network of few channels, for tests."""

    clients: int = 48
    tiny: bool = False
    name: str = "cell"
    unit: str = "client updates"
    rounds: int = 2
    slow_rounds: int = 2
    tolerance: float = 1e-2
    """Adam's first steps have one size whatever the gradient's: where that is but rounding, its sign is too."""
    how_ours: str = "the engine itself: federate() with FedAvg over train_stacked()"

    def cohort(self, round_: int) -> list[int]:
        return list(range(self.clients))

    def learner(self) -> CellLearner:
        return _learner(self)

    def counted(self, rounds: int) -> int:
        return rounds * self.clients

    def ours(self, rounds: int) -> Tensor:
        from privtalk.methods.federated.fedavg import FedAvg
        from privtalk.methods.federation.rounds import Federation, federate

        made = _learner(self)
        federation = Federation(
            backbone=made.backbone,
            template=made.template,
            clients=made.clients,
            config=made.config.model_copy(update={"rounds": rounds, "rate": 1.0}),
            method=FedAvg(),
            stream=made.stream,
        )
        *_, last = federate(federation)
        return last.adapters[0]


class CellLearner:
    """peft's LoRA on a copy of the denoiser, and the diffusion loss on it."""

    def __init__(self, workload: CellWorkload) -> None:
        import torch

        from privtalk.core.seeds import torch_stream
        from privtalk.methods.adapters import AdapterBank
        from privtalk.methods.backbone.backbone import Backbone
        from privtalk.methods.config import AdapterConfig, FederationConfig
        from privtalk.methods.federation.sequential import trainable, with_peft

        self.config: FederationConfig = FederationConfig()
        self.stream = partial(torch_stream, 0)
        self.backbone = Backbone.tiny() if workload.tiny else embedded_backbone()
        self.clients = tuple(random_client(self.backbone, k) for k in range(workload.clients))
        self.template: AdapterBank = AdapterBank.initial(self.backbone.denoiser, AdapterConfig(), self.stream)
        self.start = self.template.flatten()[0].clone()
        self.module: torch.nn.Module = with_peft(self.backbone, self.template)
        self.parameters = trainable(self.module.denoiser, self.template)
        self.lr = self.config.lr
        self.optimizer = torch.optim.Adam
        for parameter in set(self.module.parameters()) - set(self.parameters):
            parameter.requires_grad_(False)

    def batches(self, client: int, round_: int) -> list[tuple[Tensor, ...]]:
        """Returns windows, timesteps and noise: what the engine's clients draw, by the same named streams."""
        from privtalk.methods.federation.clients import draw

        timesteps = self.backbone.config.diffusion.timesteps
        drawn = [
            draw([self.clients[client]], self.config, timesteps, self.stream, round_, step)
            for step in range(self.config.local_steps)
        ]
        return [
            (
                d.batch.latents,
                d.batch.audio,
                d.batch.landmarks,
                d.batch.reference,
                d.batch.reference_landmarks,
                d.t,
                d.noise,
            )
            for d in drawn
        ]

    def loss(self, *batch: Tensor) -> Tensor:
        from privtalk.methods.backbone.conditioning import Batch

        latents, audio, landmarks, reference, reference_landmarks, t, noise = batch
        windows = Batch(
            latents=latents,
            audio=audio,
            landmarks=landmarks,
            reference=reference,
            reference_landmarks=reference_landmarks,
            masked=None,
        )
        return self.module.loss(windows, t, noise).mean()


@cache
def _learner(workload: CellWorkload) -> CellLearner:
    return CellLearner(workload)


def embedded_backbone() -> Backbone:
    """Returns the embedded backbone, or one of its shape with weights as drawn: the time is the same."""
    from privtalk.methods.backbone import weights
    from privtalk.methods.backbone.backbone import Backbone
    from privtalk.methods.backbone.config import BackboneConfig

    try:
        return weights.load()
    except (ValueError, OSError):
        return Backbone(BackboneConfig()).freeze()


def random_client(backbone: Backbone, k: int) -> ClientData:
    """Returns client k with one clip of random features."""
    import torch

    from privtalk.methods.backbone.conditioning import LANDMARK_DIM, ClipFeatures
    from privtalk.methods.federation.clients import ClientData

    generator = torch.Generator().manual_seed(k)
    clip = ClipFeatures(
        torch.randn(FRAMES, *backbone.latent_shape, generator=generator),
        torch.randn(FRAMES, backbone.config.audio.width, generator=generator),
        torch.rand(FRAMES, LANDMARK_DIM, generator=generator),
        None,
    )
    return ClientData.of(k, [clip])
