"""The guarantee that a cell asks for: calibrated before training, accounted in the record."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from privtalk.bench.corpus.cache import cache_folder, content_hash
from privtalk.bench.records import Epsilons, Privacy, write_atomic
from privtalk.bench.spec import Cell, PrivacySpec, Training
from privtalk.methods.privacy import accounting, adversaries, calibration
from privtalk.methods.privacy.adversaries import most_participations
from privtalk.methods.privacy.ledger import Ledger, Round
from privtalk.methods.privacy.noise import NO_PRIVACY, GaussianMechanism
from privtalk.methods.registry import METHODS
from privtalk.methods.transcript import Transcript

SAMPLING = "poisson"
NEAR = 0.999
"""A kept calibration's ε over its target, at least."""


def mechanism(training: Training, clients: int) -> GaussianMechanism:
    """Clip and calibrated noise; none where no ε is asked for."""
    privacy, federation = training.privacy, training.federation
    if privacy.epsilon is None:
        return NO_PRIVACY
    noise = calibrated(privacy.epsilon, delta(privacy, clients), federation.rate, federation.rounds)
    return GaussianMechanism(clip=privacy.clip, noise_multiplier=noise)


def delta(privacy: PrivacySpec, clients: int) -> float:
    """The δ that is asked for, or the rule's for so many clients."""
    return accounting.default_delta(clients) if privacy.delta is None else privacy.delta


def account(cell: Cell, used: GaussianMechanism, clients: int, transcript: Transcript | None) -> Privacy:
    """The record's privacy block, of what was said in training.

    The noise is added to the sum, so the guarantee is that of a trusted aggregator: it holds for whoever sees the
    released adapter, not for a server that sees messages or their sums before the noise.
    """
    training = cell.training
    if training is None or transcript is None:
        return _none("nothing is trained on clients' data")
    if not used.private:
        federated = cell.method in METHODS
        return _none("trained without noise" if federated else "a reference row, trained without privacy")
    if training.federation.normalisation == "cohort":
        return _none(
            "weights are normalised over the cohort: one client's can approach 1, so that no bound on the "
            "sensitivity holds, and their exact sum is released",
            "central-gaussian",
        )
    rate, rounds, z = training.federation.rate, len(transcript.log), used.noise_multiplier
    chosen = delta(training.privacy, clients)
    often = most_participations(entry.cohort for entry in transcript.log)
    epsilons, ledger, checks = accounted(z, rate, rounds, chosen, often)
    return Privacy(
        mechanism="central-gaussian",
        guarantee=True,
        target_epsilon=training.privacy.epsilon,
        delta=chosen,
        noise_multiplier=z,
        clip=used.clip,
        sampling=SAMPLING,
        sampling_rate=rate,
        rounds=rounds,
        neighbouring=ledger.neighbouring,
        participations=often,
        ledger=ledger.to_json(),
        accountant=ledger.accountant,
        epsilons=Epsilons(
            **epsilons.figures(), assumptions=epsilons.assumptions(), reasons=epsilons.reasons()
        ),
        checks=dict(checks),
    )


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


def _none(reason: str, mechanism: str = "none") -> Privacy:
    return Privacy(mechanism=mechanism, guarantee=False, reason=reason)


@lru_cache(maxsize=32)
def calibrated(target: float, delta: float, rate: float, rounds: int) -> float:
    """Noise multiplier for a target ε, kept on disk: a search takes seconds.

    A kept value is accounted anew, and searched for again where it misses the target.
    """
    asked = {"target": target, "delta": delta, "rate": rate, "rounds": rounds}
    path = cache_folder() / "accounting" / f"{content_hash(asked)}.json"
    try:
        kept = float(json.loads(path.read_text(encoding="utf-8"))["noise_multiplier"])
        if NEAR * target <= accounting.epsilon(kept, rate, rounds, delta) <= target:
            return kept
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = calibration.calibrate(target, delta, rate, rounds).noise_multiplier
    write_atomic(path, json.dumps(asked | {"noise_multiplier": found}) + "\n")
    return found


@lru_cache(maxsize=32)
def accounted(
    noise_multiplier: float, rate: float, rounds: int, delta: float, participations: int
) -> tuple[adversaries.Epsilons, Ledger, dict[str, float]]:
    """ε for each adversary, what it is of, and the outsider's by the other accountants at hand."""
    release = GaussianMechanism(clip=1.0, noise_multiplier=noise_multiplier).release()
    ledger = Ledger((Round(releases=(release,), rate=rate, count=rounds),))
    exposure = adversaries.Exposure(
        placement="central",
        noise=adversaries.GaussianNoise(noise_multiplier),
        rate=rate,
        rounds=rounds,
        delta=delta,
        participations=participations,
    )
    with _quiet():
        checks = accounting.checks(noise_multiplier, rate, rounds, delta)
    return adversaries.three_epsilons(exposure, ledger), ledger, checks
