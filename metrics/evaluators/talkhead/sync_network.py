"""The sound that a mouth movement belongs to, in the embedded world: two encoders of one space (`sync_fitting`).

After SyncNet (Chung & Zisserman, 2016): five frames of the mouth against the sound around them. The mouth is cut
out as `mouth_crop` does, so that the crop's place tells nothing of the mouth. W = T - 4 windows, D = 64.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.crops.mouth_crop import COLUMNS, ROWS, crops, placement
from privtalk.metrics.evaluators.talkhead.blocks import GROUPS, trunk
from privtalk.metrics.evaluators.talkhead.speech_features import BINS, mel_windows
from privtalk.metrics.evaluators.talkhead.storage import CHUNK, FOLDER, load_network, to_images

FPS = 25.0
SPAN = 5
"""Video frames of a window."""
LENGTH = 32
"""Mel frames of a window: the sound of the five frames and 60 ms on either side."""
DIM = 64
VIDEO_WIDTHS = (40, 64, 96)
AUDIO_WIDTHS = (64, 96, 128)
SPEECH_MEAN, SPEECH_SPREAD = -10.0, 4.0
"""The mean and deviation of log-mel speech, about."""
WEIGHTS = FOLDER / "sync.safetensors"


class VideoEncoder(nn.Module):
    """Crops [N, 5 x 3, ROWS, COLUMNS], standardised over each window, to unit embeddings [N, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = trunk(3 * SPAN, VIDEO_WIDTHS)
        halved = 2 ** len(VIDEO_WIDTHS)
        self.embed = nn.Linear(VIDEO_WIDTHS[-1] * (-(-ROWS // halved)) * (-(-COLUMNS // halved)), DIM)

    def forward(self, windows: Tensor) -> Tensor:
        mean = windows.mean((1, 2, 3), keepdim=True)
        spread = windows.std((1, 2, 3), keepdim=True).clamp(min=1.0)
        return F.normalize(self.embed(self.trunk((windows - mean) / spread).flatten(1)), dim=1)


class SpeechEncoder(nn.Module):
    """Log-mel windows [N, L, M] to unit embeddings [N, 64]."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = BINS
        for width in AUDIO_WIDTHS:
            layers += [
                nn.Conv1d(inputs, width, 5, stride=2, padding=2),
                nn.GroupNorm(GROUPS, width),
                nn.SiLU(),
            ]
            inputs = width
        self.trunk = nn.Sequential(*layers)
        self.embed = nn.Linear(AUDIO_WIDTHS[-1] * (LENGTH // 2 ** len(AUDIO_WIDTHS)), DIM)

    def forward(self, windows: Tensor) -> Tensor:
        standard = (windows - SPEECH_MEAN) / SPEECH_SPREAD
        return F.normalize(self.embed(self.trunk(standard.transpose(1, 2)).flatten(1)), dim=1)


class SyncEncoders(nn.Module):
    """Both encoders."""

    def __init__(self) -> None:
        super().__init__()
        self.video, self.audio = VideoEncoder(), SpeechEncoder()


class TalkheadSync:
    """`protocols.SyncNetwork` by `SyncEncoders`."""

    window = SPAN

    def __init__(self, path: Path = WEIGHTS) -> None:
        self.encoders = load_network(SyncEncoders(), path)

    @torch.inference_mode()
    def video(self, frames: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        """[W, 64] of frames [T, H, W, 3]."""
        mouths = to_images(crops(frames, placement(landmarks)))
        return torch.cat([self.encoders.video(part) for part in stacked(mouths).split(CHUNK)]).numpy()

    @torch.inference_mode()
    def audio(self, audio: NDArray[np.float32], frames: int, fps: float) -> NDArray[np.float32]:
        """[W, 64] of audio [S] that belongs to `frames` video frames. Raises `Undefined` at other than 25 fps."""
        if fps != FPS:
            raise Undefined(f"the network reads {FPS:g} frames a second, the clip has {fps:g}")
        heard = torch.from_numpy(mel_windows(audio, frames, fps, SPAN, LENGTH))
        result: NDArray[np.float32] = self.encoders.audio(heard).numpy()
        return result


def stacked(images: Tensor) -> Tensor:
    """[W, 5 x 3, R, C] windows of successive images [T, 3, R, C]."""
    return images.unfold(0, SPAN, 1).permute(0, 4, 1, 2, 3).flatten(1, 2)
