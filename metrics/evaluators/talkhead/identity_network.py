"""Who a face is, in the embedded world: an embedder trained with ArcFace's loss (`identity_fitting`).

It sees the face from brow to chin, brought upright and to one size by the outer eye corners of the driving clip.
R x C: rows and columns of a crop (`face_crop.FACE`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.metrics.evaluators.crops.face_crop import FACE, face_crops
from privtalk.metrics.evaluators.crops.perturbations import standard
from privtalk.metrics.evaluators.talkhead.blocks import trunk
from privtalk.metrics.evaluators.talkhead.storage import CHUNK, FOLDER, load_network, to_images

WIDTHS = (24, 48, 80)
DIM = 64
WEIGHTS = FOLDER / "identity.safetensors"


class IdentityNetwork(nn.Module):
    """Crops [N, 3, R, C] in grey levels to unit embeddings [N, 64]."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = trunk(3, WIDTHS)
        halved = 2 ** len(WIDTHS)
        self.embed = nn.Linear(WIDTHS[-1] * (FACE.rows // halved) * (FACE.columns // halved), DIM)

    def forward(self, crops: Tensor) -> Tensor:
        return F.normalize(self.embed(self.trunk(standard(crops)).flatten(1)), dim=1)


class TalkheadIdentity:
    """`protocols.FaceEmbedder` by an `IdentityNetwork`."""

    def __init__(self, path: Path = WEIGHTS) -> None:
        self.network = load_network(IdentityNetwork(), path)

    @torch.inference_mode()
    def __call__(self, frames: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float32]:
        """[T, 64] unit vectors of frames [T, H, W, 3]."""
        crops = to_images(face_crops(frames, landmarks)).split(CHUNK)
        return torch.cat([self.network(part) for part in crops]).numpy()
