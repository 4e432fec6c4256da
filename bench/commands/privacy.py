"""`bench privacy`: what a setting guarantees and costs, without training anything."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from privtalk.core.errors import UserError, unknown
from privtalk.core.files import write_atomic
from privtalk.methods.privacy.accounting import calibration
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.adversaries import (
    MINIMUM,
    AdversaryEpsilons,
    Exposure,
    GaussianNoise,
    participation_bound,
    three_epsilons,
    threshold_delta,
)
from privtalk.methods.privacy.accounting.privacy_loss import NEIGHBOURS, Sampling

NAMES = {
    "server": "Server, sees each message",
    "secure_aggregation": "Behind secure aggregation",
    "outsider": "Outsider, released adapter",
}
MOST_ROUNDS = 100_000
POINTS = 12
"""Rounds at which the curve is computed."""
DIMENSIONS = (1_000, 10_000, 100_000)
"""Adapter sizes that are shown where none is asked for."""
WIDTH = 24
"""Characters of the longest bar in the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request as it was asked for; exactly one of `noise` and `epsilon`."""

    clients: int
    rate: float
    rounds: int
    noise: float | None
    epsilon: float | None
    delta: float | None
    dim: int | None
    clip: float
    honest: int | None
    sampling: str

    def __post_init__(self) -> None:
        if (self.noise is None) == (self.epsilon is None):
            raise UserError("give either --noise or --epsilon, not both and not neither")
        if self.sampling not in NEIGHBOURS:
            raise unknown("sampling", self.sampling, list(NEIGHBOURS))
        if self.rounds > MOST_ROUNDS:
            raise UserError(f"--rounds {self.rounds}: at most {MOST_ROUNDS}")
        if not (self.clip > 0 and math.isfinite(self.clip)):
            raise UserError(f"--clip {self.clip:g}: it must be positive and finite")
        if self.dim is not None and self.dim < 1:
            raise UserError(f"--dim {self.dim}: it must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The outcome of the setting."""

    request: Request
    noise: float
    delta: float
    cohort: int
    """Expected clients a round."""
    central: AdversaryEpsilons
    distributed: AdversaryEpsilons
    checks: dict[str, float]
    judgements: tuple[str, ...]
    """Faults of the setting, and where it is other than was asked for, a line each."""
    curve: tuple[tuple[int, AdversaryEpsilons], ...]
    """(rounds, guarantees with distributed noise)."""

    def noise_ratio(self, dim: int) -> float:
        """σ C √d / (qN) over C: norm of the noise on the mean update against the longest that a mean can be."""
        return self.noise * math.sqrt(dim) / (self.request.rate * self.request.clients)

    @property
    def break_even(self) -> float:
        """d at which that ratio is 1; infinite without noise."""
        if self.noise == 0:
            return math.inf
        return (self.request.rate * self.request.clients / self.noise) ** 2


def privacy(request: Request, plot: Path | None) -> None:
    """Prints the forecast, and draws its curve into an SVG."""
    if plot is not None and plot.suffix != ".svg":
        raise UserError(f"--plot {plot}: name a file that ends in .svg")
    with Console(stderr=True).status("accounting"):
        found = forecast(request)
        picture = None if plot is None else chart(found)
    show(found, Console())
    if plot is not None and picture is not None:
        from privtalk.leaderboards.charts.style import render

        write_atomic(plot, render(picture))
        Console().print(Text(f"picture: {plot}"), soft_wrap=True)


def forecast(request: Request) -> Forecast:
    """All figures, by the accountants alone."""
    sampling = cast(Sampling, request.sampling)
    delta = accounting.default_delta(request.clients) if request.delta is None else request.delta
    found = _noise(request, delta)
    noise = found.noise_multiplier
    accounting.check(noise, request.rate, request.rounds, delta)
    cohort = max(1, round(request.rate * request.clients))
    honest = (cohort + 1) // 2 if request.honest is None else request.honest
    run = Exposure(
        placement="distributed",
        noise=GaussianNoise(noise),
        rate=request.rate,
        rounds=request.rounds,
        delta=delta,
        sampling=sampling,
        cohort=cohort,
        honest=honest,
        participations=participation_bound(request.clients, request.rate, request.rounds),
    )
    curve = tuple((count, three_epsilons(_until(run, count, request))) for count in _ticks(request.rounds))
    return Forecast(
        request=request,
        noise=noise,
        delta=delta,
        cohort=cohort,
        central=three_epsilons(replace(run, placement="central")),
        distributed=curve[-1][1],
        checks=accounting.checks(noise, request.rate, request.rounds, delta, sampling),
        judgements=tuple(_judged(request, delta, found)),
        curve=curve,
    )


