"""The reconstruction attacks, by name, each a function from one case to one face a row.

Shape legend: N rows, latents C x h x w, d trainable numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from privtalk.attacks.declaration import Attack, Declaration
from privtalk.attacks.reconstruction.dlg import dlg
from privtalk.attacks.reconstruction.evidence import HeardMessages
from privtalk.attacks.reconstruction.gidm import PHASES, Phases, gidm, gidm_plus
from privtalk.attacks.reconstruction.inverting_gradients import inverting_gradients
from privtalk.attacks.reconstruction.learned_inversion import Simulated, Simulation, invert, simulate
from privtalk.attacks.reconstruction.matching import Descent, Matched, Problem, Progress
from privtalk.attacks.reconstruction.prior import PublicPrior, looks
from privtalk.attacks.reconstruction.prior_guided import (
    GUIDANCE,
    Guidance,
    Search,
    VictimMessages,
    prior_guided,
)
from privtalk.attacks.reconstruction.problem import InversionSetting, Secrets, guessed, known
from privtalk.attacks.reconstruction.simulation import LocalAlgorithm, second_order
from privtalk.core.streams import Stream
from privtalk.methods.adapters import AdapterBank
from privtalk.methods.backbone.backbone import Backbone
from privtalk.methods.backbone.conditioning import Batch

MATCHING = Descent(steps=300, lr=0.03)
NEEDS_SECRETS = "needs the clients' timesteps and noise, which the server does not see; plant them as secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much work each attack may do."""

    simulation: Simulation = field(default_factory=Simulation)
    guidance: Guidance = GUIDANCE
    companions: int = 8
    """Public people whose gradients the prior-guided attack centres by."""
    phases: Phases = PHASES
    matching: Descent = MATCHING
    """The descent of DLG and Inverting Gradients."""
    restarts: int = 1
    """Guesses of timesteps and noise that Inverting Gradients tries."""
    smoothness: float = 1e-3
    """Weight of total variation in Inverting Gradients."""
    softness: float = 1e-3
    """Adam's ϵ while steps are unrolled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that an attack on N rows may read."""

    backbone: Backbone
    template: AdapterBank
    algorithm: LocalAlgorithm
    people: Sequence[Batch]
    """Public people of the attacker's models."""
    prior: PublicPrior
    heard: tuple[HeardMessages, ...]
    """The rounds' messages."""
    stream: Stream
    effort: Effort
    secrets: Secrets | None = None
    """The secrets of the victims, where they are out."""
    expected: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)
    """The findings that one attack leaves for the next: the regression's faces."""


