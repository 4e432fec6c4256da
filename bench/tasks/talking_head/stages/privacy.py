"""The guarantee that a cell asks for: calibrated before training, accounted in the record of what was said in it."""

from __future__ import annotations

from dataclasses import replace

from privtalk.bench.accounts import accounted, calibrated, voided
from privtalk.bench.tasks.talking_head.settings import PrivacySpec, TalkingHeadCell, Training
from privtalk.core.records import Epsilons, Privacy
from privtalk.methods.federation.summation import MINIMUM, summation
from privtalk.methods.federation.transcript import Transcript
from privtalk.methods.privacy.accounting import adversaries
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.adversaries import (
    most_participations,
    threshold_delta,
)
from privtalk.methods.privacy.accounting.ledger import Budget
from privtalk.methods.privacy.mechanisms.mechanism import RunMechanism
from privtalk.methods.privacy.mechanisms.noise import NO_PRIVACY
from privtalk.methods.privacy.setting import PrivacySetting
from privtalk.methods.registry import METHODS

SELF_NORMALISED = (
    "weights are normalised over the cohort: one client's can approach 1, so that no bound on the sensitivity holds, "
    "and their exact sum is released"
)


def setting(training: Training, clients: int, dim: int) -> PrivacySetting:
    """Dropping rounds that are too small for secure aggregation tells something too; δ pays for it."""
    federation = training.federation
    spent = 0.0
    if federation.secure_aggregation:
        spent = threshold_delta(clients, federation.rate, federation.rounds, MINIMUM)
    left = delta(training.privacy, clients) - spent
    if left <= 0:
        raise ValueError(
            f"{clients} clients at rate {federation.rate:g} leave too many rounds below {MINIMUM} clients: that alone "
            f"costs delta {spent:.2g}; set federation.secure_aggregation=false, have more clients, or run --tiers none"
        )
    asked = training.privacy
    if asked.placement == "distributed" and (asked.clipping, federation.sampling) != ("fixed", "poisson"):
        raise ValueError(
            "distributed noise is accounted for fixed clipping of sampled clients; set clipping=fixed, sampling=poisson"
        )
    if federation.sampling == "cyclic" and asked.clipping == "adaptive":
        raise ValueError("correlated noise has one clip for all rounds; set privacy.clipping=fixed")
    return PrivacySetting(
        asked.placement,
        asked.clipping,
        federation.sampling,
        federation.rate,
        federation.rounds,
        left,
        dim,
        federation.share * clients,
        MINIMUM,
    )


def mechanism(training: Training, clients: int, dim: int) -> RunMechanism:
    """Clip and calibrated noise; none where no ε is asked for."""
    privacy = training.privacy
    if privacy.epsilon is None:
        return NO_PRIVACY
    asked = setting(training, clients, dim)
    noise = privacy.noise_multiplier or calibrated(privacy.epsilon, asked)
    return asked.mechanism(noise, privacy.clip, privacy.quantile)


def budget(training: Training, clients: int, dim: int) -> Budget | None:
    """The budget that training may spend where the noise is given; calibrated noise spends it on all rounds."""
    privacy = training.privacy
    if privacy.epsilon is None or privacy.noise_multiplier is None:
        return None
    asked = setting(training, clients, dim)
    if asked.sampling == "cyclic":
        raise ValueError(
            "correlated noise is spent on all rounds at once; leave privacy.noise_multiplier open"
        )
    [entry] = asked.ledger(privacy.noise_multiplier).rounds
    found = Budget(entry=replace(entry, count=1), epsilon=privacy.epsilon, delta=asked.delta)
    if not found.allows(0):
        raise ValueError(
            f"epsilon {privacy.epsilon:g} does not afford one round at noise multiplier {privacy.noise_multiplier:g}; "
            "raise one of them, or leave privacy.noise_multiplier open"
        )
    return found


def delta(privacy: PrivacySpec, clients: int) -> float:
    """The δ that is asked for, or the rule's for so many clients."""
    return accounting.default_delta(clients) if privacy.delta is None else privacy.delta


def account(
    cell: TalkingHeadCell, used: RunMechanism, clients: int, dim: int, transcript: Transcript | None
) -> Privacy:
    """The record's privacy block, of what was said in training."""
    training = cell.training
    if training is None or transcript is None:
        return _none("nothing is trained on clients' data")
    if cell.method not in METHODS:
        return _none("a reference row, trained without privacy")
    sums = summation(training.federation, used, clients, dim)
    on_grid = {"quantisation_step": sums.step, "secure_aggregation_bits": sums.bits}
    method = METHODS[cell.method]
    if not used.private:
        return _none(method.without_noise).model_copy(update=on_grid)
    if method.no_guarantee is not None:
        return _none(method.no_guarantee, _name(training)).model_copy(update=on_grid)
    if training.federation.normalisation == "cohort":
        return _none(SELF_NORMALISED, _name(training)).model_copy(update=on_grid)
    cohorts = tuple(entry.cohort for entry in transcript.log)
    asked = setting(training, clients, dim)
    if asked.sampling == "poisson":
        asked = asked._replace(rounds=len(cohorts))
    often, largest = most_participations(cohorts), max(map(len, cohorts), default=1)
    found = accounted(asked, used.noise_multiplier, often, max(1, largest), training.privacy.honest)
    claimed = Privacy(
        mechanism=_name(training),
        guarantee=True,
        target_epsilon=training.privacy.epsilon,
        delta=delta(training.privacy, clients),
        noise_multiplier=used.noise_multiplier,
        clip=training.privacy.clip,
        sampling=asked.sampling,
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
    void = accounting.void_delta(delta(training.privacy, clients), clients)
    return claimed if void is None else voided(claimed, void)


def _name(training: Training) -> str:
    if training.federation.sampling == "cyclic":
        return "banded-matrix-factorisation"
    if training.privacy.placement == "distributed":
        return "distributed-skellam"
    return f"central-gaussian{', adaptive clip' if training.privacy.clipping == 'adaptive' else ''}"


def _recorded(found: adversaries.AdversaryEpsilons, training: Training) -> Epsilons:
    """Whole numbers have the same sum, plain or secure, so its ε is that of a run with secure aggregation."""
    assumptions = found.assumptions()
    if training.privacy.placement == "distributed" and not training.federation.secure_aggregation:
        assumptions["secure_aggregation"] += "; it was off in this run, its sums are the same bit for bit"
    return Epsilons(**found.figures(), assumptions=assumptions, reasons=found.reasons())


def _none(reason: str, mechanism: str = "none") -> Privacy:
    return Privacy(mechanism=mechanism, guarantee=False, reason=reason)