def _noise(request: Request, delta: float) -> calibration.Calibration:
    """As it is given, or the least that keeps the target."""
    if request.noise is not None:
        return calibration.Calibration(request.noise, math.inf)
    assert request.epsilon is not None
    accounting.check(1.0, request.rate, request.rounds, delta)
    sampling = cast(Sampling, request.sampling)
    return calibration.calibrate(request.epsilon, delta, request.rate, request.rounds, sampling=sampling)


def _judged(request: Request, delta: float, found: calibration.Calibration) -> Iterator[str]:
    """The faults that a run of this setting would name in its guarantee, or be refused for."""
    if void := accounting.void_delta(delta, request.clients):
        yield void
    if request.epsilon is not None and math.isinf(request.epsilon):
        yield "an infinite ε is kept without noise: nothing is guaranteed"
    elif found.reason:
        yield f"ε is {_figure(found.epsilon)} and not {request.epsilon:g}: {found.reason}"
    if request.sampling == "poisson":
        spent = threshold_delta(request.clients, request.rate, request.rounds, MINIMUM)
        if spent >= delta:
            yield (
                f"rounds of fewer than {MINIMUM} clients are too many for secure aggregation: dropping them costs "
                f"delta {spent:.2g} of {delta:.2g}; raise the rate or the clients"
            )


def _until(run: Exposure, count: int, request: Request) -> Exposure:
    most = participation_bound(request.clients, request.rate, count)
    return replace(run, rounds=count, participations=most)


def _ticks(rounds: int) -> list[int]:
    """Evenly spaced numbers of rounds, the last included.

    >>> _ticks(5)
    [1, 2, 3, 4, 5]
    """
    return sorted({max(1, round(rounds * step / POINTS)) for step in range(1, POINTS + 1)})


def show(found: Forecast, console: Console) -> None:
    """The tables and the plot."""
    asked, sampling = found.request, cast(Sampling, found.request.sampling)
    title = (
        f"{asked.clients} clients, rate {asked.rate:g} ({asked.sampling}, about {found.cohort} a round), "
        f"{asked.rounds} rounds"
    )
    console.print(Text(title, style="bold"))
    console.print(
        f"noise multiplier {_noise_figure(found.noise)}, δ = {found.delta:.3g}, neighbours: ",
        end="",
        highlight=False,
    )
    console.print(accounting.neighbouring(sampling), highlight=False)
    for judgement in found.judgements:
        console.print(Text(judgement, "yellow"), soft_wrap=True)
    console.print(_guarantees(found))
    for name, guarantee in found.distributed.items():
        console.print(Text(f"{NAMES[name]}: {guarantee.assumption}", style="dim"))
    if asked.honest is None:
        console.print(Text("Half of a cohort is taken to be honest; --honest says otherwise.", style="dim"))
    if asked.rate < 1:
        console.print(
            Text("Participations are bounded but for a chance of 1 %; a record counts them.", "dim")
        )
    checks = (
        ", ".join(f"{name} {_figure(value)}" for name, value in found.checks.items()) or "none without noise"
    )
    console.print(Text(f"The outsider's ε is by PLD; cross-checks: {checks}", "dim"))
    console.print(_curve_table(found))
    console.print(_cost(found))
    console.print(Text(_break_even(found), style="dim"))


def _guarantees(found: Forecast) -> Table:
    table = Table(box=SIMPLE_HEAD, title="ε by adversary", title_justify="left")
    for column in ("", "distributed noise", "central noise"):
        table.add_column(column, justify="right" if column else "left")
    for (name, shared), (_, central) in zip(found.distributed.items(), found.central.items(), strict=True):
        table.add_row(NAMES[name], _figure(shared.epsilon), _figure(central.epsilon))
    return table


