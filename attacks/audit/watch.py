"""An observer of the code that trains: what really entered each sum, and what was really added to it.

It stands where a method's hooks are called: it sees the raw messages that devices hand over and the mean update that
the server works with, and computes from the definition what their clipped, weighted sum is. What is left is noise,
which must have the distribution that the ledger books (`round_checks`). It asks no mechanism anything: a mechanism that
adds nothing, another clip, a weight above 1 or a cohort that was not drawn show in the numbers.

Shape legend: K clients of a round, m numbers of a message, w numbers of what is summed (m, or one more).
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from privtalk.attacks.audit import round_checks
from privtalk.attacks.audit.round_checks import SKETCH, Test
from privtalk.core.tensor_files import save_tensors
from privtalk.methods.config import Normalisation
from privtalk.methods.federation.normalisation import LEAST
from privtalk.methods.privacy.accounting.ledger import Ledger

if TYPE_CHECKING:
    from privtalk.methods.federated.method import FederatedMethod
    from privtalk.methods.federation.clients import ClientData
    from privtalk.methods.federation.devices import Devices
    from privtalk.methods.federation.local import LocalResult
    from privtalk.methods.federation.memory import DeviceReport
    from privtalk.methods.federation.state import TrainingState

SCALARS = {"bits": "the sum of clipped bits", "weight": "the sum of weights"}
"""Single numbers of a round, which no test of all its numbers would miss; a run has one kind at most."""
EXACT = 1e-4
"""Relative error of what is computed in float32, or on the grid of secure sums."""


class BookedOtherwise(ValueError):
    """A round that is not what the ledger books; one line says what was booked and what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """The facts that the account of a run rests on, written down before it is trained."""

    multiplier: float
    """z of the noise on a round's sum (of all rounds as one event, where they share noise)."""
    clip: float
    """C of the first round."""
    rounds: int
    """T, at most."""
    clients: int
    """N."""
    rate: float
    """q."""
    reference_frames: int
    """n̂."""
    denominator: float
    """q N ω̄."""
    noise: Literal["fresh", "shares", "correlated"] = "fresh"
    normalisation: Normalisation = "public"
    appended_share: float = 0.25
    """β / C."""
    fewest: int = 0
    """Clients below which a secure sum is dropped; 0 where sums are plain."""
    bits_deviation: float | None = None
    """σ_b of the noise on clipped bits; None where the clip is fixed."""
    quantile: float = 0.5
    bits_rate: float = 0.2
    """η of adaptive clipping."""
    column: tuple[float, ...] = (1.0,)
    """c of the factorisation, where rounds share noise."""
    sensitivity: float = 1.0
    """The distance that one client moves the factored sums by, in units of C, where rounds share noise."""
    separation: int | None = None
    """Rounds between two turns of a client, where clients take turns instead of being drawn."""

    def beta(self, clip: float) -> float:
        """β, the size of the appended coordinate."""
        return self.appended_share * clip

    def bound(self, clip: float) -> float:
        """L2 norm by which one client may move the sum."""
        return math.hypot(clip, self.beta(clip)) if self.normalisation == "appended" else clip

    def deviation(self, clip: float) -> float:
        """Standard deviation of the noise on the sum, before rounds are correlated."""
        return self.multiplier * self.bound(clip) * self.sensitivity


@dataclass
class Sent:
    """The outcome of a round as devices handed it over: of their messages no more than is checked.

    A round comes in waves, of whose messages `parts` alone is kept.
    """

    clip: float
    """C of the round."""
    total: Tensor
    """float64 [w] Σ of what clients add to the sum by the definition."""
    numbers: list[int] = field(default_factory=list)
    within: float = 0.0
    """Σ_k (b_k − ½): b_k is whether the norm is within the clip."""
    credible: bool = True
    """Whether all weights that devices claim lie in (0, 1]."""
    parts: list[Tensor] = field(default_factory=list)
    """float32 [k, w] by wave: what each client adds to the sum by the definition, for messages to be compared with."""


