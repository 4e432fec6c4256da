"""The guarantee that a cell asks for: calibrated before training, accounted in the record of what was said in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from privtalk.bench.corpus.cache import cache_folder, content_hash
from privtalk.bench.records import Epsilons, Privacy, write_atomic
from privtalk.bench.spec import Cell, PrivacySpec, Training
from privtalk.methods.aggregation import MINIMUM, summation
from privtalk.methods.privacy import accounting, adversaries, calibration
from privtalk.methods.privacy.adversaries import Exposure, most_participations, threshold_delta
from privtalk.methods.privacy.discrete import DiscreteMechanism
from privtalk.methods.privacy.ledger import Ledger, Release, Round
from privtalk.methods.privacy.noise import NO_PRIVACY, GaussianMechanism
from privtalk.methods.registry import METHODS
from privtalk.methods.transcript import Transcript

SAMPLING = "poisson"
NEAR = 0.999
"""A kept calibration's ε over its target, at least."""
SELF_NORMALISED = (
    "weights are normalised over the cohort: one client's can approach 1, so that no bound on the sensitivity holds, "
    "and their exact sum is released"
)

Mechanism = GaussianMechanism | DiscreteMechanism


class Setting(NamedTuple):
    """All that an ε of this suite depends on, beside the noise."""

    placement: adversaries.Placement
    rate: float
    rounds: int
    delta: float
    dim: int
    """Numbers in an update; only integer noise depends on it."""

    def release(self, noise_multiplier: float) -> Release:
        """What a round releases."""
        return self.mechanism(1.0, noise_multiplier).release(*self._grid)

    def mechanism(self, clip: float, noise_multiplier: float) -> Any:
        made = DiscreteMechanism if self.placement == "distributed" else GaussianMechanism
        return made(clip=clip, noise_multiplier=noise_multiplier)

    def ledger(self, noise_multiplier: float) -> Ledger:
        return Ledger((Round(releases=(self.release(noise_multiplier),), rate=self.rate, count=self.rounds),))

    def epsilon(self, noise_multiplier: float) -> float:
        """Of the released adapter."""
        return self.ledger(noise_multiplier).epsilon(self.delta)

    def noise(self, noise_multiplier: float, cohort: int) -> adversaries.Noise:
        if self.placement == "distributed":
            found: DiscreteMechanism = self.mechanism(1.0, noise_multiplier)
            return found.accounted(self.dim, cohort)
        return adversaries.GaussianNoise(noise_multiplier)

    @property
    def _grid(self) -> tuple[int, ...]:
        return (self.dim, MINIMUM) if self.placement == "distributed" else ()


def setting(training: Training, clients: int, dim: int) -> Setting:
    """Dropping rounds that are too small for secure aggregation tells something too; δ pays for it."""
    federation = training.federation
    spent = 0.0
    if federation.secure_aggregation:
        spent = threshold_delta(clients, federation.rate, federation.rounds, MINIMUM)
    left = delta(training.privacy, clients) - spent
    if left <= 0:
        raise ValueError(
            f"{clients} clients at rate {federation.rate:g} leave too many rounds below {MINIMUM} clients: that alone "
            f"costs delta {spent:.2g}; raise federation.rate or corpus.clients, or set secure_aggregation=false"
        )
    return Setting(training.privacy.placement, federation.rate, federation.rounds, left, dim)


def mechanism(training: Training, clients: int, dim: int) -> Mechanism:
    """Clip and calibrated noise; none where no ε is asked for."""
    privacy = training.privacy
    if privacy.epsilon is None:
        return NO_PRIVACY
    asked = setting(training, clients, dim)
    made: Mechanism = asked.mechanism(privacy.clip, calibrated(privacy.epsilon, asked))
    return made


def delta(privacy: PrivacySpec, clients: int) -> float:
    """The δ that is asked for, or the rule's for so many clients."""
    return accounting.default_delta(clients) if privacy.delta is None else privacy.delta


