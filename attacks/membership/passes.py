"""Forward passes that membership statistics share: each is made once for a network and kept.

A statistic is a pure function of predicted noise ε̂(x, t) at a handful of inputs. Many use the same input (the noisy
window, the clean one, the one that PIA initialises), so `Passes` keeps every prediction under its input's name and
timestep: nine statistics cost seven forward passes, beside the gradients of GSA, which also give the losses.

Shape legend: P people, N windows of all of them, F frames a window, latents C x h x w, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from privtalk.attacks import probing
from privtalk.attacks.probing import Probes, Scores, Slopes, Suspect, per_person, person_slopes, probes
from privtalk.attacks.views import Bank
from privtalk.core.streams import Stream
from privtalk.methods.backbone.conditioning import Batch


@dataclass(frozen=True, kw_only=True)
class ProbeSettings:
    """How often a network is asked about a person; the time of an attack is proportional to windows x frames."""

    timesteps: tuple[int, ...] = (200, 500)
    """At which losses and gradients are taken, averaged. The first one is also that of single queries."""
    windows: int = 1
    """The windows of a person, at most."""
    frames: int = 1
    """The frames of a window, at most: its first ones."""
    interval: int = 10
    """SecMI: timesteps from t to the one it steps to and back from."""
    crop: float = 0.9
    """PFAMI: side of the crop that makes a neighbour."""

    def __post_init__(self) -> None:
        if not self.timesteps or min(self.windows, self.frames, self.interval) < 1 or not 0 < self.crop < 1:
            raise ValueError(
                "probe settings need a timestep, windows, frames and interval of at least 1, crop in (0, 1)"
            )

    def of(self, person: Batch) -> Batch:
        """The windows and frames of a person that are asked about."""
        part = person[slice(self.windows)]
        masked = None if part.masked is None else part.masked[:, : self.frames]
        return replace(
            part,
            latents=part.latents[:, : self.frames],
            audio=part.audio[:, : self.frames],
            landmarks=part.landmarks[:, : self.frames],
            masked=masked,
        )


class NoisePredictor(Protocol):
    """The parts of `methods.backbone.Backbone` that predictions need beyond `views.FrozenBackbone`."""

    diffusion: Any

    def predict_noise(self, noisy: Tensor, t: Tensor, batch: Batch) -> Tensor:
        """ε̂ [N, F, C, h, w]."""
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Everybody's windows with their diffusion noise: the same for every network."""

    people: Sequence[Batch]
    """[P], cut to the settings."""
    draws: Probes
    settings: ProbeSettings
    windows: Batch
    """N, person after person."""
    noise: Tensor
    """[N, S, F, C, h, w]: window w of everybody meets the same noise."""

    @classmethod
    def about(cls, people: Sequence[Batch], settings: ProbeSettings, stream: Stream) -> Asked:
        """Questions about people; `stream` gives the diffusion noise."""
        cut = [settings.of(person) for person in people]
        draws = probes(cut, stream, settings.timesteps)
        noise = torch.cat([draws.noise[: len(person), :, 0] for person in cut])
        windows = Batch.concatenate(cut)
        return cls(
            people=cut, draws=draws, settings=settings, windows=windows, noise=noise.to(windows.latents)
        )

    @property
    def places(self) -> Tensor:
        """int64 [N]: each window's number among its person's."""
        return torch.cat([torch.arange(len(person)) for person in self.people])

    def select(self, index: Sequence[int]) -> Asked:
        """The same questions about some of the people."""
        people = [self.people[i] for i in index]
        noise = torch.cat([self.draws.noise[: len(person), :, 0] for person in people])
        windows = Batch.concatenate(people)
        return replace(self, people=people, windows=windows, noise=noise.to(windows.latents))

    def means(self, values: Tensor) -> Scores:
        """[P] means over each person's windows of `values` [N]."""
        one = replace(self.draws, noise=self.draws.noise[:, :1, :1])
        return per_person(values, self.people, one)


