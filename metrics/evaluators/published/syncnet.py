"""SyncNet (Chung & Zisserman 2016): one space for the mouth's movement and the sound, of joonson/syncnet_python.

Video: 5 frames at 25 a second, 224 x 224 around the face, BGR 0..255. Audio: 13 MFCC x 20 steps at 100 a second,
16 kHz in 16-bit units. Both become vectors of 1024. T frames, W = T - 4 windows; window w begins with frame w,
at w / 25 s, in both.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from privtalk.metrics.declaration import Undefined
from privtalk.metrics.evaluators.crops.face_box import face_boxes
from privtalk.metrics.evaluators.protocols import Audio, Floats, Frames, Landmarks
from privtalk.metrics.evaluators.published.mfcc import CEPSTRA, mfcc
from privtalk.metrics.evaluators.published.torch_files import building, read_state, weights_of

FPS = 25.0
SIZE = 224
MARGIN = 0.4
"""The pipeline's crop_scale: how much a crop is wider than the face's box, to each side in half boxes."""
BORDER = (110, 110, 110)
"""Grey outside the picture."""
STEPS, STEPS_PER_FRAME = 20, 4
"""MFCC steps of a window, and between windows."""
BATCH = 20
"""Windows read at once."""


class SyncNetModel(nn.Module):
    """The two towers, with the names of the published state dict."""

    def __init__(self, dim: int = 1024) -> None:
        super().__init__()
        self.netcnnaud = nn.Sequential(
            *_layer(nn.Conv2d(1, 64, 3, padding=1)),
            nn.MaxPool2d(1, 1),
            *_layer(nn.Conv2d(64, 192, 3, padding=1)),
            nn.MaxPool2d(3, (1, 2)),
            *_layer(nn.Conv2d(192, 384, 3, padding=1)),
            *_layer(nn.Conv2d(384, 256, 3, padding=1)),
            *_layer(nn.Conv2d(256, 256, 3, padding=1)),
            nn.MaxPool2d(3, 2),
            *_layer(nn.Conv2d(256, 512, (5, 4))),
        )
        self.netfcaud = _head(dim)
        self.netfclip = _head(dim)
        self.netcnnlip = nn.Sequential(
            *_layer(nn.Conv3d(3, 96, (5, 7, 7), (1, 2, 2))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer(nn.Conv3d(96, 256, (1, 5, 5), (1, 2, 2), (0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)),
            *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            *_layer(nn.Conv3d(256, 256, (1, 3, 3), padding=(0, 1, 1))),
            nn.MaxPool3d((1, 3, 3), (1, 2, 2)),
            *_layer(nn.Conv3d(256, 512, (1, 6, 6))),
        )

    def sound(self, windows: Tensor) -> Tensor:
        """[N, dim] of MFCC windows [N, 1, 13, 20]."""
        vectors: Tensor = self.netfcaud(self.netcnnaud(windows).flatten(1))
        return vectors

    def lips(self, clip: Tensor) -> Tensor:
        """[T - 4, dim] of frames [3, T, 224, 224].

        Only the first layer looks across time, five frames without padding: one pass over a clip gives what
        one pass over each window would.
        """
        features = self.netcnnlip(clip[None])[0, :, :, 0, 0]
        vectors: Tensor = self.netfclip(features.T)
        return vectors


class SyncNet:
    """The network, and the crops and cepstra that it reads."""

    window = 5

    def __init__(self, weights: Path) -> None:
        """weights: the published state dict. Raises `ValueError` for another file."""
        with building():
            self._network = SyncNetModel()
        with weights_of("SyncNet", weights):
            self._network.load_state_dict(read_state(weights))
        self._network.eval().requires_grad_(False)

    @torch.inference_mode()
    def video(self, frames: Frames, landmarks: Landmarks) -> Floats:
        """[W, 1024] of frames [T, H, W, 3] with the upper face at landmarks [T, 68, 2]; none where T < 5."""
        count = max(0, len(frames) - self.window + 1)
        if not count:
            return np.zeros((0, 1024), np.float32)
        clip = torch.from_numpy(face_crops(frames, landmarks).transpose(3, 0, 1, 2).copy())
        pieces = [
            clip[:, start : min(start + BATCH, count) + self.window - 1] for start in range(0, count, BATCH)
        ]
        return torch.cat([self._network.lips(piece.float()) for piece in pieces]).numpy()

    @torch.inference_mode()
    def audio(self, audio: Audio, frames: int, fps: float) -> Floats:
        """[W, 1024] of audio [S] at 16 kHz that belongs to T frames. Raises `Undefined` at other than 25 fps."""
        if fps != FPS:
            raise Undefined(f"SyncNet reads {FPS:g} frames a second, the clip has {fps:g}")
        windows = torch.from_numpy(mfcc_windows(audio, frames))
        return torch.cat([self._network.sound(part) for part in windows.split(BATCH)]).numpy()


def face_crops(frames: Frames, landmarks: Landmarks) -> NDArray[np.uint8]:
    """[T, 224, 224, 3] BGR: the box's longer side b widened to 1.4 b, and lowered by 0.2 b to show the chin."""
    boxes = face_boxes(landmarks)
    half = boxes.side / 2
    centres = boxes.centre + np.stack([0 * half, MARGIN * half], -1)
    sides = 2 * half * (1 + MARGIN)
    return np.stack([_crop(*of) for of in zip(frames, centres, sides, strict=True)])


def _crop(frame: NDArray[np.uint8], centre: NDArray[np.float64], side: float) -> NDArray[np.uint8]:
    """[224, 224, 3] BGR, bilinear as the pipeline's cv2.resize, from a place that need not be a whole pixel."""
    step = side / SIZE
    left, top = centre - side / 2
    # cv2 counts pixel centres as whole numbers: index i lies at i + 0.5.
    back = np.array([[step, 0, left + step / 2 - 0.5], [0, step, top + step / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    bgr = np.ascontiguousarray(frame[..., ::-1])
    crop = cv2.warpAffine(
        bgr, back, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=BORDER
    )
    return np.asarray(crop, np.uint8)


def mfcc_windows(audio: Audio, frames: int) -> Floats:
    """[W, 1, 13, 20] of audio [S]: window w begins with frame w.

    A clip's own sound gives one or two steps less than four a frame, as a step is shorter than its window; the
    reference drops the windows that reach there. Here the last step is repeated, so that every video window
    has its sound. Raises `Undefined` where more is missing.
    """
    count = max(0, frames - 4)
    samples = np.clip(np.rint(audio.astype(np.float64) * 32768), -32768, 32767)
    cepstra = mfcc(samples) if len(samples) else np.zeros((0, CEPSTRA))
    lacking = STEPS_PER_FRAME * frames - len(cepstra)
    if lacking > 2:
        raise Undefined(f"the sound is {lacking * 10} ms shorter than its {frames} frames")
    if lacking > 0:
        cepstra = np.pad(cepstra, ((0, lacking), (0, 0)), mode="edge")
    starts = STEPS_PER_FRAME * np.arange(count)[:, None] + np.arange(STEPS)
    return cepstra[starts].transpose(0, 2, 1)[:, None].astype(np.float32)


def _layer(convolution: nn.Conv2d | nn.Conv3d) -> tuple[nn.Module, nn.Module, nn.Module]:
    norm = nn.BatchNorm2d if isinstance(convolution, nn.Conv2d) else nn.BatchNorm3d
    return convolution, norm(convolution.out_channels), nn.ReLU()


def _head(dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, dim))
