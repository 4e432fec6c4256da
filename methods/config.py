"""Configuration of adapters, federation and methods: plain values, importable without torch."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator

from privtalk.core.frozen import Frozen


class AdapterConfig(Frozen):
    """LoRA (Hu et al. 2021): W x + (alpha / rank) B A x on the denoiser's linear layers."""

    rank: int = Field(2, ge=1, le=65_536)
    alpha: float = Field(4.0, gt=0)
    """Numerator of the scale alpha / rank (PrivFedTalk: rank 16, alpha 32)."""
    targets: tuple[str, ...] = Field(("*.to_q", "*.to_k", "*.to_v", "*.to_out.0"), min_length=1)
    """Shell patterns of layer names inside the denoiser; ``up_blocks.*.to_v`` keeps only the decoder's values."""
    freeze_a: bool = False
    """FFA-LoRA (Sun et al. 2024): A stays at its initial value and only B is trained and sent."""

    @property
    def scale(self) -> float:
        """
        >>> AdapterConfig(rank=2, alpha=4).scale
        2.0
        """
        return self.alpha / self.rank


class PersonalisationConfig(Frozen):
    """Private steps: each client goes on from what federated training gave it, on its own clips and its own device."""

    steps: tuple[int, ...] = ()
    """Private steps after which clients' own adapters are scored, rising; none: rows are scored as released alone."""
    part: Literal["whole", "added"] = "whole"
    """`whole`: a copy of the released adapter goes on; `added`: an adapter on top of it, which stays as it is."""
    adapter: AdapterConfig = AdapterConfig()
    """The added adapter; the backward pass ends at the first layer that it is put on."""
    lr: float | None = Field(None, gt=0)
    """None: federation.lr."""
    windows: int | None = Field(None, ge=1, le=100_000)
    """Windows a client a step. None: federation.windows."""
    window_frames: int | None = Field(None, ge=1, le=100_000)
    """Consecutive frames a window. None: federation.window_frames."""

    @field_validator("steps")
    @classmethod
    def _rising(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        if any(count < 1 or count > 1_000_000 for count in steps):
            raise ValueError(
                "counts of steps are from 1 to 1,000,000; what is released is scored in any case"
            )
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ValueError("counts of steps must rise; sort them and name each once")
        return steps

    def schedule(self, federation: FederationConfig) -> FederationConfig:
        """The rate, windows and passes of private steps, where they are not a federation's own.

        >>> PersonalisationConfig(lr=0.01).schedule(FederationConfig(windows=3)).windows
        3
        """
        own = {name: getattr(self, name) for name in ("lr", "windows", "window_frames")}
        return federation.model_copy(update={name: value for name, value in own.items() if value is not None})


Reference = Literal["other_clip", "own_clip"]
"""The clip that a window's reference frame is taken from."""
Normalisation = Literal["public", "appended", "cohort"]
"""The divisor of the sum of updates; see `methods.federation.normalisation`."""


class FederationConfig(Frozen):
    """The round loop, the same for every method."""

    rounds: int = Field(20, ge=1, le=1_000_000)
    rate: float = Field(0.25, gt=0, le=1)
    """q: chance of each client to take part in a round."""
    sampling: Literal["poisson", "cyclic"] = "poisson"
    """`cyclic`: clients take turns, each every 1 / q rounds, where they cannot be sampled in secret."""
    local_steps: int = Field(2, ge=1, le=1_000_000)
    windows: int = Field(1, ge=1, le=100_000)
    """Windows a client a step."""
    window_frames: int = Field(4, ge=1, le=100_000)
    """Consecutive frames a window; differences between frames (TDC, ISFA) need at least two."""
    reference: Reference = "other_clip"
    """`other_clip`: another clip of the person, where there is one, as in tests, where a portrait speaks what it never
    said. `own_clip` (DiffTalk): it teaches to copy what only a neighbour shares, and costs landmarks and FID."""
    optimizer: Literal["adam", "sgd"] = "adam"
    """A client's optimiser starts afresh every round."""
    lr: float = Field(5e-3, gt=0)
    server_lr: float = Field(1.0, gt=0)
    """Factor on the mean update (PrivFedTalk: .5)."""
    server_momentum: float = Field(0.0, ge=0, lt=1)
    """FedAvgM (Hsu et al. 2019); 0 is FedAvg."""
    averaged_share: float = Field(0.0, ge=0, le=1)
    """Share of the rounds, the last, whose global adapters are averaged into the released one (Polyak and Juditsky
    1992); 0: the last adapter. It takes noise out, that of privacy too, and costs none: it is post-processing."""
    pooled_windows: int = Field(24, ge=1, le=1_000_000)
    """Windows in a step of the pooled row, which sees as many windows in a round as an expected cohort does."""
    reference_frames: int | None = Field(None, ge=1)
    """n̂: a client with at least this many frames weighs 1, a smaller one n_k / n̂. Public. None: the largest client."""
    mean_weight: float | None = Field(None, gt=0, le=1)
    """Public mean of min(n_k / n̂, 1) over all clients. None: that mean itself, declared public."""
    normalisation: Normalisation = "public"
    """`public` q N ω̄; `appended`: a noisy Σ ω_k; `cohort`: the exact one, as published, which no guarantee survives."""
    appended_share: float = Field(0.25, gt=0)
    """β / C: size of the appended coordinate. Smaller is less noise on the update and more on Σ ω_k."""
    secure_aggregation: bool = False
    """Sums are taken by Bonawitz et al.'s protocol, in integers: the server sees no message."""
    grid_bound: float = Field(1.0, gt=0)
    """Largest coordinate of an update that secure aggregation takes where nothing is clipped."""
    chunk: int = Field(24, ge=1, le=1_000_000)
    """Windows in one stacked pass; bounds the memory. Results depend on it by rounding only."""

    @property
    def averaged_rounds(self) -> int:
        """Rounds whose adapters are averaged into what is released.

        >>> FederationConfig(rounds=16, averaged_share=0.5).averaged_rounds, FederationConfig().averaged_rounds
        (8, 1)
        """
        return max(1, math.ceil(self.averaged_share * self.rounds))

    @property
    def separation(self) -> int:
        """Rounds from one turn of a client to its next, where clients take turns.

        >>> FederationConfig(rate=0.25).separation
        4
        """
        return max(1, round(1 / self.rate))

    @property
    def share(self) -> float:
        """Expected share of clients in a round: q, or the turn's."""
        return self.rate if self.sampling == "poisson" else 1 / self.separation
