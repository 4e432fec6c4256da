"""Fits and validates the mouth reader, from frames and exact landmarks.

People it is validated on must not be among those it is fitted on. Crops are perturbed anew in every epoch
(place, size, angle, light, colour, blur, noise), because clients live in a broader world than the public, and
generated frames are blurred and their heads stand a little off.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from privtalk.metrics.evaluators.crops.mouth_crop import (
    COLUMNS,
    ROWS,
    Placement,
    crops,
    placement,
    standardised,
)
from privtalk.metrics.evaluators.talkhead.mouth_opening import STRIDE, MouthReader
from privtalk.metrics.mouth_sync import FLAT
from privtalk.metrics.regions import mouth_opening

Frames = NDArray[np.uint8]
Landmarks = NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """Size and training of the reader; the defaults are those of the embedded one."""

    channels: tuple[int, int] = (16, 32)
    width: int = 48
    epochs: int = 24
    batch: int = 256
    rate: float = 2e-3
    decay: float = 1e-3
    """AdamW's weight decay."""
    shift: float = 0.05
    """Standard deviation of the crop's misplacement, eye distances."""
    scale: float = 0.06
    """Standard deviation of the logarithm of its size."""
    angle: float = 0.06
    """Standard deviation of its rotation, radians."""
    blur: float = 1.2
    """Largest standard deviation of a blur, samples."""
    noise: float = 6.0
    """Largest standard deviation of added noise, grey levels."""
    light: float = 0.5
    """Largest change of the light across the crop, to either side and up or down, relative to its middle."""
    tint: float = 0.2
    """Standard deviation of the logarithm of each colour's gain."""


@dataclass(frozen=True, kw_only=True)
class ReaderValidation:
    """How a reader does on people it was not fitted on."""

    correlation: float
    """Mean over clips of the correlation over time with the exact opening."""
    worst_tenth: float
    """Mean correlation of the worst tenth of the clips."""
    error: float
    """Mean absolute error, eye distances."""
    spread: float
    """Standard deviation of the exact opening, eye distances, against which the error is to be read."""
    clips: int
    """Clips whose mouth moves."""