def _curve_table(found: Forecast) -> Table:
    table = Table(box=SIMPLE_HEAD, title="ε over rounds, distributed noise", title_justify="left")
    for column in ("rounds", "server", "secure aggregation", "outsider"):
        table.add_column(column, justify="right")
    table.add_column("")
    bars = plot_bars([eps.outsider.epsilon for _, eps in found.curve])
    for (count, eps), bar in zip(found.curve, bars, strict=True):
        table.add_row(str(count), *(_figure(guarantee.epsilon) for _, guarantee in eps.items()), bar)
    return table


def _cost(found: Forecast) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Noise on the mean update", title_justify="left")
    for column in ("adapter size d", "norm of the noise", "relative to the clip C"):
        table.add_column(column, justify="right")
    for dim in DIMENSIONS if found.request.dim is None else (found.request.dim,):
        ratio = found.noise_ratio(dim)
        table.add_row(f"{dim:,}", f"{ratio * found.request.clip:.3g}", f"{ratio:.3g}")
    return table


def _break_even(found: Forecast) -> str:
    text = "σ C √d / (qN) against updates of at most C"
    if math.isinf(found.break_even):
        return f"{text}; without noise it is 0"
    return f"{text}: of one size at d = {found.break_even:,.0f}; fewer numbers, more clients or a higher ε lower it"


def _figure(epsilon: float) -> str:
    """As many digits as are worth reading.

    >>> _figure(7.0466), _figure(1234.5), _figure(math.inf)
    ('7.047', '1,234', 'none')
    """
    if math.isinf(epsilon):
        return "none"
    return f"{epsilon:.3f}" if epsilon < 100 else f"{epsilon:,.0f}"


def _noise_figure(noise: float) -> str:
    """
    >>> _noise_figure(1.25), _noise_figure(0.00123456), _noise_figure(0.0)
    ('1.2500', '0.00123', '0.0000')
    """
    return f"{noise:.3g}" if 0 < noise < 0.01 else f"{noise:.4f}"


def plot_bars(values: Sequence[float]) -> list[str]:
    """Bars from 0 to the largest value, in eighths of a character; empty where one is infinite.

    >>> plot_bars([1.0, 16.0])
    ['█▌', '████████████████████████']
    """
    top = max(values)
    if not 0 < top < math.inf:
        return [""] * len(values)
    eighths = [round(8 * WIDTH * value / top) for value in values]
    return ["█" * (n // 8) + " ▏▎▍▌▋▊▉"[n % 8].strip() for n in eighths]


def chart(found: Forecast) -> dict[str, Any]:
    """Vega-Lite specification of ε over rounds, one line an adversary, on a logarithmic axis."""
    from privtalk.leaderboards.charts.parts import layer, quantitative, scale, whole
    from privtalk.leaderboards.charts.style import LIGHT, WIDE

    rows = [
        {"rounds": count, "epsilon": guarantee.epsilon, "adversary": NAMES[name]}
        for count, eps in found.curve
        for name, guarantee in eps.items()
        if 0 < guarantee.epsilon < math.inf
    ]
    if not rows:
        raise UserError("without noise there is no curve to draw; leave out --plot")
    colours = scale(dict(zip(NAMES.values(), LIGHT.methods, strict=False)))
    encoding = {
        "x": quantitative("rounds") | {"axis": {"title": "rounds"}},
        "y": quantitative("epsilon") | {"scale": {"type": "log"}, "axis": {"title": "ε, logarithmic"}},
        "color": {"field": "adversary", "type": "nominal", "scale": colours, "legend": {"title": None}},
    }
    title = f"ε over rounds at δ = {found.delta:.2g}, noise multiplier {found.noise:.3g}, noise added by the clients"
    spec = {
        "width": WIDE.width,
        "height": WIDE.tall,
        "title": {"text": title},
        "layer": [layer(rows, {"type": "line", "point": True, "strokeWidth": 2.5}, **encoding)],
    }
    return whole(spec, LIGHT, WIDE) | {"background": "white"}