@dataclass(frozen=True, kw_only=True)
class Passes:
    """One network's answers. Predictions are kept under the name of their input and the timestep."""

    suspect: Suspect
    asked: Asked
    initial: Bank
    """Bank of one, never trained: gradients of the bare backbone are taken by it."""
    kept: dict[tuple[str, int], Tensor] = field(default_factory=dict, repr=False)
    sloped: dict[int, Slopes] = field(default_factory=dict, repr=False)

    @property
    def t(self) -> int:
        """Timestep of single queries."""
        return self.asked.settings.timesteps[0]

    @property
    def clean(self) -> Tensor:
        """x_0 [N, F, C, h, w]."""
        return self.asked.windows.latents

    def noise(self, t: int) -> Tensor:
        """ε [N, F, C, h, w] of the noisy windows at timestep `t`."""
        return self.asked.noise[:, self.asked.settings.timesteps.index(t)]

    def rates(self, t: int) -> tuple[float, float]:
        """(a_t, s_t) of x_t = a_t x_0 + s_t ε."""
        diffusion = self._backbone.diffusion
        if not 0 <= t < len(diffusion.signal):
            raise ValueError(
                f"there is no timestep {t} of {len(diffusion.signal)}; lower timesteps or the interval"
            )
        return float(diffusion.signal[t]), float(diffusion.noise[t])

    def mix(self, clean: Tensor, noise: Tensor, t: int) -> Tensor:
        """a_t · clean + s_t · noise."""
        a, s = self.rates(t)
        return a * clean + s * noise

    def predicted(self, name: str, noisy: Tensor, t: int, windows: Batch | None = None) -> Tensor:
        """ε̂ [N, F, C, h, w] for the input `noisy`, which `name` stands for; `windows` give other conditions."""
        if (name, t) not in self.kept:
            self.kept[name, t] = self._predict(noisy, t, windows or self.asked.windows)
        return self.kept[name, t]

    def losses(self, t: int) -> Tensor:
        """[N] denoising loss at `t`: the squared error of v, which is that of ε over a_t².

        Where gradients were taken, those passes gave it.
        """
        if t in self.sloped:
            return self.sloped[t].losses
        predicted = self.predicted("noisy", self.mix(self.clean, self.noise(t), t), t)
        return self.v_error(predicted, t)

    def v_error(self, predicted: Tensor, t: int) -> Tensor:
        """[N] mean squared error of v of a prediction of the noisy windows' noise."""
        return window_means((predicted - self.noise(t)).square()) / self.rates(t)[0] ** 2

    def slopes(self, t: int) -> Slopes:
        """Gradient float32 [N, d] by the adapter and loss float64 [N] of each window at `t`."""
        if t not in self.sloped:
            self.sloped[t] = self._slopes(t)
        return self.sloped[t]

    def _slopes(self, t: int) -> Slopes:
        suspect = replace(self.suspect, adapter=self.suspect.adapter or self.initial)
        asked, s = self.asked, self.asked.settings.timesteps.index(t)
        parts, order = [], []
        for w, noise in enumerate(asked.draws.noise[:, s : s + 1]):
            rows = (asked.places == w).nonzero()[:, 0].tolist()
            alone = [asked.windows[slice(i, i + 1)] for i in rows]
            parts.append(person_slopes(suspect, alone, Probes(timesteps=(t,), noise=noise[None])))
            order += rows
        back = torch.tensor(order).argsort()
        return Slopes(*(torch.cat(column)[back] for column in zip(*parts, strict=True)))

    @property
    def _backbone(self) -> NoisePredictor:
        return cast(NoisePredictor, self.suspect.backbone)

    @torch.no_grad()
    def _predict(self, noisy: Tensor, t: int, windows: Batch) -> Tensor:
        rows = torch.arange(len(windows)).split(probing.CHUNK)
        with self.suspect.ready():
            parts = [
                self._backbone.predict_noise(noisy[row], torch.full((len(row),), t), windows[row])
                for row in rows
            ]
        return torch.cat(parts)


def window_means(values: Tensor) -> Tensor:
    """float64 [N] on the CPU: means of `values` [N, ...]."""
    return values.flatten(1).cpu().double().mean(1)
