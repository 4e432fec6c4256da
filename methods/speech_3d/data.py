"""Speech and motion as tensors. Shapes: N clips, T frames, C motion channels, M mel bins, D content width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from privtalk.methods.backbone.audio import SPEECH_MEAN, SPEECH_SPREAD, log_mel
from privtalk.methods.backbone.config import AudioConfig

MELS_PER_FRAME = 4
"""Mel frames of a video frame, whatever its rate: the spectrogram is resampled to this."""
UNKNOWN = -1
"""The number of a speaker on whom nobody trained, and of a viseme that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """Everything about N utterances that a network may be given to animate."""

    mel: Tensor
    """[N, 4 T, M] log-mel spectrogram, standardised; its loudness is kept."""
    content: Tensor
    """[N, T, D] features of the frozen speech encoder."""
    speaker: Tensor
    """int64 [N] number of the speaker among those in training, `UNKNOWN` for a stranger."""

    def __len__(self) -> int:
        return len(self.mel)

    @property
    def frames(self) -> int:
        """Frames of a clip."""
        return self.mel.shape[1] // MELS_PER_FRAME


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionClips:
    """N utterances with the motion that belongs to them, to learn from."""

    speech: Speech
    codes: Tensor
    """[N, T, C] standardised motion codes."""
    emotion: Tensor
    """int64 [N] number of the emotion."""
    level: Tensor
    """int64 [N] its strength."""
    visemes: Tensor
    """int64 [N, T]."""

    def windows(self, chosen: Tensor, starts: Tensor, frames: int) -> MotionClips:
        """Returns the windows [B, frames] of clips `chosen` [B] that start at frames `starts` [B]."""
        at = starts[:, None] + torch.arange(frames)
        mels = starts[:, None] * MELS_PER_FRAME + torch.arange(frames * MELS_PER_FRAME)
        rows = chosen[:, None]
        speech = Speech(
            mel=self.speech.mel[rows, mels],
            content=self.speech.content[rows, at],
            speaker=self.speech.speaker[chosen],
        )
        return MotionClips(
            speech=speech,
            codes=self.codes[rows, at],
            emotion=self.emotion[chosen],
            level=self.level[chosen],
            visemes=self.visemes[rows, at],
        )

    def draw(self, batch: int, frames: int, generator: torch.Generator) -> MotionClips:
        """Returns random windows of random clips."""
        count, length = self.codes.shape[:2]
        chosen = torch.randint(count, (batch,), generator=generator)
        starts = torch.randint(length - min(frames, length) + 1, (batch,), generator=generator)
        return self.windows(chosen, starts, min(frames, length))


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionScale:
    """How motion codes are standardised, and how much each counts.

    A difference of codes d is weighed as |d @ root|², which is the mean square displacement of the vertices that it
    moves, with lips and upper face counted alike, plus a little for channels that move no vertex.
    """

    mean: Tensor
    """[C]."""
    spread: Tensor
    """[C], at least a small positive number."""
    root: Tensor
    """[C, C] of standardised codes; a code's variance weighs 1 in total."""
    upper: Tensor
    """[C] 1 for channels that move the upper face more than the mouth, else 0."""

    def standard(self, codes: Tensor) -> Tensor:
        """Returns codes [..., C] with mean 0 and variance 1 over training clips."""
        return (codes - self.mean) / self.spread

    def codes(self, standard: Tensor) -> Tensor:
        """Returns motion codes [..., C] of standardised ones."""
        return standard * self.spread + self.mean

    def tensors(self) -> dict[str, Tensor]:
        """Returns the parts by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def distance(self, predicted: Tensor, true: Tensor) -> Tensor:
        """Returns the weighed squared differences [..., T] of standardised codes [..., T, C]."""
        return ((predicted - true) @ self.root).square().sum(-1)


def motion_scale(
    codes: NDArray[np.float32], basis: NDArray[np.float32], lips: NDArray[np.intp], upper: NDArray[np.intp]
) -> MotionScale:
    """Returns the scale of training codes [F, C] on a rig with displacements `basis` [C, V, 3].

    >>> codes = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32) * [1, 3]
    >>> basis = np.zeros((2, 2, 3), np.float32); basis[0, 0, 1] = basis[1, 1, 1] = 1
    >>> scale = motion_scale(codes, basis, np.array([0]), np.array([1]))
    >>> scale.upper.tolist(), round(float((torch.eye(2) @ scale.root).square().sum()), 3)
    ([0.0, 1.0], 1.0)
    """
    mean, spread = codes.mean(0), np.maximum(codes.std(0), 1e-3)
    gram = np.zeros((codes.shape[1], codes.shape[1]))
    strength = []
    for region in (lips, upper):
        moved = basis[:, region].reshape(len(basis), -1).astype(np.float64) * spread[:, None]
        own = moved @ moved.T
        strength.append(np.diag(own) / max(len(region), 1))
        gram += own / max(np.trace(own), 1e-12)
    gram = 0.9 * gram / max(np.trace(gram), 1e-12) + 0.1 * np.eye(len(gram)) / len(gram)
    return MotionScale(
        mean=torch.from_numpy(mean.astype(np.float32)),
        spread=torch.from_numpy(spread.astype(np.float32)),
        root=torch.from_numpy(np.linalg.cholesky(gram / np.trace(gram)).astype(np.float32)),
        upper=torch.from_numpy((strength[1] > strength[0]).astype(np.float32)),
    )


def mel_of(audio: NDArray[np.float32], frames: int, fps: float) -> NDArray[np.float32]:
    """Returns the standardised log-mel spectrogram [4 T, M] of speech [S] at 16 kHz, of exactly T frames."""
    mel = (log_mel(audio, AudioConfig()) - SPEECH_MEAN) / SPEECH_SPREAD
    moments = (np.arange(frames * MELS_PER_FRAME) + 0.5) / (fps * MELS_PER_FRAME) * AudioConfig().mel_rate
    rows = np.clip(np.round(moments).astype(int), 0, len(mel) - 1)
    return np.asarray(mel[rows], dtype=np.float32)


def stacked(speech: Sequence[Speech]) -> Speech:
    """Returns utterances of one length together."""
    parts: Mapping[str, Tensor] = {
        field.name: torch.cat([getattr(one, field.name) for one in speech]) for field in fields(Speech)
    }
    return replace(speech[0], **parts)
