"""Noise for a target ε, kept on disk, and the account of what a run released."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import NamedTuple

from privtalk.core.cache import cache_folder, content_hash
from privtalk.core.files import write_atomic
from privtalk.core.record_parts import Epsilons, Privacy
from privtalk.methods.privacy.accounting import adversaries, calibration
from privtalk.methods.privacy.accounting import sampled_gaussian as accounting
from privtalk.methods.privacy.accounting.ledger import Ledger
from privtalk.methods.privacy.setting import PrivacySetting

NEAR = 0.999
"""A kept calibration's ε over its target, at least."""


@lru_cache(maxsize=32)
def calibrated(target: float, asked: PrivacySetting) -> float:
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
    """ε for each adversary, what it is of, and the outsider's by the other accountants."""

    epsilons: adversaries.AdversaryEpsilons
    ledger: Ledger
    checks: dict[str, float]


@lru_cache(maxsize=32)
def accounted(
    asked: PrivacySetting, noise_multiplier: float, participations: int, cohort: int, honest: float
) -> Accounted:
    """`honest` share of the largest `cohort` does not collude."""
    ledger = asked.ledger(noise_multiplier)
    exposure = asked.exposure(noise_multiplier, participations, cohort, honest)
    with accounting.quiet():
        checks = _checks(asked, noise_multiplier)
    return Accounted(adversaries.three_epsilons(exposure, ledger), ledger, checks)


def _checks(asked: PrivacySetting, noise_multiplier: float) -> dict[str, float]:
    if asked.sampling == "cyclic":
        return {"closed form": accounting.gaussian_epsilon(noise_multiplier, 1, asked.delta)}
    of_round = noise_multiplier, asked.rate, asked.rounds, asked.delta
    if asked.placement == "distributed":
        others = accounting.checks(*of_round)
        alike = {"pld": accounting.epsilon(*of_round), "prv[opacus]": others.get("prv[opacus]")}
        return {f"{name} of a Gaussian alike": found for name, found in alike.items() if found is not None}
    return accounting.checks(*of_round)


def voided(claimed: Privacy, reason: str) -> Privacy:
    """Returns the block of what was released without the figures that guarantee nothing."""
    assumed = claimed.epsilons.assumptions
    epsilons = Epsilons(assumptions=assumed, reasons=dict.fromkeys(assumed, reason))
    return claimed.model_copy(
        update={"guarantee": False, "reason": reason, "epsilons": epsilons, "checks": {}}
    )
