"""`bench audit`: plays the mechanisms of a preset against one worst-case client, and sets bounds beside the account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from privtalk.attacks.audit.implementation import DELTAS, Aggregator, audit
from privtalk.attacks.audit.report import AuditReport
from privtalk.bench import suites
from privtalk.bench.tasks.talking_head.settings import PlannedTalkingHead, TalkingHeadSettings, Training
from privtalk.bench.tasks.talking_head.stages.privacy import mechanism
from privtalk.bench.tasks.talking_head.task import TASK
from privtalk.core.errors import UserError
from privtalk.core.seeds import torch_stream
from privtalk.methods.registry import METHODS

NOT_AUDITED = (
    "not audited: nothing is claimed of one round, as rounds share noise or no bound holds for weights"
)
LEAKS = 1
"""Exit code where a certified bound exceeds the accountant's ε."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The request as it was asked for."""

    suite: str
    preset: str
    changes: tuple[str, ...]
    rounds: int
    dim: int
    confidence: float
    seed: int
    crowd: int = 3
    """Clients of a round beside the canary."""

    def __post_init__(self) -> None:
        if not 0.5 <= self.confidence < 1:
            raise UserError(f"--confidence {self.confidence:g}: it must be at least 0.5 and below 1")
        if self.crowd < 1:
            raise UserError(
                f"--crowd {self.crowd}: a round needs somebody beside the canary; give at least 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One mechanism, and the rows that use it."""

    tier: str
    rows: tuple[str, ...]
    aggregator: Aggregator | None
    """None where nothing is claimed of one round."""


def run(request: Request) -> int:
    """Prints a table for each mechanism. Exit 0: no bound exceeds its account; 1: one does."""
    console, wrong = Console(), False
    with Console(stderr=True).status("calibrating"):
        found = subjects(request)
    if not found:
        raise UserError(f"{request.suite} {request.preset} asks for no ε: there is no mechanism to audit")
    for subject in found:
        console.print(Text(f"{subject.tier}: {', '.join(subject.rows)}", style="bold"))
        if subject.aggregator is None:
            console.print(Text(NOT_AUDITED, "yellow"))
            continue
        generator = torch_stream(request.seed, "audit", "implementation", subject.tier)
        with Console(stderr=True).status(f"{2 * request.rounds} rounds"):
            report = audit(subject.aggregator, generator, rounds=request.rounds, level=request.confidence)
        show(report, subject.aggregator, console)
        wrong = wrong or bool(report.violations)
    return LEAKS if wrong else 0


def subjects(request: Request) -> tuple[Subject, ...]:
    """The distinct mechanisms of a preset's private rows, calibrated as if updates had `dim` numbers."""
    suite = suites.load(request.suite)
    if suite.task != TASK.name:
        raise UserError(f"suite {suite.name} has no mechanisms to audit; name one of task {TASK.name}")
    plan = suites.expand(suite, request.preset, changes=request.changes)
    groups: dict[str, list[tuple[str, Training]]] = {}
    for name, training in _private(cast("Sequence[PlannedTalkingHead]", plan.cells)):
        groups.setdefault(f"{training.privacy.tier}, {training.federation.normalisation}", []).append(
            (name, training)
        )
    clients = cast("TalkingHeadSettings", plan.settings).corpus.clients
    return tuple(
        Subject(
            tier=tier,
            rows=tuple(dict.fromkeys(name for name, _ in members)),
            aggregator=_aggregator(members[0][1], clients, request.dim, request.crowd),
        )
        for tier, members in groups.items()
    )


def _private(cells: Iterable[PlannedTalkingHead]) -> list[tuple[str, Training]]:
    """(row, training) of those that claim an ε."""
    trained = [(planned.row, planned.cell.method, planned.cell.training) for planned in cells]
    return [
        (row, training)
        for row, method, training in trained
        if method in METHODS and training is not None and training.privacy.epsilon is not None
    ]


def _aggregator(training: Training, clients: int, dim: int, crowd: int) -> Aggregator | None:
    made = mechanism(training, clients, dim)
    if made.correlated or training.federation.normalisation == "cohort":
        return None
    return Aggregator(
        mechanism=made,
        dim=dim,
        normalisation=training.federation.normalisation,
        appended_share=training.federation.appended_share,
        expected=float(crowd + 1),
        crowd=crowd,
    )


def show(report: AuditReport, aggregator: Aggregator, console: Console) -> None:
    """Upper bounds, certified lower bounds and estimates, a block for each δ."""
    console.print(
        f"{report.subject}, noise multiplier {aggregator.mechanism.noise_multiplier:.4f}, "
        f"{aggregator.dim} numbers in an update, {aggregator.crowd} clients beside the canary",
        highlight=False,
    )
    console.print(_table(report))
    for violation in report.violations:
        console.print(Text(f"LEAK  {violation}", style="bold red"))


def _table(report: AuditReport) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("δ", justify="right")
    table.add_column("ε")
    table.add_column("", justify="right")
    table.add_column("how")
    table.add_column("rests on")
    wrong = {id(violation.certified) for violation in report.violations}
    for delta in DELTAS:
        upper = report.at(delta)
        table.add_row(f"{delta:g}", "at most", f"{upper.epsilon:.3f}", upper.accountant, upper.neighbouring)
        for low in (low for low in report.certified if low.delta == delta):
            style = "bold red" if id(low) in wrong else None
            how = f"{low.name}, {low.confidence:.4g} confidence"
            table.add_row("", "at least", f"{low.epsilon:.3f}", how, low.assumption or "", style=style)
        for guess in (guess for guess in report.estimates if guess.delta == delta):
            how = f"{guess.name}, estimate: {guess.low:.2f} to {guess.high:.2f}"
            table.add_row("", "about", f"{guess.epsilon:.3f}", how, "no bound", style="dim", end_section=True)
    return table
