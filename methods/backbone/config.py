"""Configuration of the conditional latent-diffusion backbone."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from privtalk.core.frozen import Frozen

Condition = Literal["audio", "identity", "reference", "masked", "landmarks"]
CONDITIONS: tuple[Condition, ...] = ("audio", "identity", "reference", "masked", "landmarks")

Alignment = Literal["none", "spline"]
"""`none`: the denoiser sees the reference as it is (DiffTalk). `spline`: also carried to the frame's landmarks."""

Track = Literal["reenact", "inpaint"]
"""`reenact`: the whole face is generated. `inpaint`: DiffTalk's protocol, ground truth outside the mouth region."""


class AutoencoderConfig(Frozen):
    """Autoencoder of 8 x 8 pixel cells: 2 x 2 space-to-depth, then diffusers' `Encoder` and `Decoder`, factor 4."""

    latent_channels: int = 24
    encoder_channels: tuple[int, ...] = (24, 48, 64)
    decoder_channels: tuple[int, ...] = (32, 64, 96)
    norm_groups: int = 8

    @property
    def cell(self) -> int:
        """Side of the square of pixels that a position of the latents stands for."""
        return 8


PublishedKind = Literal["AutoencoderKL", "VQModel"]


class PublishedAutoencoderConfig(Frozen):
    """An autoencoder that somebody published in diffusers' format: Stable Diffusion's (f8) or DiffTalk's (VQ-f4)."""

    kind: PublishedKind
    """diffusers' class, as `config.json` names it."""
    network: dict[str, Any] = Field(repr=False)
    """The contents of `config.json` that shape the network."""

    @property
    def latent_channels(self) -> int:
        """Channels of the latents."""
        return int(self.network["latent_channels"])

    @property
    def cell(self) -> int:
        """Side of the square of pixels that a position of the latents stands for (f4: 4, f8: 8)."""
        return 2 ** (len(self.network["block_out_channels"]) - 1)


class ListenerConfig(Frozen):
    """A published speech model whose hidden states stand in for log-mel frames; its files lie beside the weights."""

    model_type: str
    """transformers' name of the architecture: wav2vec2, hubert, wavlm or whisper."""
    sha256: str
    """The hash of the model's weights."""
    layer: int = -1
    """The layer whose states are taken; -1: the last one."""
    dim: int
    """Width of a state."""
    rate: int = 50
    """States a second."""


class AudioConfig(Frozen):
    """Windows of sound around each frame and their encoder (DiffTalk, section 3.2)."""

    listener: ListenerConfig | None = None
    """None: log-mel frames."""

    mel_bins: int = 32
    mel_rate: int = 100
    """Mel frames per second."""
    window: int = 16
    """Mel frames in a window (160 ms)."""
    neighbours: int = 8
    """Windows that the learned temporal smoothing spans."""
    width: int = 96
    tokens: int = 2
    """Cross-attention tokens that a smoothed window becomes."""

    @property
    def bins(self) -> int:
        """Numbers that a moment of sound has."""
        return self.mel_bins if self.listener is None else self.listener.dim

    @property
    def rate(self) -> int:
        """Moments of sound a second."""
        return self.mel_rate if self.listener is None else self.listener.rate


class DiffusionConfig(Frozen):
    """Linear β schedule of DiffTalk; the network predicts v, from which ε follows exactly."""

    timesteps: int = 1000
    beta_start: float = 0.0015
    beta_end: float = 0.0195


class DenoiserConfig(Frozen):
    """diffusers' `UNet2DConditionModel` on the latent grid."""

    block_channels: tuple[int, ...] = (64, 112)
    layers_per_block: int = 1
    heads: int = 4
    token_dim: int = 96
    landmark_tokens: int = 2
    identity_dim: int = 64
    synchrony_dim: int = 32
    norm_groups: int = 16


class BackboneConfig(Frozen):
    """All that determines the network's shape."""

    size: int = 64
    conditions: tuple[Condition, ...] = CONDITIONS
    alignment: Alignment = "spline"
    detail: float = 3.0
    """Extra weight of eyes and mouth in the loss that adapters are trained by: what pre-training had."""
    autoencoder: AutoencoderConfig | PublishedAutoencoderConfig = AutoencoderConfig()
    audio: AudioConfig = AudioConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    denoiser: DenoiserConfig = DenoiserConfig()

    @property
    def aligns(self) -> bool:
        """Whether the reference is carried to the frame, which takes both the reference and the landmarks."""
        return self.alignment == "spline" and {"reference", "landmarks"} <= set(self.conditions)

    @property
    def latent_size(self) -> int:
        """Side of the latent grid."""
        return self.size // self.autoencoder.cell

    @model_validator(mode="after")
    def _whole(self) -> Self:
        folds = self.autoencoder.cell * 2 ** (len(self.denoiser.block_channels) - 1)
        if self.size % folds:
            raise ValueError(
                f"size {self.size} must be a multiple of {folds}, the network's coarsest position"
            )
        if self.audio.window % 8:
            raise ValueError(
                f"window {self.audio.window} must be a multiple of 8, which the encoder folds thrice"
            )
        return self
