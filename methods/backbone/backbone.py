"""The conditional latent-diffusion talking head (DiffTalk, CVPR 2023, with PrivFedTalk's identity token).

Shapes: N windows of F frames of H x W pixels, latents C x h x w.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from privtalk.methods.backbone.alignment import ReferenceAligner
from privtalk.methods.backbone.audio import frame_windows, log_mel, neighbourhood
from privtalk.methods.backbone.autoencoder import Autoencoder, to_frames, to_images
from privtalk.methods.backbone.conditioning import (
    Batch,
    ClipFeatures,
    ConditionEncoder,
    hide_below_nose,
    rows_below_nose,
    upper_face,
)
from privtalk.methods.backbone.config import (
    Alignment,
    AudioConfig,
    AutoencoderConfig,
    BackboneConfig,
    DenoiserConfig,
    PublishedAutoencoderConfig,
    Track,
)
from privtalk.methods.backbone.denoiser import Diffusion, build_unet
from privtalk.methods.backbone.detail import detail_centres, detail_weights
from privtalk.methods.backbone.lean import make_lean
from privtalk.methods.backbone.listener import open_listener, states
from privtalk.methods.backbone.published_autoencoder import PublishedAutoencoder
from privtalk.methods.backbone.synchrony import SynchronyEncoder

CHUNK = 128
"""Images encoded or decoded at a time, which bounds the memory. Fewer decode to other bits."""


class Backbone(nn.Module):
    """Autoencoder, condition encoders and denoiser; frozen wherever adapters are trained."""

    def __init__(self, config: BackboneConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.autoencoder.latent_channels
        self.autoencoder = build_autoencoder(config)
        self.listener_folder: Path | None = None
        """The folder of the speech model that the configuration names; None where it names none."""
        self.conditioning = ConditionEncoder(config)
        self.denoiser = build_unet(config, self.conditioning.vector_dim)
        self.synchrony = SynchronyEncoder(config)
        self.aligner = ReferenceAligner(channels, config.autoencoder.cell) if config.aligns else None
        self.diffusion = Diffusion(config.diffusion)
        self.recomputes = False
        """Whether local training keeps the inputs of blocks alone: less memory and more time, the same bits."""

    @classmethod
    def tiny(cls, seed: int = 0, alignment: Alignment = "none") -> Backbone:
        """Frozen toy network with random weights, 32 px, for tests.

        It aligns nothing unless asked to: toy landmarks are random, and a spline through them is wild.
        """
        config = BackboneConfig(
            size=32,
            alignment=alignment,
            detail=0.0 if alignment == "none" else 3.0,
            autoencoder=AutoencoderConfig(
                latent_channels=4, encoder_channels=(8, 8, 8), decoder_channels=(8, 8, 8)
            ),
            audio=AudioConfig(width=16, tokens=1),
            denoiser=DenoiserConfig(
                block_channels=(16, 16),
                heads=2,
                token_dim=16,
                landmark_tokens=1,
                identity_dim=8,
                norm_groups=8,
            ),
        )
        return cls.initial(config, seed).freeze()

    @classmethod
    def initial(cls, config: BackboneConfig, seed: int) -> Backbone:
        """Untrained network; torch's layers draw from the global generator, which is left as it was."""
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return cls(config)

    def freeze(self) -> Backbone:
        """Nothing is trained from here on; the denoiser is laid out for speed, its numbers stay as they are."""
        self.eval()
        self.requires_grad_(False)
        make_lean(self.denoiser)
        return self

    @property
    def device(self) -> torch.device:
        return self.autoencoder.latent_shift.device

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(C, h, w)."""
        side = self.config.latent_size
        return self.config.autoencoder.latent_channels, side, side

    # ---- pixels and sound to features

    @torch.no_grad()
    def encode(self, frames: Tensor | NDArray[np.uint8]) -> Tensor:
        """Latents [..., C, h, w] of uint8 frames [..., H, W, 3]."""
        tensor = torch.as_tensor(frames)
        flat = tensor.reshape(-1, *tensor.shape[-3:])
        parts = [self.autoencoder.encode(to_images(part.to(self.device))) for part in flat.split(CHUNK)]
        return torch.cat(parts).unflatten(0, tensor.shape[:-3])

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """uint8 frames [..., H, W, 3] of latents [..., C, h, w]."""
        flat = latents.reshape(-1, *latents.shape[-3:])
        parts = [to_frames(self.autoencoder.decode(part.to(self.device))) for part in flat.split(CHUNK)]
        return torch.cat(parts).unflatten(0, latents.shape[:-3])

    def audio_windows(self, audio: NDArray[np.float32], frames: int, fps: float) -> Tensor:
        """Windows [T, L, M] of `audio` [S] at 16 kHz, one a frame: of log-mel frames or of a speech model's states."""
        moments = self._moments(audio)
        return torch.from_numpy(frame_windows(moments, frames, fps, self.config.audio))

    def _moments(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        config = self.config.audio
        if config.listener is None:
            return log_mel(audio, config)
        if self.listener_folder is None:
            raise ValueError("the backbone hears through a speech model; load it with `weights.load(folder)`")
        return states(open_listener(self.listener_folder, config.listener), audio)

    @torch.no_grad()
    def speech_features(self, audio: NDArray[np.float32], frames: int, fps: float) -> Tensor:
        """Smoothed audio features [T, D] of so many frames of `audio` [S] at 16 kHz."""
        windows = self.audio_windows(audio, frames, fps)
        near = windows[torch.from_numpy(neighbourhood(frames, self.config.audio.neighbours))]
        heard: Tensor = self.conditioning.audio(near.to(self.device))
        return heard

    @torch.no_grad()
    def features(
        self,
        frames: NDArray[np.uint8],
        audio: NDArray[np.float32],
        landmarks: NDArray[np.float32],
        fps: float,
        masked: bool = False,
    ) -> ClipFeatures:
        """Everything training and sampling need of a clip: frames [T, H, W, 3], landmarks [T, 68, 2] in pixels."""
        if frames.shape[1:] != (self.config.size, self.config.size, 3):
            raise ValueError(
                f"frames are {frames.shape[1]} x {frames.shape[2]} pixels, the backbone takes "
                f"{self.config.size} x {self.config.size}; prepare the corpus at that size"
            )
        points = torch.from_numpy(upper_face(landmarks, self.config.size))
        heard = self.speech_features(audio, len(frames), fps)
        hidden = self._encode_masked(torch.as_tensor(frames), points) if masked else None
        return ClipFeatures(self.encode(frames), heard, points.to(self.device), hidden)

    def _encode_masked(self, frames: Tensor, points: Tensor) -> Tensor:
        images = hide_below_nose(to_images(frames), points)
        return torch.cat([self.autoencoder.encode(part.to(self.device)) for part in images.split(CHUNK)])

    def identity(self, latents: Tensor) -> Tensor:
        """Unit embeddings [N, E] of the person in `latents` [N, C, h, w]."""
        return self.conditioning.identity(latents)

    def lips(self, latents: Tensor, landmarks: Tensor) -> Tensor:
        """Unit embeddings [N, E] of the mouths in `latents` [N, C, h, w]; `landmarks` [N, 78]."""
        return self.synchrony.lips(latents, landmarks)

    def speech(self, audio: Tensor) -> Tensor:
        """Unit embeddings [N, E] of smoothed audio features [N, D], near those of the lips that spoke them."""
        return self.synchrony.speech(audio)

    # ---- diffusion

    def aligned(self, batch: Batch) -> Tensor | None:
        """[N*F, 192, h, w] the reference carried to each frame, equal at all timesteps; None where none is."""
        return None if self.aligner is None else self.aligner(batch)

    def add_noise(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Noisy latents [N, F, C, h, w] at timesteps `t` [N] (int64)."""
        return self.diffusion.add_noise(latents, noise, t)

    def predict(self, noisy: Tensor, t: Tensor, batch: Batch, aligned: Tensor | None = None) -> Tensor:
        """v-prediction [N, F, C, h, w] for noisy latents at timesteps `t` [N].

        `aligned`: what the method of that name gives, where it is at hand.
        """
        tokens, vector = self.conditioning(batch)
        frames = batch.frames
        reference = batch.reference[:, None].expand_as(noisy)
        reference = reference if "reference" in self.config.conditions else torch.zeros_like(noisy)
        masked = torch.zeros_like(noisy) if batch.masked is None else batch.masked
        stacked = torch.cat([noisy, masked, reference], dim=2).flatten(0, 1)
        carried = self.aligned(batch) if aligned is None else aligned
        stacked = stacked if carried is None else torch.cat([stacked, carried], dim=1)
        steps = t.to(noisy.device).repeat_interleave(frames)
        v = self.denoiser(stacked, steps, tokens, class_labels=vector, return_dict=False)[0]
        return v.unflatten(0, (-1, frames))

    def predict_noise(self, noisy: Tensor, t: Tensor, batch: Batch) -> Tensor:
        """ε-prediction [N, F, C, h, w]."""
        return self.diffusion.noise_from_velocity(noisy, self.predict(noisy, t, batch), t)

    def weights(self, landmarks: Tensor) -> Tensor | None:
        """[N, F, h, w] weights of the loss by place, mean 1, of landmarks [N, F, 78]; None where all weigh alike."""
        if self.config.detail == 0:
            return None
        flat = detail_centres(landmarks.flatten(0, 1))
        weights = detail_weights(flat, self.config.latent_size, self.config.detail)
        return weights.unflatten(0, landmarks.shape[:2])

    def loss(self, batch: Batch, t: Tensor, noise: Tensor, weight: Tensor | None = None) -> Tensor:
        """Mean squared error of v per window, [N]; `noise` like `batch.latents`; `weight` [N, F, h, w], mean 1, or
        None for `weights`'.

        It is DiffTalk's ε-loss weighted by 1 / a_t², which keeps high noise levels informative.
        """
        noisy = self.add_noise(batch.latents, noise, t)
        error = self.predict(noisy, t, batch) - self.diffusion.velocity(batch.latents, noise, t)
        weight = self.weights(batch.landmarks) if weight is None else weight
        squares = error.square() if weight is None else error.square() * weight[:, :, None]
        return squares.flatten(1).mean(1)

    @torch.no_grad()
    def generate(
        self, batch: Batch, noise: Tensor, steps: int, track: Track = "reenact", progressive: bool = False
    ) -> Tensor:
        """Latents [N, F, C, h, w] sampled by DDIM (η = 0) from `noise` (same shape, or [N, 1, C, h, w] shared by all
        frames, which flickers less).

        `batch.latents` gives the shape, and with `inpaint` the ground truth outside the mouth region, which DiffTalk
        writes back at every step. `progressive`: the frame just synthesised is the reference of the next.
        """
        noise = noise.expand_as(batch.latents)
        if track == "inpaint" and batch.masked is None:
            raise ValueError("the inpaint track needs masked latents; compute features with masked=True")
        if not progressive:
            return self._sample(batch, noise, self.diffusion.sampling_steps(steps), track)
        return self._progressive(batch, noise, self.diffusion.sampling_steps(steps), track)

    def _progressive(self, batch: Batch, noise: Tensor, steps: Sequence[int], track: Track) -> Tensor:
        made: list[Tensor] = []
        for f in range(batch.frames):
            frame = _frame(batch, f)
            if made:
                frame = replace(
                    frame, reference=made[-1][:, 0], reference_landmarks=batch.landmarks[:, f - 1]
                )
            made.append(self._sample(frame, noise[:, f : f + 1], steps, track))
        return torch.cat(made, dim=1)

    def _sample(self, batch: Batch, noise: Tensor, steps: Sequence[int], track: Track) -> Tensor:
        if track == "reenact":
            batch = replace(batch, masked=None)
        noisy, aligned = noise, self.aligned(batch)
        for t, previous in zip(steps, [*steps[1:], None], strict=True):
            v = self.predict(noisy, torch.full((len(batch),), t), batch, aligned)
            noisy = self.diffusion.step(noisy, v, t, previous)
            if track == "inpaint":
                noisy = self._write_back(noisy, noise, previous, batch)
        return noisy

    def _write_back(self, noisy: Tensor, noise: Tensor, t: int | None, batch: Batch) -> Tensor:
        truth = batch.latents
        if t is not None:
            truth = self.add_noise(truth, noise, torch.full((len(batch),), t))
        below = rows_below_nose(batch.landmarks, noisy.shape[-2])[:, :, None, :, None]
        return torch.where(below, noisy, truth)


def build_autoencoder(config: BackboneConfig) -> Autoencoder | PublishedAutoencoder:
    """Returns the autoencoder that a configuration names, its weights as they were drawn."""
    wanted = config.autoencoder
    if isinstance(wanted, PublishedAutoencoderConfig):
        return PublishedAutoencoder(wanted)
    return Autoencoder(wanted)


def _frame(batch: Batch, f: int) -> Batch:
    masked = None if batch.masked is None else batch.masked[:, f : f + 1]
    return replace(
        batch,
        latents=batch.latents[:, f : f + 1],
        audio=batch.audio[:, f : f + 1],
        landmarks=batch.landmarks[:, f : f + 1],
        masked=masked,
    )
