"""Fits and validates the identity embedder: ArcFace (Deng et al., 2019) over public people.

Each person has sat under several lights (`bench.corpus.rendered.studio`), so that the person is all that a class
shares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn
from torch.nn import functional as F

from privtalk.metrics.evaluators.crops.face_crop import FACE
from privtalk.metrics.evaluators.crops.perturbations import Wear, cut, misplacement, worn
from privtalk.metrics.evaluators.talkhead.blocks import initialised
from privtalk.metrics.evaluators.talkhead.identity_network import DIM, IdentityNetwork
from privtalk.metrics.evaluators.talkhead.storage import to_images


class IdentityConfig(BaseModel):
    """The settings of the loss and the batches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = 128
    margin: float = 0.3
    """Radians added to the angle to the own class."""
    ramp: int = 2000
    """Steps over which the margin grows from 0: from the start, it keeps thousands of classes from being learned."""
    scale: float = 16.0
    wear: Wear = Wear()


class IdentityProblem(nn.Module):
    """The embedder and a centre for each person; the centres are thrown away after training."""

    def __init__(
        self, crops: NDArray[np.uint8], person: NDArray[np.int64], config: IdentityConfig,
        stream: Callable[..., torch.Generator],
    ) -> None:  # fmt: skip
        """crops: [N, R + margin, C + margin, 3] with the face in the middle; person: [N] from 0 on."""
        super().__init__()
        self.crops, self.person = torch.from_numpy(crops), torch.from_numpy(person)
        self.config, self.stream = config, stream
        self.network = initialised(IdentityNetwork(), stream("identity", "weights"))
        people = int(person.max()) + 1
        self.centres = nn.Parameter(torch.randn(people, DIM, generator=stream("identity", "centres")))

    def loss(self, step: int) -> Tensor:
        """Cross-entropy of a batch under the margin."""
        draw = self.stream("identity", "step", step)
        chosen = torch.randint(len(self.crops), (self.config.batch,), generator=draw)
        images = to_images(self.crops[chosen].numpy())
        maps = misplacement(len(images), draw, self.config.wear, FACE.rows, FACE.columns)
        shown = worn(cut(images, maps, FACE.rows, FACE.columns), draw, self.config.wear)
        cosines = self.network(shown) @ F.normalize(self.centres, dim=1).T
        own, margin = self.person[chosen], self.config.margin * min(1.0, step / self.config.ramp)
        return F.cross_entropy(self.config.scale * with_margin(cosines, own, margin), own)


def with_margin(cosines: Tensor, own: Tensor, margin: float) -> Tensor:
    """cos(θ + m) for the own class of each row of cosines [N, K], cos θ for the others.

    >>> with_margin(torch.tensor([[1.0, 0.0]]), torch.tensor([0]), 0.5)[0, 1].item()
    0.0
    """
    angle = cosines.gather(1, own[:, None]).clamp(-1 + 1e-6, 1 - 1e-6).acos()
    return cosines.scatter(1, own[:, None], torch.cos((angle + margin).clamp(max=np.pi)))


class Verification(NamedTuple):
    """How well pairs of the same person are told from pairs of different people."""

    auc: float
    eer: float
    """Error rate where as many genuine pairs are refused as impostors accepted."""
    genuine: float
    """Mean cosine."""
    impostor: float
    pairs: int
    """Genuine ones."""


def verification(
    embeddings: NDArray[np.float32], person: NDArray[np.int64], sitting: NDArray[np.int64]
) -> Verification:
    """The verification by unit embeddings [N, D]: pairs of one person's sittings against pairs of different people."""
    cosines = embeddings @ embeddings.T
    upper = np.triu(np.ones(cosines.shape, bool), 1)
    same = person[:, None] == person[None, :]
    genuine = cosines[upper & same & (sitting[:, None] != sitting[None, :])]
    impostor = cosines[upper & ~same]
    return Verification(
        auc=area(genuine, impostor),
        eer=equal_error(genuine, impostor),
        genuine=float(genuine.mean()),
        impostor=float(impostor.mean()),
        pairs=len(genuine),
    )


def area(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> float:
    """Chance that a positive scores above a negative, ties counted half (Mann-Whitney).

    >>> area(np.array([2.0, 3.0]), np.array([1.0, 2.0]))
    0.875
    """
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, "left")
    upto = np.searchsorted(ordered, positive, "right")
    return float(((below + upto) / 2).mean() / len(negative))


def equal_error(positive: NDArray[np.floating], negative: NDArray[np.floating]) -> float:
    """Equal error rate of two samples of scores.

    >>> equal_error(np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.0, 0.5]))
    0.0
    """
    thresholds = np.unique(np.concatenate([positive, negative]))
    refused = np.searchsorted(np.sort(positive), thresholds, "left") / len(positive)
    accepted = 1 - np.searchsorted(np.sort(negative), thresholds, "left") / len(negative)
    place = int(np.argmin(np.abs(refused - accepted)))
    return float((refused[place] + accepted[place]) / 2)