def fit(
    frames: Sequence[Frames],
    landmarks: Sequence[Landmarks],
    stream: Callable[..., torch.Generator],
    config: FitConfig | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> MouthReader:
    """Fit a reader on clips [T, H, W, 3] with exact landmarks [T, 68, 2].

    stream: names -> torch generator. progress: called after every epoch with its number and mean loss.
    """
    config = FitConfig() if config is None else config
    draw = np.random.default_rng(stream("mouth_reader", "crops").initial_seed())
    order = stream("mouth_reader", "order")
    places = [placement(points) for points in landmarks]
    target = torch.from_numpy(np.concatenate([mouth_opening(points) for points in landmarks])).float()
    mean, spread = target.mean(), target.std()
    network = _network(config, stream("mouth_reader", "weights"))
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.rate, weight_decay=config.decay)
    steps = config.epochs * -(-len(target) // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, config.rate, total_steps=steps)
    for epoch in range(config.epochs):
        images = _perturbed(frames, places, draw, config)
        loss = _epoch(network, images, (target - mean) / spread, optimiser, schedule, order, config.batch)
        if progress is not None:
            progress(epoch, loss)
    return _exported(network, float(mean), float(spread))


def validate(
    reader: MouthReader, frames: Sequence[Frames], landmarks: Sequence[Landmarks]
) -> ReaderValidation:
    """Compare a reader with the exact opening on clips of people that it has not seen."""
    exact = [mouth_opening(points) for points in landmarks]
    read = [reader(clip, points) for clip, points in zip(frames, landmarks, strict=True)]
    pairs = [(a, b) for a, b in zip(read, exact, strict=True) if b.std() >= FLAT]
    if not pairs:
        raise ValueError("no clip has a moving mouth; validate on clips with speech")
    correlations = np.sort([np.corrcoef(a, b)[0, 1] if a.std() > 0 else 0.0 for a, b in pairs])
    return ReaderValidation(
        correlation=float(correlations.mean()),
        worst_tenth=float(correlations[: max(1, len(pairs) // 10)].mean()),
        error=float(np.abs(np.concatenate(read) - np.concatenate(exact)).mean()),
        spread=float(np.concatenate(exact).std()),
        clips=len(pairs),
    )


def _network(config: FitConfig, generator: torch.Generator) -> nn.Sequential:
    first, second = config.channels
    rows, columns = (((size - 5) // STRIDE + 1 - 3) // STRIDE + 1 for size in (ROWS, COLUMNS))
    network = nn.Sequential(
        nn.utils.skip_init(nn.Conv2d, 3, first, 5, stride=STRIDE),
        nn.ReLU(),
        nn.utils.skip_init(nn.Conv2d, first, second, 3, stride=STRIDE),
        nn.ReLU(),
        nn.Flatten(),
        nn.utils.skip_init(nn.Linear, second * rows * columns, config.width),
        nn.ReLU(),
        nn.utils.skip_init(nn.Linear, config.width, 1),
    )
    for layer in network:
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return network


def _epoch(
    network: nn.Sequential,
    images: NDArray[np.float32],
    target: Tensor,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    order: torch.Generator,
    size: int,
) -> float:
    """One pass over all crops; the mean loss."""
    total = 0.0
    for picked in torch.randperm(len(target), generator=order).split(size):
        crop = torch.from_numpy(images[picked.numpy()]).permute(0, 3, 1, 2).float()
        loss = nn.functional.smooth_l1_loss(network(crop)[:, 0], target[picked])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        total += float(loss.detach()) * len(picked)
    return total / len(target)


def _perturbed(
    frames: Sequence[Frames], places: Sequence[Placement], draw: np.random.Generator, config: FitConfig
) -> NDArray[np.float32]:
    """Standardised crops of all clips, perturbed by a draw for each clip and a small one for each frame."""
    images = [
        crops(clip, _misplaced(place, draw, config)) for clip, place in zip(frames, places, strict=True)
    ]
    worn = [_worn(clip, draw, config) for clip in images]
    return standardised(np.concatenate(worn))


def _misplaced(place: Placement, draw: np.random.Generator, config: FitConfig) -> Placement:
    count = len(place.pitch)
    shift = config.shift * COLUMNS * place.pitch[:, None] * draw.normal(size=(count, 2))
    turn = config.angle * draw.normal(size=count)
    cosine, sine = np.cos(turn), np.sin(turn)
    (x, y) = place.axis.T
    axis = np.stack([cosine * x - sine * y, sine * x + cosine * y], -1)
    return Placement(place.centre + shift, axis, place.pitch * np.exp(config.scale * draw.normal(size=count)))


def _worn(images: NDArray[np.float32], draw: np.random.Generator, config: FitConfig) -> NDArray[np.float32]:
    """Crops of a clip under another light, blurred and made noisy."""
    blur, noise = draw.uniform(0, config.blur), draw.uniform(0, config.noise)
    down, across = draw.uniform(-config.light, config.light, 2)
    slope = 1 + down * np.linspace(-1, 1, ROWS)[:, None] + across * np.linspace(-1, 1, COLUMNS)
    gain = np.maximum(slope, 0.2)[..., None] * np.exp(config.tint * draw.normal(size=3))
    blurred = gaussian_filter(images * gain.astype(np.float32), (0, blur, blur, 0))
    worn: NDArray[np.float32] = blurred + noise * draw.standard_normal(images.shape, dtype=np.float32)
    return worn


def _exported(network: nn.Sequential, mean: float, spread: float) -> MouthReader:
    """The network's weights; the last layer answers in eye distances."""
    layers = [layer for layer in network if isinstance(layer, nn.Conv2d | nn.Linear)]
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = [
        (layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy())  # type: ignore[union-attr]
        for layer in layers
    ]
    return MouthReader(
        convolution1=w1,
        bias1=b1,
        convolution2=w2,
        bias2=b2,
        dense3=w3,
        bias3=b3,
        dense4=w4 * np.float32(spread),
        bias4=b4 * np.float32(spread) + np.float32(mean),
    )