@dataclass
class Watch:
    """The observer of one training."""

    booked: Booked
    kept: dict[str, Any] = field(
        default_factory=lambda: {"squares": 0.0, "count": 0, "taken": [], "bits": [], "weight": []}
    )
    """The totals of the rounds so far: Σ x² and numbers of noise, cohort sizes, noise on single numbers."""
    smallest: dict[str, float] = field(default_factory=dict)
    """Family of tests -> smallest p so far."""
    sketches: list[Tensor] = field(default_factory=list)
    """float32 [SKETCH or fewer] of each round's noise."""
    past: list[Tensor] = field(default_factory=list)
    """float64 [w] noise of the rounds that a factorisation reaches back to, the latest first."""
    clip: float | None = None
    """C of the coming round, where it adapts."""
    _sent: Sent | None = None
    _total: Tensor | None = None
    _mean: Tensor | None = None

    # ---- what is seen

    def around(self, method: FederatedMethod) -> FederatedMethod:
        """The method with its hooks watched."""
        return cast("FederatedMethod", Watched(method, self))

    def sent(self, devices: Devices, result: LocalResult, report: DeviceReport) -> None:
        """Sees the messages of a wave as the method's hook hands them over."""
        frames = torch.tensor([client.frames for client in devices.whole], dtype=torch.float64)
        reliability = result.reliability.double().cpu()
        weights = (frames / self.booked.reference_frames).clamp(max=1) * reliability
        raw = report.message.detach().double().cpu()
        if self._sent is None:
            self._sent = self._nobody(raw.shape[1])
        seen = self._sent
        seen.numbers += [client.index for client in devices.whole]
        seen.within += float(((raw.norm(dim=1) <= seen.clip).double() - 0.5).sum())
        seen.credible &= not bool(((reliability <= 0) | (reliability > 1)).any())
        parts = self._parts(raw, weights, seen.clip)
        seen.total += parts.sum(0)
        seen.parts.append(parts.float())

    def used(self, mean: Tensor) -> None:
        """Sees the mean update that the server works with."""
        self._mean = mean.detach().double().cpu().clone()

    def summed(self, total: Tensor) -> None:
        """Sees the sum of which the mean is said to be made."""
        self._total = total.detach().double().cpu().clone()

    # ---- what is made of it

    def after(self, state: TrainingState, clients: Sequence[ClientData]) -> None:
        """Checks the round that led to `state`; raises `BookedOtherwise` where it is not what is booked."""
        round_, said = state.round - 1, state.transcript.messages
        clip = self._clip
        total, mean, seen = self._total, self._mean, self._sent
        self._total = self._mean = self._sent = None
        if total is None or mean is None:
            raise BookedOtherwise(f"round {round_}: the server's step used no sum that was seen")
        self._check_division(round_, total, mean, clip)
        seen = seen or self._nobody(len(mean))
        self._check_cohort(round_, seen.numbers, clients)
        self._check_parts(round_, seen, said.get(round_))
        self._check_noise(round_, total, seen)
        if self.booked.bits_deviation is not None:
            self._check_bits(round_, seen, state.clip)
            self.clip = state.clip

    def finish(self, ledger: Ledger | None) -> None:
        """Checks the whole run against the ledger that its record will hold; None where it holds none."""
        played, booked = len(self.kept["taken"]), self.booked
        if ledger is not None:
            self._check_ledger(ledger, played)
        if self.kept["count"]:
            self._judge(-1, round_checks.all_deviations(self.kept["squares"], self.kept["count"]))
        if booked.separation is None:
            chances = booked.clients * played
            self._judge(-1, round_checks.all_cohorts(sum(self.kept["taken"]), chances, booked.rate))
        for name, of in SCALARS.items():
            if self.kept[name]:
                self._judge(-1, round_checks.scalars("scalars", np.array(self.kept[name]), of))

    def _check_ledger(self, ledger: Ledger, played: int) -> None:
        booked = self.booked
        if booked.noise != "correlated" and ledger.count != played:
            raise BookedOtherwise(f"the ledger books {ledger.count} rounds, {played} were played")
        held = [r.noise_multiplier for entry in ledger.rounds for r in entry.releases if "sum" in r.kind]
        if any(abs(z / booked.multiplier - 1) > EXACT for z in held) or not held:
            raise BookedOtherwise(
                f"the ledger books noise multipliers {held}, the rounds were checked at {booked.multiplier:g}"
            )

    @property
    def ratio(self) -> float | None:
        """Standard deviation of all noise that was seen, over the booked one."""
        count = self.kept["count"]
        return math.sqrt(self.kept["squares"] / count) if count else None

    def _judge(self, round_: int, test: Test) -> None:
        self.smallest[test.family] = min(test.p, self.smallest.get(test.family, 1.0))
        if test.failed:
            where = f"round {round_}" if round_ >= 0 else "the run"
            raise BookedOtherwise(
                f"{where} is not what the ledger books: {test.seen} (p = {test.p:.1e}, level {test.level:.1e})"
            )

    def _check_division(self, round_: int, total: Tensor, mean: Tensor, clip: float) -> None:
        booked = self.booked
        if booked.normalisation == "public":
            expected = total / booked.denominator
        else:
            weight = float(total[-1]) / booked.beta(clip)
            least = LEAST * booked.denominator if booked.normalisation == "appended" else 0.0
            divisor = max(weight, least)
            expected = total[:-1] / divisor if divisor > 0 else torch.zeros_like(mean)
        if mean.shape != expected.shape or not _close(mean, expected):
            raise BookedOtherwise(f"round {round_}: the server's step is not the sum that was seen, divided")

    def _check_cohort(self, round_: int, numbers: Sequence[int], clients: Sequence[ClientData]) -> None:
        booked = self.booked
        everybody = [client.index for client in clients]
        if len(set(numbers)) < len(numbers) or not set(numbers) <= set(everybody):
            raise BookedOtherwise(f"round {round_}: a client took part twice, or is none of the population")
        self.kept["taken"].append(len(numbers))
        if booked.separation is None:
            self._judge(round_, round_checks.cohort(len(numbers), booked.clients, booked.rate, booked.rounds))
        elif list(numbers) != everybody[round_ % booked.separation :: booked.separation]:
            raise BookedOtherwise(f"round {round_}: it was not these clients' turn, {list(numbers)[:5]} ...")

    @property
    def _clip(self) -> float:
        """C of the coming round."""
        return self.booked.clip if self.clip is None else self.clip

    def _nobody(self, length: int) -> Sent:
        """A round in which nobody has sent anything yet, of messages of `length` numbers."""
        width = length + (self.booked.normalisation != "public")
        return Sent(self._clip, torch.zeros(width, dtype=torch.float64))

    def _parts(self, raw: Tensor, weights: Tensor, clip: float) -> Tensor:
        """float64 [k, w] what each client adds to the sum by the definition."""
        factors = weights * (clip / raw.norm(dim=1).clamp(min=1e-300)).clamp(max=1)
        parts = raw * factors[:, None]
        if self.booked.normalisation == "public":
            return parts
        return torch.cat([parts, (self.booked.beta(clip) * weights)[:, None]], dim=1)

    def _check_parts(self, round_: int, seen: Sent, said: Tensor | None) -> None:
        """Compares what each client sent with what it adds to the sum by the definition."""
        if not seen.credible:
            raise BookedOtherwise(f"round {round_}: a client's weight is outside (0, 1]")
        if said is not None and self.booked.noise != "shares" and len(said):
            bound, longest = self.booked.bound(seen.clip), float(said.norm(dim=1, dtype=torch.float64).max())
            if self.booked.normalisation != "cohort" and longest > bound * (1 + EXACT):
                raise BookedOtherwise(
                    f"round {round_}: a client moves the sum by {longest:.4g}, booked are at most {bound:.4g}"
                )
            sizes = [len(part) for part in seen.parts]
            if sum(sizes) != len(said) or not all(
                _close(one.double(), part.double())
                for one, part in zip(said.split(sizes), seen.parts, strict=True)
            ):
                raise BookedOtherwise(f"round {round_}: a message is not the clipped, weighted update")

    def _check_noise(self, round_: int, total: Tensor, seen: Sent) -> None:
        booked = self.booked
        dropped = len(seen.numbers) < booked.fewest
        if booked.noise == "shares" and (
            dropped or not seen.numbers
        ):  # nothing is told, and nothing is added
            if bool(total.any()):
                raise BookedOtherwise(f"round {round_}: a sum of too few clients was told")
            self.sketches.append(torch.zeros(0))
            return
        noise = total if dropped else total - seen.total
        if booked.normalisation == "cohort":
            noise = noise[:-1]  # Σ ω_k is told as it is; no guarantee is claimed
        fresh = noise.clone()
        for weight, before in zip(booked.column[1:], self.past, strict=False):
            fresh += weight * before
        if len(booked.column) > 1:
            self.past = [noise, *self.past][: len(booked.column) - 1]
        x = (fresh / booked.deviation(seen.clip)).numpy()
        if booked.normalisation == "appended":
            self.kept["weight"].append(float(x[-1]))
        self.kept["squares"] += float(np.square(x).sum())
        self.kept["count"] += x.size
        self._judge(round_, round_checks.deviation(x, booked.rounds))
        self._judge(round_, round_checks.shape(x, booked.rounds))
        sketch = x[:SKETCH]
        pairs = max(1, booked.rounds * (booked.rounds - 1) // 2)
        for earlier in self.sketches:
            if len(earlier) == len(sketch) > 1:
                self._judge(round_, round_checks.independence(sketch, earlier.double().numpy(), pairs))
        self.sketches.append(torch.from_numpy(sketch).float())

    def _check_bits(self, round_: int, seen: Sent, next_clip: float | None) -> None:
        """C ← C exp(−η (b̃ − γ)) gives b̃ back, and that the noise on the bits' sum."""
        booked = self.booked
        assert booked.bits_deviation is not None
        if next_clip is None:
            raise BookedOtherwise(f"round {round_}: the clip is booked as adapting, and was not told")
        share = booked.quantile - math.log(next_clip / seen.clip) / booked.bits_rate
        told = (share - 0.5) * booked.rate * booked.clients
        self.kept["bits"].append((told - seen.within) / booked.bits_deviation)

    # ---- kept with the training state

    def save(self, path: Path, of: str) -> None:
        """Writes what resuming needs, whole or not at all."""
        tensors = {f"sketch.{r}": sketch for r, sketch in enumerate(self.sketches)}
        tensors |= {f"past.{r}": noise for r, noise in enumerate(self.past)}
        about = {"kept": self.kept, "smallest": self.smallest, "clip": self.clip, "of": of}
        save_tensors(path, tensors, {"watch": json.dumps(about)})

    def restored(self, path: Path, of: str, rounds: int) -> bool:
        """Reads what `save` wrote after `rounds` rounds; False where there is no such thing."""
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["watch"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if about["of"] != of or len(about["kept"]["taken"]) != rounds:
                return False
            self.kept, self.smallest, self.clip = about["kept"], about["smallest"], about["clip"]
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return False
        self.sketches = [tensors[f"sketch.{r}"] for r in range(rounds)]
        self.past = [tensors[name] for name in sorted(tensors) if name.startswith("past.")]
        return True


class Watched:
    """A method whose hooks are watched; in all else it is the method."""

    def __init__(self, method: Any, watch: Watch) -> None:
        self._method, self._watch = method, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._method, name)

    def __reduce__(self) -> tuple[Any, ...]:
        """Goes to another process as the method: what is watched is called where the server is."""
        return copy.copy, (self._method,)

    def report(self, devices: Devices, result: LocalResult) -> DeviceReport:
        found: DeviceReport = self._method.report(devices, result)
        self._watch.sent(devices, result, found)
        return found

    def server_update(self, state: Any, mean: Tensor, config: Any) -> Any:
        self._watch.used(mean)
        return self._method.server_update(state, mean, config)


def _close(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors agree but for the rounding of float32."""
    scale = max(float(other.norm()), 1e-12)
    return one.shape == other.shape and float((one - other).norm()) <= EXACT * scale