Run = Callable[[Case, Progress | None], Tensor | str]
"""[N, C, h, w] faces (of victims and wrong clients alone where secrets are used), or why there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstruction(Attack):
    """A reconstruction attack."""

    run: Run


def run_learned_inversion(case: Case, progress: Progress | None = None) -> Tensor:
    """Faces by the regression, computed once a case."""
    if "learned_inversion" not in case.expected:
        case.expected["learned_inversion"] = _inverted(case)
    return case.expected["learned_inversion"]


def _inverted(case: Case) -> Tensor:
    """Rows are grouped by the rounds in which they were heard."""
    rounds = {h.number: _simulated(case, h) for h in case.heard}
    present = torch.stack([h.present for h in case.heard], dim=1)
    faces = case.prior.mean.expand(len(present), *case.prior.mean.shape).clone()
    for pattern in present.unique(dim=0):
        rows = (present == pattern).all(1)
        messages = {h.number: h.messages[rows] for h, in_it in zip(case.heard, pattern, strict=True) if in_it}
        faces[rows] = invert(rounds, messages, case.people)
    return faces


def _simulated(case: Case, heard: HeardMessages) -> Simulated:
    def stream(*names: str | int) -> torch.Generator:
        return case.stream(*names, "round", heard.number)

    updates = simulate(
        case.backbone,
        case.template,
        heard.start,
        case.people,
        case.algorithm,
        case.effort.simulation,
        stream,
    )
    return Simulated.of(updates, case.template)


def run_prior_guided(case: Case, progress: Progress | None = None) -> Tensor:
    """Mean of what the regression expects and of the descent from there: better than either (measured)."""
    search = Search(
        backbone=case.backbone,
        template=case.template,
        prior=case.prior,
        companions=looks(case.people)[: case.effort.companions],
        algorithm=case.algorithm,
        guidance=case.effort.guidance,
    )
    expected = run_learned_inversion(case)
    found = prior_guided(
        search,
        [VictimMessages.of(h) for h in case.heard],
        expected,
        case.stream("attack", "prior_guided", "draws"),
        progress,
    )
    return (expected + found) / 2


def run_gidm(case: Case, progress: Progress | None = None) -> Tensor | str:
    """Faces with known timesteps and noise."""
    if case.secrets is None:
        return NEEDS_SECRETS
    setting, secrets = _with_secrets(case, case.secrets)
    return _faces(gidm(setting, secrets, case.effort.phases, progress))


def run_gidm_plus(case: Case, progress: Progress | None = None) -> Tensor:
    """Faces with timesteps and noise guessed along."""
    generator = case.stream("attack", "gidm_plus", "noise")
    setting = first_messages(case, len(case.heard[0].present))
    return _faces(gidm_plus(setting, case.algorithm.frames, generator, case.effort.phases, progress))


def run_inverting_gradients(case: Case, progress: Progress | None = None) -> Tensor:
    """Faces by the cosine and total variation; the best of some guesses of timesteps and noise, or the known ones."""
    found = []
    for guess in range(case.effort.restarts if case.secrets is None else 1):
        setting, problem = _problem(case, "inverting_gradients", guess)
        start = [setting.prior_latents(_frames(case))]
        with second_order(case.backbone.denoiser):
            found.append(
                inverting_gradients(problem, [start], case.effort.matching, case.effort.smoothness, progress)
            )
    loss = torch.stack([f.loss for f in found])
    faces = torch.stack([_faces(f) for f in found])
    return faces[loss.argmin(0), torch.arange(loss.shape[1])]


def run_dlg(case: Case, progress: Progress | None = None) -> Tensor:
    """Faces by the squared distance, from one guess of timesteps and noise, or the known ones."""
    setting, problem = _problem(case, "dlg", 0)
    with second_order(case.backbone.denoiser):
        return _faces(dlg(problem, [setting.prior_latents(_frames(case))], case.effort.matching, progress))


def _problem(case: Case, name: str, guess: int) -> tuple[InversionSetting, Problem]:
    if case.secrets is not None:
        setting, secrets = _with_secrets(case, case.secrets)
        return setting, known(setting, secrets)
    setting = first_messages(case, len(case.heard[0].present))
    generator = case.stream("attack", name, "guess", guess)
    noise = torch.randn(setting.noise_shape(_frames(case)), generator=generator).to(setting.seen)
    t = torch.randint(case.backbone.config.diffusion.timesteps, noise.shape[:2], generator=generator)
    return setting, guessed(setting, noise, t)


def _with_secrets(case: Case, secrets: Secrets) -> tuple[InversionSetting, Secrets]:
    """Victims with their secrets, then wrong clients' messages with the same secrets: what these alone give away."""
    victims = len(secrets.steps[0].t)
    return first_messages(case, 2 * victims), secrets.of(torch.arange(victims).repeat(2))


def _frames(case: Case) -> int:
    return case.algorithm.frames if case.secrets is None else case.secrets.steps[0].noise.shape[1]


def _faces(found: Matched) -> Tensor:
    return found.unknowns[0].mean(1)


def first_messages(case: Case, rows: int) -> InversionSetting:
    """The first `rows` rows, each by the first of its messages; matching reads one round."""
    first = torch.stack([h.present for h in case.heard]).int().argmax(0)[:rows]
    at = torch.arange(rows)
    return InversionSetting(
        backbone=case.backbone,
        template=case.template,
        algorithm=case.algorithm.softened(case.effort.softness),
        prior=case.prior,
        start=torch.stack([h.start for h in case.heard])[first],
        seen=torch.stack([h.messages[:rows] for h in case.heard])[first, at],
    )


def _declared(name: str, statistic: str, source: str) -> Declaration:
    return Declaration(
        name=name,
        family="reconstruction",
        view="server",
        statistic=statistic,
        source=source,
        headline="psnr_gain",
    )


ATTACKS: Mapping[str, Reconstruction] = {
    "learned_inversion": Reconstruction(
        declaration=_declared(
            "learned_inversion",
            "expected face given the message, by regression on simulated clients",
            "Learning to Invert, 2210.10880",
        ),
        run=run_learned_inversion,
    ),
    "prior_guided": Reconstruction(
        declaration=_declared(
            "prior_guided",
            "face of the public prior whose expected gradient points along the message",
            "GIFD, 2308.04699; diffusion prior, 2409.07291",
        ),
        run=run_prior_guided,
    ),
    "inverting_gradients": Reconstruction(
        declaration=_declared(
            "inverting_gradients",
            "latents that minimise cosine distance to the message plus total variation",
            "Inverting Gradients, 2003.14053, eq. 4",
        ),
        run=run_inverting_gradients,
    ),
    "dlg": Reconstruction(
        declaration=_declared(
            "dlg",
            "latents that minimise squared distance to the message",
            "Deep Leakage from Gradients, 1906.08935, eq. 4",
        ),
        run=run_dlg,
    ),
    "gidm": Reconstruction(
        declaration=_declared(
            "gidm",
            "latents that match the message, timesteps and noise known",
            "GIDM, 2405.20380",
        ),
        run=run_gidm,
    ),
    "gidm_plus": Reconstruction(
        declaration=_declared(
            "gidm_plus",
            "latents, noise and timesteps that match the message together",
            "GIDM+, 2405.20380",
        ),
        run=run_gidm_plus,
    ),
}
