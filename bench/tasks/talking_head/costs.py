"""The time that a cell will take, guessed before it runs: only ratios matter, as progress scales by what it sees."""

from __future__ import annotations

from privtalk.bench.tasks.talking_head.settings import TalkingHeadCell, trains_alone
from privtalk.methods.config import FederationConfig, PersonalisationConfig
from privtalk.methods.federated.method import FederatedMethod
from privtalk.methods.registry import METHODS

PLANTED, REPEATS = 8, 3
"""The work of reconstruction: planted people and simulated messages a person, by default."""

FORWARD = 0.004
"""Guessed seconds that a core takes for a 64 px frame through the denoiser."""


def _private(using: PersonalisationConfig, federation: FederationConfig) -> float:
    """Forward passes that a client's private step is worth."""
    config = using.schedule(federation)
    return config.windows * config.window_frames * FederatedMethod.effort


def costs(cell: TalkingHeadCell) -> dict[str, float]:
    """Guessed seconds of each stage on one core; only their ratios matter (`progress.Estimator` scales them)."""
    corpus, evaluation = cell.corpus, cell.evaluation
    forward = FORWARD * (corpus.size / 64) ** 2
    test = corpus.tested * corpus.test.clips * corpus.test.frames
    sampled = cell.method in METHODS or cell.method in ("difftalk", "local_only", "centralised")
    generating = 2 + test * forward * (2 + (evaluation.steps if sampled else 0))
    if cell.training is None:
        return {"generating": generating}
    federation, probe = cell.training.federation, cell.training.attack
    alone, counts = trains_alone(cell.method), cell.training.private_steps(cell.method)
    cohort = 0.0 if alone else federation.rate * corpus.clients
    frames = (
        federation.rounds * cohort * federation.local_steps * federation.windows * federation.window_frames
    )
    effort = METHODS[cell.method].effort if cell.method in METHODS else FederatedMethod.effort
    found = {
        "training": effort * forward * frames,
        "personalising": _private(cell.training.personalisation, federation)
        * forward
        * corpus.tested
        * max(counts, default=0),
        "generating": generating * (len(counts) + (not alone)),
    }
    if not alone:
        people = corpus.attacked + corpus.heldout
        asked = probe.windows * max(probe.frames, probe.exact) * len(probe.timesteps) * probe.draws
        found["attacking"] = (12 + (probe.leaked if counts else 0)) * forward * people * asked
    if cell.method in METHODS and probe.victims:
        descent = (2 * probe.victims + PLANTED) * probe.inversion_steps
        simulated = corpus.shadows * REPEATS * federation.local_steps
        found["inverting"] = 5 * forward * (descent + simulated)
    return found