def account(cell: Cell, used: Mechanism, clients: int, dim: int, transcript: Transcript | None) -> Privacy:
    """The record's privacy block, of what was said in training."""
    training = cell.training
    if training is None or transcript is None:
        return _none("nothing is trained on clients' data")
    if cell.method not in METHODS:
        return _none("a reference row, trained without privacy")
    sums = summation(training.federation, used, clients, dim)
    on_grid = {"quantisation_step": sums.step, "secure_aggregation_bits": sums.bits}
    if not used.private:
        return _none("trained without noise").model_copy(update=on_grid)
    if training.federation.normalisation == "cohort":
        return _none(SELF_NORMALISED, _name(training.privacy)).model_copy(update=on_grid)
    cohorts = tuple(entry.cohort for entry in transcript.log)
    asked = setting(training, clients, dim)
    often, largest = most_participations(cohorts), max(map(len, cohorts), default=1)
    found = accounted(asked, used.noise_multiplier, often, max(1, largest), training.privacy.honest)
    return Privacy(
        mechanism=_name(training.privacy),
        guarantee=True,
        target_epsilon=training.privacy.epsilon,
        delta=delta(training.privacy, clients),
        noise_multiplier=used.noise_multiplier,
        clip=used.clip,
        sampling=SAMPLING,
        sampling_rate=asked.rate,
        rounds=asked.rounds,
        neighbouring=found.ledger.neighbouring,
        participations=often,
        ledger=found.ledger.to_json(),
        accountant=found.ledger.accountant,
        epsilons=_recorded(found.epsilons, training),
        checks=dict(found.checks),
        **on_grid,
    )


def _name(privacy: PrivacySpec) -> str:
    return "distributed-skellam" if privacy.placement == "distributed" else "central-gaussian"


def _recorded(found: adversaries.Epsilons, training: Training) -> Epsilons:
    """Sums are what a server sees only where aggregation is secure."""
    figures, reasons = found.figures(), found.reasons()
    if training.privacy.placement == "distributed" and not training.federation.secure_aggregation:
        figures["secure_aggregation"] = None
        reasons["secure_aggregation"] = "secure aggregation is off: the server sees every message"
    return Epsilons(**figures, assumptions=found.assumptions(), reasons=reasons)


def _none(reason: str, mechanism: str = "none") -> Privacy:
    return Privacy(mechanism=mechanism, guarantee=False, reason=reason)


@lru_cache(maxsize=32)
def calibrated(target: float, asked: Setting) -> float:
    """Noise multiplier for a target ε, kept on disk: a search takes seconds.

    A kept value is accounted anew, and searched for again where it misses the target.
    """
    about = {"target": target} | asked._asdict()
    path = cache_folder() / "accounting" / f"{content_hash(about)}.json"
    try:
        kept = float(json.loads(path.read_text(encoding="utf-8"))["noise_multiplier"])
        if NEAR * target <= asked.epsilon(kept) <= target:
            return kept
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = calibration.least_noise(target, asked.epsilon).noise_multiplier
    write_atomic(path, json.dumps(about | {"noise_multiplier": found}) + "\n")
    return found


class Accounted(NamedTuple):
    """ε for each adversary, what it is of, and the outsider's by the other accountants at hand."""

    epsilons: adversaries.Epsilons
    ledger: Ledger
    checks: dict[str, float]


@lru_cache(maxsize=32)
def accounted(
    asked: Setting, noise_multiplier: float, participations: int, cohort: int, honest: float
) -> Accounted:
    """`honest` share of the largest `cohort` does not collude."""
    ledger = asked.ledger(noise_multiplier)
    exposure = Exposure(
        placement=asked.placement,
        noise=asked.noise(noise_multiplier, cohort),
        rate=asked.rate,
        rounds=asked.rounds,
        delta=asked.delta,
        cohort=cohort,
        honest=max(1, round(honest * cohort)),
        participations=participations,
    )
    with _quiet():
        checks = (
            accounting.checks(noise_multiplier, asked.rate, asked.rounds, asked.delta)
            if asked.placement == "central"
            else {"pld of a Gaussian alike": accounting.epsilon(noise_multiplier, *asked[1:4])}
        )
    return Accounted(adversaries.three_epsilons(exposure, ledger), ledger, checks)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the Renyi accountant's notes on orders that it leaves out, which loosen a cross-check at most."""
    log = logging.getLogger("absl")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
